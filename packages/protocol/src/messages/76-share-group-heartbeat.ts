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

/** Joins, keeps alive and leaves a share group (KIP-932). */
export const shareGroupHeartbeat = api({
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: "1",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: nullableString({ default: null }),
    subscribedTopicNames: nullableArray(string(), { default: null }),
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

export type ShareGroupHeartbeatRequest = RequestOf<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatResponse = ResponseOf<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatRequestInput = RequestInput<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatResponseInput = ResponseInput<typeof shareGroupHeartbeat>;
