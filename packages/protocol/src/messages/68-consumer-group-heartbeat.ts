import {
  array,
  int16,
  int32,
  nullableArray,
  nullableString,
  nullableStruct,
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

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
};

/**
 * Joins, keeps alive, reconciles and leaves a group of the new protocol (KIP-848). v1 lets clients
 * make their member id and subscribe by a regular expression.
 */
export const consumerGroupHeartbeat = api({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: nullableString({ default: null }),
    rackId: nullableString({ default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: nullableArray(string(), { default: null }),
    subscribedTopicRegex: nullableString({ versions: "1+", default: null }),
    serverAssignor: nullableString({ default: null }),
    topicPartitions: nullableArray(
      {
        topicId: uuid(),
        partitions: array(int32()),
      },
      { default: null },
    ),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString({ default: null }),
    memberId: nullableString({ default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: nullableStruct(
      {
        topicPartitions: array(topicPartitions),
      },
      { default: null },
    ),
  },
});

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>;
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>;
export type ConsumerGroupHeartbeatRequestInput = RequestInput<typeof consumerGroupHeartbeat>;
export type ConsumerGroupHeartbeatResponseInput = ResponseInput<typeof consumerGroupHeartbeat>;
