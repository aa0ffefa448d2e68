import { array, boolean, bytes, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Describes classic groups and their members. v3 authorized operations, v6 an error for a group
 * that does not exist.
 */
export const describeGroups = api({
  key: 15,
  name: "DescribeGroups",
  versions: "0-6",
  flexible: "5+",
  request: {
    groups: array(string()),
    includeAuthorizedOperations: boolean({ versions: "3+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    groups: array({
      errorCode: int16(),
      errorMessage: nullableString({ versions: "6+", default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: nullableString({ versions: "4+", default: null, ignorable: true }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ versions: "3+", default: -0x8000_0000 }),
    }),
  },
});

export type DescribeGroupsRequest = RequestOf<typeof describeGroups>;
export type DescribeGroupsResponse = ResponseOf<typeof describeGroups>;
export type DescribeGroupsRequestInput = RequestInput<typeof describeGroups>;
export type DescribeGroupsResponseInput = ResponseInput<typeof describeGroups>;
