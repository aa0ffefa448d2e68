import {
  type Api,
  type RequestInput,
  type ResponseOf,
  saslAuthenticate,
  saslHandshake,
} from "@ottla/protocol";
import type { SaslMechanism, SaslPeer } from "@ottla/security";
import { throwIfError } from "../broker-error.ts";
import { AuthenticationError, UnsupportedError } from "../errors.ts";
import type { VersionBounds } from "./versions.ts";

type Answer = ResponseOf<typeof saslAuthenticate>;

const UNSUPPORTED_SASL_MECHANISM = 33;

/** The connection to authenticate, seen from here. */
export interface SaslCarrier extends SaslPeer {
  /** Called once the first message is at hand: until the end nothing else may be sent. */
  begin(): void;
  request<A extends Api>(
    api: A,
    body: RequestInput<A>,
    bounds?: VersionBounds,
  ): Promise<ResponseOf<A>>;
}

/**
 * Carries a mechanism's conversation over a connection: SaslHandshake, then SaslAuthenticate until the mechanism is done. Returns how
 * long the session lives in milliseconds, or 0 for one without an end (KIP-368).
 * @throws {UnsupportedError} for a mechanism the broker does not offer {@link BrokerError} SASL_AUTHENTICATION_FAILED
 * {@link AuthenticationError} when this side has nothing to say or does not trust what it heard
 */
export async function authenticate(
  carrier: SaslCarrier,
  mechanism: SaslMechanism,
): Promise<number> {
  const what = `SASL ${mechanism.name}`;
  const { host, port } = carrier;
  const conversation = mechanism.start({ host, port });
  let token: Uint8Array | null = await said(what, () => conversation.first());
  carrier.begin();
  // Version 1 is the first whose tokens travel in SaslAuthenticate instead of bare frames.
  const { errorCode, mechanisms } = await carrier.request(
    saslHandshake,
    { mechanism: mechanism.name },
    { min: 1 },
  );
  if (errorCode === UNSUPPORTED_SASL_MECHANISM) {
    throw new UnsupportedError(`the broker offers ${mechanisms.join(", ")}, not ${what}`);
  }
  throwIfError(errorCode, what);
  let sessionLifetimeMs = 0;
  while (token !== null) {
    const answer: Answer = await carrier.request(saslAuthenticate, { authBytes: token });
    throwIfError(answer.errorCode, what, answer.errorMessage);
    sessionLifetimeMs = answer.sessionLifetimeMs;
    token = await said(what, () => conversation.next(Buffer.from(answer.authBytes)));
  }
  return sessionLifetimeMs;
}

async function said<T>(what: string, say: () => T | Promise<T>): Promise<T> {
  try {
    return await say();
  } catch (error) {
    throw new AuthenticationError(what, error);
  }
}
