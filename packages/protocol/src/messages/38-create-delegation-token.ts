import { array, bytes, int16, int32, int64, nullableString, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Creates a delegation token. v3 on behalf of another owner. */
export const createDelegationToken = api({
  key: 38,
  name: "CreateDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    ownerPrincipalType: nullableString({ versions: "3+" }),
    ownerPrincipalName: nullableString({ versions: "3+" }),
    renewers: array({
      principalType: string(),
      principalName: string(),
    }),
    maxLifetimeMs: int64(),
  },
  response: {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: "3+" }),
    tokenRequesterPrincipalName: string({ versions: "3+" }),
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
});

export type CreateDelegationTokenRequest = RequestOf<typeof createDelegationToken>;
export type CreateDelegationTokenResponse = ResponseOf<typeof createDelegationToken>;
export type CreateDelegationTokenRequestInput = RequestInput<typeof createDelegationToken>;
export type CreateDelegationTokenResponseInput = ResponseInput<typeof createDelegationToken>;
