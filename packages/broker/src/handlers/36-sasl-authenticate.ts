/** Exchanges SASL tokens; out of turn on a listener without SASL. */
import { errorCode, saslAuthenticate } from "@ottla/protocol";
import { handler } from "../handler.ts";

const ILLEGAL_SASL_STATE = errorCode("ILLEGAL_SASL_STATE");

export const saslAuthenticateHandler = handler({
  api: saslAuthenticate,
  handle: () => ({
    errorCode: ILLEGAL_SASL_STATE,
    errorMessage: "SaslAuthenticate request received after successful authentication",
    authBytes: Buffer.alloc(0),
  }),
});
