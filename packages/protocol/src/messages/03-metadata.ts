import {
  array,
  boolean,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
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
 * Describes brokers, topics and partitions. v0 asks for all topics with an empty list, v1 and
 * later with null; v10 topic ids, v12 look-up by id, v13 a top-level error.
 */
export const metadata = api({
  key: 3,
  name: "Metadata",
  versions: "0-13",
  flexible: "9+",
  request: {
    topics: nullableArray(
      {
        topicId: uuid({ versions: "10+", ignorable: true }),
        name: nullableString({ nullableVersions: "10+" }),
      },
      { nullableVersions: "1+" },
    ),
    allowAutoTopicCreation: boolean({ versions: "4+", default: true }),
    includeClusterAuthorizedOperations: boolean({ versions: "8-10" }),
    includeTopicAuthorizedOperations: boolean({ versions: "8+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: nullableString({ versions: "1+", default: null, ignorable: true }),
    }),
    clusterId: nullableString({ versions: "2+", default: null, ignorable: true }),
    controllerId: int32({ versions: "1+", default: -1, ignorable: true }),
    topics: array({
      errorCode: int16(),
      name: nullableString({ nullableVersions: "12+" }),
      topicId: uuid({ versions: "10+", ignorable: true }),
      isInternal: boolean({ versions: "1+", default: false, ignorable: true }),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        offlineReplicas: array(int32(), { versions: "5+", ignorable: true }),
      }),
      topicAuthorizedOperations: int32({ versions: "8+", default: -0x8000_0000 }),
    }),
    clusterAuthorizedOperations: int32({ versions: "8-10", default: -0x8000_0000 }),
    errorCode: int16({ versions: "13+", ignorable: true }),
  },
});

export type MetadataRequest = RequestOf<typeof metadata>;
export type MetadataResponse = ResponseOf<typeof metadata>;
export type MetadataRequestInput = RequestInput<typeof metadata>;
export type MetadataResponseInput = ResponseInput<typeof metadata>;
