import { bytes, int16, int32, int64 } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Renews a delegation token. */
export const renewDelegationToken = api({
  key: 39,
  name: "RenewDelegationToken",
  versions: "1-2",
  flexible: "2+",
  request: {
    hmac: bytes(),
    renewPeriodMs: int64(),
  },
  response: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});

export type RenewDelegationTokenRequest = RequestOf<typeof renewDelegationToken>;
export type RenewDelegationTokenResponse = ResponseOf<typeof renewDelegationToken>;
export type RenewDelegationTokenRequestInput = RequestInput<typeof renewDelegationToken>;
export type RenewDelegationTokenResponseInput = ResponseInput<typeof renewDelegationToken>;
