import { saslAuthenticate, saslHandshake } from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import { UnsupportedError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { SaslMechanism } from "./sasl.ts";

const UNSUPPORTED_SASL_MECHANISM = 33;

/**
 * Carries a mechanism's conversation over a fresh connection: SaslHandshake, then SaslAuthenticate until the mechanism is done.
 * @throws {UnsupportedError} for a mechanism the broker does not offer {@link BrokerError} SASL_AUTHENTICATION_FAILED
 */
export async function authenticate(
  connection: Connection,
  mechanism: SaslMechanism,
): Promise<void> {
  // Version 1 is the first whose tokens travel in SaslAuthenticate instead of bare frames.
  const { errorCode, mechanisms } = await connection.request(
    saslHandshake,
    { mechanism: mechanism.name },
    { min: 1 },
  );
  if (errorCode === UNSUPPORTED_SASL_MECHANISM) {
    const offered = mechanisms.join(", ");
    throw new UnsupportedError(`the broker offers ${offered}, not SASL ${mechanism.name}`);
  }
  throwIfError(errorCode, `SASL ${mechanism.name}`);
  const { host, port } = connection;
  const conversation = mechanism.start({ host, port });
  let token: Uint8Array | null = await conversation.first();
  while (token !== null) {
    const answer = await connection.request(saslAuthenticate, { authBytes: token });
    throwIfError(answer.errorCode, `SASL ${mechanism.name}`, answer.errorMessage);
    token = await conversation.next(Buffer.from(answer.authBytes));
  }
}
