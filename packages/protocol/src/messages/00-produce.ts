import {
  array,
  int16,
  int32,
  int64,
  nullableString,
  records,
  string,
  struct,
  uuid,
} from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Appends record batches to partitions. v7 allows zstd, v8 reports records at fault (KIP-467), v10
 * names the leader on a miss (KIP-951), v12 joins the transaction by itself (KIP-890), v13
 * addresses topics by id. Versions below 3 are gone, though brokers still advertise them for the
 * sake of one client (KAFKA-18659).
 */
export const produce = api({
  key: 0,
  name: "Produce",
  versions: "3-13",
  flexible: "9+",
  request: {
    transactionalId: nullableString({ default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionData: array({
        index: int32(),
        records: records(),
      }),
    }),
  },
  response: {
    responses: array({
      name: string({ versions: "0-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1, ignorable: true }),
        logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
        recordErrors: array(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: nullableString({ default: null }),
          },
          { versions: "8+", ignorable: true },
        ),
        errorMessage: nullableString({ versions: "8+", default: null, ignorable: true }),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { versions: "10+", tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0, ignorable: true }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: nullableString({ default: null }),
      },
      { versions: "10+", tag: 0 },
    ),
  },
});

export type ProduceRequest = RequestOf<typeof produce>;
export type ProduceResponse = ResponseOf<typeof produce>;
export type ProduceRequestInput = RequestInput<typeof produce>;
export type ProduceResponseInput = ResponseInput<typeof produce>;
