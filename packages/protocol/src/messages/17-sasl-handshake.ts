import { array, int16, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Chooses a SASL mechanism. Never flexible. After v0 the tokens follow bare, after v1 inside
 * SaslAuthenticate.
 */
export const saslHandshake = api({
  key: 17,
  name: "SaslHandshake",
  versions: "0-1",
  flexible: "none",
  request: {
    mechanism: string(),
  },
  response: {
    errorCode: int16(),
    mechanisms: array(string()),
  },
});

export type SaslHandshakeRequest = RequestOf<typeof saslHandshake>;
export type SaslHandshakeResponse = ResponseOf<typeof saslHandshake>;
export type SaslHandshakeRequestInput = RequestInput<typeof saslHandshake>;
export type SaslHandshakeResponseInput = ResponseInput<typeof saslHandshake>;
