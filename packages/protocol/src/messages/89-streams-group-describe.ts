import {
  array,
  boolean,
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

const endpoint = {
  host: string(),
  port: uint16(),
};

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
};

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
};

const assignment = {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
};

/** Describes streams groups (KIP-1071). */
export const streamsGroupDescribe = api({
  key: 89,
  name: "StreamsGroupDescribe",
  versions: "0",
  flexible: "0+",
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: boolean(),
  },
  response: {
    throttleTimeMs: int32(),
    groups: array({
      errorCode: int16(),
      errorMessage: nullableString({ default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      topology: nullableStruct(
        {
          epoch: int32(),
          subtopologies: nullableArray(
            {
              subtopologyId: string(),
              sourceTopics: array(string()),
              repartitionSinkTopics: array(string()),
              stateChangelogTopics: array(topicInfo),
              repartitionSourceTopics: array(topicInfo),
            },
            { default: null },
          ),
        },
        { default: null },
      ),
      members: array({
        memberId: string(),
        memberEpoch: int32(),
        instanceId: nullableString({ default: null }),
        rackId: nullableString({ default: null }),
        clientId: string(),
        clientHost: string(),
        topologyEpoch: int32(),
        processId: string(),
        userEndpoint: nullableStruct(endpoint, { default: null }),
        clientTags: array(keyValue),
        taskOffsets: array(taskOffset),
        taskEndOffsets: array(taskOffset),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        isClassic: boolean(),
      }),
      authorizedOperations: int32({ default: -0x8000_0000 }),
    }),
  },
});

export type StreamsGroupDescribeRequest = RequestOf<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeResponse = ResponseOf<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeRequestInput = RequestInput<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeResponseInput = ResponseInput<typeof streamsGroupDescribe>;
