import { array, boolean, int16, int32, int64, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: array(int32()),
};

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
};

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
};

/**
 * Adds partitions to a transaction. Up to v3 for clients; v4 and v5 batch several transactions,
 * for brokers.
 */
export const addPartitionsToTxn = api({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactions: array(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: boolean({ default: false }),
        topics: array(addPartitionsToTxnTopic),
      },
      { versions: "4+" },
    ),
    v3AndBelowTransactionalId: string({ versions: "0-3" }),
    v3AndBelowProducerId: int64({ versions: "0-3" }),
    v3AndBelowProducerEpoch: int16({ versions: "0-3" }),
    v3AndBelowTopics: array(addPartitionsToTxnTopic, { versions: "0-3" }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "4+", ignorable: true }),
    resultsByTransaction: array(
      {
        transactionalId: string(),
        topicResults: array(addPartitionsToTxnTopicResult),
      },
      { versions: "4+" },
    ),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, { versions: "0-3" }),
  },
});

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnRequestInput = RequestInput<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnResponseInput = ResponseInput<typeof addPartitionsToTxn>;
