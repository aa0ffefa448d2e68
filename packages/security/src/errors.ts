/** What can go wrong in an authentication, as classes with readonly fields. */

/** The root of all errors of this package. */
export abstract class SecurityError extends Error {}

/** A setting that can never work, such as an empty user name. */
export class InvalidCredentialsError extends SecurityError {
  override readonly name = "InvalidCredentialsError";
}

/** The server refused the credentials. `reason` is the server's own word. */
export class AuthenticationRefusedError extends SecurityError {
  override readonly name = "AuthenticationRefusedError";
  readonly mechanism: string;
  readonly reason: string;

  constructor(mechanism: string, reason: string) {
    super(`${mechanism}: the server refused the credentials: ${reason}`);
    this.mechanism = mechanism;
    this.reason = reason;
  }
}

/**
 * The server did not prove that it knows the credentials, or asks for less than is safe: it may not be the one it says it is. Nothing
 * may be sent to it.
 */
export class UntrustedServerError extends SecurityError {
  override readonly name = "UntrustedServerError";
  readonly mechanism: string;

  constructor(mechanism: string, what: string) {
    super(`${mechanism}: the server cannot be trusted: ${what}`);
    this.mechanism = mechanism;
  }
}

/** The server's message does not follow the mechanism. */
export class MalformedChallengeError extends SecurityError {
  override readonly name = "MalformedChallengeError";
  readonly mechanism: string;

  constructor(mechanism: string, what: string) {
    super(`${mechanism}: malformed message from the server: ${what}`);
    this.mechanism = mechanism;
  }
}
