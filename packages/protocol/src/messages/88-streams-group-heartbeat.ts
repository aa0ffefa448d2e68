import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  nullableStruct,
  string,
  struct,
  uint16,
} from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

const keyValue = {
  key: string(),
  value: string(),
};

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValue),
};

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
};

const endpoint = {
  host: string(),
  port: uint16(),
};

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
};

const status = {
  statusCode: int8(),
  statusDetail: string(),
};

const topicPartition = {
  topic: string(),
  partitions: array(int32()),
};

/** Joins, keeps alive, reconciles and leaves a streams group (KIP-1071). */
export const streamsGroupHeartbeat = api({
  key: 88,
  name: "StreamsGroupHeartbeat",
  versions: "0",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: nullableString({ default: null }),
    rackId: nullableString({ default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: nullableStruct(
      {
        epoch: int32(),
        subtopologies: array({
          subtopologyId: string(),
          sourceTopics: array(string()),
          sourceTopicRegex: array(string()),
          stateChangelogTopics: array(topicInfo),
          repartitionSinkTopics: array(string()),
          repartitionSourceTopics: array(topicInfo),
          copartitionGroups: array({
            sourceTopics: array(int16()),
            sourceTopicRegex: array(int16()),
            repartitionSourceTopics: array(int16()),
          }),
        }),
      },
      { default: null },
    ),
    activeTasks: nullableArray(taskIds, { default: null }),
    standbyTasks: nullableArray(taskIds, { default: null }),
    warmupTasks: nullableArray(taskIds, { default: null }),
    processId: nullableString({ default: null }),
    userEndpoint: nullableStruct(endpoint, { default: null }),
    clientTags: nullableArray(keyValue, { default: null }),
    taskOffsets: nullableArray(taskOffset, { default: null }),
    taskEndOffsets: nullableArray(taskOffset, { default: null }),
    shutdownApplication: boolean({ default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLag: int32(),
    taskOffsetIntervalMs: int32(),
    status: nullableArray(status),
    activeTasks: nullableArray(taskIds, { default: null }),
    standbyTasks: nullableArray(taskIds, { default: null }),
    warmupTasks: nullableArray(taskIds, { default: null }),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: nullableArray(
      {
        userEndpoint: struct(endpoint),
        activePartitions: array(topicPartition),
        standbyPartitions: array(topicPartition),
      },
      { default: null },
    ),
  },
});

export type StreamsGroupHeartbeatRequest = RequestOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatResponse = ResponseOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatRequestInput = RequestInput<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatResponseInput = ResponseInput<typeof streamsGroupHeartbeat>;
