import { bytes, int16, int32, int64 } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Expires a delegation token. */
export const expireDelegationToken = api({
  key: 40,
  name: "ExpireDelegationToken",
  versions: "1-2",
  flexible: "2+",
  request: {
    hmac: bytes(),
    expiryTimePeriodMs: int64(),
  },
  response: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});

export type ExpireDelegationTokenRequest = RequestOf<typeof expireDelegationToken>;
export type ExpireDelegationTokenResponse = ResponseOf<typeof expireDelegationToken>;
export type ExpireDelegationTokenRequestInput = RequestInput<typeof expireDelegationToken>;
export type ExpireDelegationTokenResponseInput = ResponseInput<typeof expireDelegationToken>;
