import { bytes, int16, int64, nullableString } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/** Exchanges SASL tokens. v1 tells how long the session lives (KIP-368). */
export const saslAuthenticate = api({
  key: 36,
  name: "SaslAuthenticate",
  versions: "0-2",
  flexible: "2+",
  request: {
    authBytes: bytes(),
  },
  response: {
    errorCode: int16(),
    errorMessage: nullableString(),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: "1+", default: 0, ignorable: true }),
  },
});

export type SaslAuthenticateRequest = RequestOf<typeof saslAuthenticate>;
export type SaslAuthenticateResponse = ResponseOf<typeof saslAuthenticate>;
export type SaslAuthenticateRequestInput = RequestInput<typeof saslAuthenticate>;
export type SaslAuthenticateResponseInput = ResponseInput<typeof saslAuthenticate>;
