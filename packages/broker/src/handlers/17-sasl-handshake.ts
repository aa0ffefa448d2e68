/** Chooses a SASL mechanism; on a listener without SASL there is none to choose. */
import { errorCode, saslHandshake } from "@ottla/protocol";
import { handler } from "../handler.ts";

const ILLEGAL_SASL_STATE = errorCode("ILLEGAL_SASL_STATE");

export const saslHandshakeHandler = handler({
  api: saslHandshake,
  handle: () => ({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] }),
});
