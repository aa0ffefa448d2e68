/**
 * PLAIN (RFC 4616): one message of `authorization id NUL user NUL password` in UTF-8. The password travels as it is: only over TLS.
 */
import { InvalidCredentialsError, MalformedChallengeError } from "../errors.ts";
import type { SaslMechanism } from "../mechanism.ts";

export interface PlainCredentials {
  readonly username: string;
  readonly password: string;
  /** Whom to act as; the user when left out. */
  readonly authorizationId?: string;
}

const NAME = "PLAIN";

/** @throws {InvalidCredentialsError} for an empty user or password, and for a NUL in either */
export function plain(credentials: PlainCredentials): SaslMechanism {
  const { username, password, authorizationId = "" } = credentials;
  if (username === "") throw new InvalidCredentialsError(`${NAME}: the user name is empty`);
  if (password === "") throw new InvalidCredentialsError(`${NAME}: the password is empty`);
  if ([username, password, authorizationId].some((part) => part.includes("\0"))) {
    throw new InvalidCredentialsError(`${NAME}: NUL is not allowed in credentials`);
  }
  return {
    name: NAME,
    start: () => ({
      first: () => Buffer.from(`${authorizationId}\0${username}\0${password}`),
      next(challenge) {
        if (challenge.length === 0) return null;
        throw new MalformedChallengeError(NAME, "it has nothing to ask");
      },
    }),
  };
}
