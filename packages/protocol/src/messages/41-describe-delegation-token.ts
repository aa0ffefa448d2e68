import { array, bytes, int16, int32, int64, nullableArray, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Describes delegation tokens. v3 the requester. */
export const describeDelegationToken = api({
  key: 41,
  name: "DescribeDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    owners: nullableArray({
      principalType: string(),
      principalName: string(),
    }),
  },
  response: {
    errorCode: int16(),
    tokens: array({
      principalType: string(),
      principalName: string(),
      tokenRequesterPrincipalType: string({ versions: "3+" }),
      tokenRequesterPrincipalName: string({ versions: "3+" }),
      issueTimestamp: int64(),
      expiryTimestamp: int64(),
      maxTimestamp: int64(),
      tokenId: string(),
      hmac: bytes(),
      renewers: array({
        principalType: string(),
        principalName: string(),
      }),
    }),
    throttleTimeMs: int32(),
  },
});

export type DescribeDelegationTokenRequest = RequestOf<typeof describeDelegationToken>;
export type DescribeDelegationTokenResponse = ResponseOf<typeof describeDelegationToken>;
export type DescribeDelegationTokenRequestInput = RequestInput<typeof describeDelegationToken>;
export type DescribeDelegationTokenResponseInput = ResponseInput<typeof describeDelegationToken>;
