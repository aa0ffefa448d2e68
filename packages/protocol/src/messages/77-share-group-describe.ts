import {
  array,
  boolean,
  int16,
  int32,
  nullableString,
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

const topicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
};

const assignment = {
  topicPartitions: array(topicPartitions),
};

/** Describes share groups (KIP-932). */
export const shareGroupDescribe = api({
  key: 77,
  name: "ShareGroupDescribe",
  versions: "1",
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
      assignorName: string(),
      members: array({
        memberId: string(),
        rackId: nullableString({ default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: array(string()),
        assignment: struct(assignment),
      }),
      authorizedOperations: int32({ default: -0x8000_0000 }),
    }),
  },
});

export type ShareGroupDescribeRequest = RequestOf<typeof shareGroupDescribe>;
export type ShareGroupDescribeResponse = ResponseOf<typeof shareGroupDescribe>;
export type ShareGroupDescribeRequestInput = RequestInput<typeof shareGroupDescribe>;
export type ShareGroupDescribeResponseInput = ResponseInput<typeof shareGroupDescribe>;
