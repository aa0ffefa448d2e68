import { array, int16, int32, int64, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Lists transactions (KIP-664). v1 filters by duration (KIP-994), v2 by a pattern of the
 * transactional id.
 */
export const listTransactions = api({
  key: 66,
  name: "ListTransactions",
  versions: "0-2",
  flexible: "0+",
  request: {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: int64({ versions: "1+", default: -1 }),
    transactionalIdPattern: nullableString({ versions: "2+", default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
});

export type ListTransactionsRequest = RequestOf<typeof listTransactions>;
export type ListTransactionsResponse = ResponseOf<typeof listTransactions>;
export type ListTransactionsRequestInput = RequestInput<typeof listTransactions>;
export type ListTransactionsResponseInput = ResponseInput<typeof listTransactions>;
