import { int16, int32, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Keeps a classic-group member alive between polls. v3 static membership (KIP-345). */
export const heartbeat = api({
  key: 12,
  name: "Heartbeat",
  versions: "0-4",
  flexible: "4+",
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: nullableString({ versions: "3+", default: null }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
  },
});

export type HeartbeatRequest = RequestOf<typeof heartbeat>;
export type HeartbeatResponse = ResponseOf<typeof heartbeat>;
export type HeartbeatRequestInput = RequestInput<typeof heartbeat>;
export type HeartbeatResponseInput = ResponseInput<typeof heartbeat>;
