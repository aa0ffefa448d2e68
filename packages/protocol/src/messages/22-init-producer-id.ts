import { boolean, int16, int32, int64, nullableString } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Obtains a producer id and epoch. v3 resumes an epoch (KIP-360), v6 adds two-phase commit
 * (KIP-939) and is not stable.
 */
export const initProducerId = api({
  key: 22,
  name: "InitProducerId",
  versions: "0-5",
  unstableVersions: "6",
  flexible: "2+",
  request: {
    transactionalId: nullableString(),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: "3+", default: -1 }),
    producerEpoch: int16({ versions: "3+", default: -1 }),
    enable2Pc: boolean({ versions: "6+", default: false }),
    keepPreparedTxn: boolean({ versions: "6+", default: false }),
  },
  response: {
    throttleTimeMs: int32({ ignorable: true }),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
    ongoingTxnProducerId: int64({ versions: "6+", default: -1 }),
    ongoingTxnProducerEpoch: int16({ versions: "6+", default: -1 }),
  },
});

export type InitProducerIdRequest = RequestOf<typeof initProducerId>;
export type InitProducerIdResponse = ResponseOf<typeof initProducerId>;
export type InitProducerIdRequestInput = RequestInput<typeof initProducerId>;
export type InitProducerIdResponseInput = ResponseInput<typeof initProducerId>;
