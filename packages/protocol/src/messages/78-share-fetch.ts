import {
  array,
  boolean,
  int8,
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
 * Acquires records as a member of a share group and acknowledges earlier ones (KIP-932). v2
 * chooses how records are acquired and can renew locks.
 */
export const shareFetch = api({
  key: 78,
  name: "ShareFetch",
  versions: "1-2",
  flexible: "0+",
  request: {
    groupId: nullableString({ default: null }),
    memberId: nullableString(),
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fff_ffff }),
    maxRecords: int32(),
    batchSize: int32(),
    shareAcquireMode: int8({ versions: "2+", default: 0, ignorable: true }),
    isRenewAck: boolean({ versions: "2+", default: false }),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        acknowledgementBatches: array({
          firstOffset: int64(),
          lastOffset: int64(),
          acknowledgeTypes: array(int8()),
        }),
      }),
    }),
    forgottenTopicsData: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    acquisitionLockTimeoutMs: int32(),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: nullableString({ default: null }),
        acknowledgeErrorCode: int16(),
        acknowledgeErrorMessage: nullableString({ default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
        }),
        records: records({ nullableVersions: "0" }),
        acquiredRecords: array({
          firstOffset: int64(),
          lastOffset: int64(),
          deliveryCount: int16(),
        }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: nullableString({ default: null }),
    }),
  },
});

export type ShareFetchRequest = RequestOf<typeof shareFetch>;
export type ShareFetchResponse = ResponseOf<typeof shareFetch>;
export type ShareFetchRequestInput = RequestInput<typeof shareFetch>;
export type ShareFetchResponseInput = ResponseInput<typeof shareFetch>;
