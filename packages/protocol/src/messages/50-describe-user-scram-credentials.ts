import {
  array,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
} from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Describes SCRAM credentials, never their secrets (KIP-554). */
export const describeUserScramCredentials = api({
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: "0",
  flexible: "0+",
  request: {
    users: nullableArray({
      name: string(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: nullableString(),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: nullableString(),
      credentialInfos: array({
        mechanism: int8(),
        iterations: int32(),
      }),
    }),
  },
});

export type DescribeUserScramCredentialsRequest = RequestOf<typeof describeUserScramCredentials>;
export type DescribeUserScramCredentialsResponse = ResponseOf<typeof describeUserScramCredentials>;
export type DescribeUserScramCredentialsRequestInput = RequestInput<
  typeof describeUserScramCredentials
>;
export type DescribeUserScramCredentialsResponseInput = ResponseInput<
  typeof describeUserScramCredentials
>;
