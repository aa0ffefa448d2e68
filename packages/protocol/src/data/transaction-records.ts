/**
 * Records of `__transaction_state`, in Kafka's layout.
 */
import { array, int8, int16, int32, int64, nullableArray, string } from "../schema/fields.ts";
import { coordinatorRecord } from "./coordinator-record.ts";

/**
 * State of a transactional id. v1 is flexible and carries what KIP-890 needs as tagged fields.
 */
export const transactionLogRecord = coordinatorRecord({
  type: 0,
  name: "TransactionLog",
  versions: "0-1",
  flexible: "1+",
  key: {
    transactionalId: string(),
  },
  value: {
    producerId: int64(),
    previousProducerId: int64({ versions: "1+", tag: 0, default: -1 }),
    nextProducerId: int64({ versions: "1+", tag: 1, default: -1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ versions: "1+", tag: 3, default: -1 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: nullableArray({
      topic: string(),
      partitionIds: array(int32()),
    }),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16({ versions: "1+", tag: 2, default: 0 }),
  },
});
