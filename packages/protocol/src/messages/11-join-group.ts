import { array, boolean, bytes, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Enters a classic group and waits for its next generation. v4 demands a member id first
 * (KIP-394), v5 static membership (KIP-345), v8 a reason (KIP-800), v9 may tell a returning leader
 * to skip the assignment (KIP-814).
 */
export const joinGroup = api({
  key: 11,
  name: "JoinGroup",
  versions: "0-9",
  flexible: "6+",
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: "1+", default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: nullableString({ versions: "5+", default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: nullableString({ versions: "8+", default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: nullableString({ versions: "7+", default: null, ignorable: true }),
    protocolName: nullableString({ nullableVersions: "7+" }),
    leader: string(),
    skipAssignment: boolean({ versions: "9+", default: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: nullableString({ versions: "5+", default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
});

export type JoinGroupRequest = RequestOf<typeof joinGroup>;
export type JoinGroupResponse = ResponseOf<typeof joinGroup>;
export type JoinGroupRequestInput = RequestInput<typeof joinGroup>;
export type JoinGroupResponseInput = ResponseInput<typeof joinGroup>;
