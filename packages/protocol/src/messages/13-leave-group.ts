import { array, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Leaves a classic group. v3 removes several members at once (KIP-345), v5 gives reasons
 * (KIP-800).
 */
export const leaveGroup = api({
  key: 13,
  name: "LeaveGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string(),
    memberId: string({ versions: "0-2" }),
    members: array(
      {
        memberId: string(),
        groupInstanceId: nullableString({ default: null }),
        reason: nullableString({ versions: "5+", default: null, ignorable: true }),
      },
      { versions: "3+" },
    ),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    members: array(
      {
        memberId: string(),
        groupInstanceId: nullableString(),
        errorCode: int16(),
      },
      { versions: "3+" },
    ),
  },
});

export type LeaveGroupRequest = RequestOf<typeof leaveGroup>;
export type LeaveGroupResponse = ResponseOf<typeof leaveGroup>;
export type LeaveGroupRequestInput = RequestInput<typeof leaveGroup>;
export type LeaveGroupResponseInput = ResponseInput<typeof leaveGroup>;
