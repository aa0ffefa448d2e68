import { boolean, int16, int32, int64, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Commits or aborts a transaction. v5 returns the producer id and epoch for the next one
 * (KIP-890).
 */
export const endTxn = api({
  key: 26,
  name: "EndTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ versions: "5+", default: -1, ignorable: true }),
    producerEpoch: int16({ versions: "5+", default: -1, ignorable: true }),
  },
});

export type EndTxnRequest = RequestOf<typeof endTxn>;
export type EndTxnResponse = ResponseOf<typeof endTxn>;
export type EndTxnRequestInput = RequestInput<typeof endTxn>;
export type EndTxnResponseInput = ResponseInput<typeof endTxn>;
