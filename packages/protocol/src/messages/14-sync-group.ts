import { array, bytes, int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Hands out the assignment of a generation: the leader brings it, everyone receives their part. v3
 * static membership, v5 repeats the protocol type and name.
 */
export const syncGroup = api({
  key: 14,
  name: "SyncGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: nullableString({ versions: "3+", default: null }),
    protocolType: nullableString({ versions: "5+", default: null, ignorable: true }),
    protocolName: nullableString({ versions: "5+", default: null, ignorable: true }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    protocolType: nullableString({ versions: "5+", default: null, ignorable: true }),
    protocolName: nullableString({ versions: "5+", default: null, ignorable: true }),
    assignment: bytes(),
  },
});

export type SyncGroupRequest = RequestOf<typeof syncGroup>;
export type SyncGroupResponse = ResponseOf<typeof syncGroup>;
export type SyncGroupRequestInput = RequestInput<typeof syncGroup>;
export type SyncGroupResponseInput = ResponseInput<typeof syncGroup>;
