/**
 * OAUTHBEARER (RFC 7628): one message with a bearer token, and with extensions as further key-value pairs (KIP-342), framed by 0x01:
 *
 *   n,a=AUTHORIZATION-ID, SEP auth=Bearer TOKEN SEP key=value SEP … SEP SEP
 *
 * A server that is content answers nothing. One that is not sends its reasons as JSON and wants a lone SEP before it fails.
 */
import { AuthenticationRefusedError, InvalidCredentialsError } from "../errors.ts";
import type { SaslConversation, SaslMechanism, SaslPeer } from "../mechanism.ts";

export interface OauthBearerToken {
  /** As it is sent: a JWT in its compact form, or opaque. */
  readonly value: string;
  /** Sent beside the token; names are letters only. */
  readonly extensions?: Readonly<Record<string, string>>;
  /** Whom to act as; whom the token says when left out. */
  readonly authorizationId?: string;
}

/** Hands out a token for one authentication. It is asked for every connection, so it should keep a token while that is good. */
export type OauthBearerTokenProvider = (
  peer: SaslPeer,
) => OauthBearerToken | Promise<OauthBearerToken>;

const NAME = "OAUTHBEARER";
const SEPARATOR = "\x01";
/** RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const EXTENSION_NAME = /^[A-Za-z]+$/;
const EXTENSION_VALUE = /^[\x21-\x7e \t\r\n]*$/;

export function oauthBearer(provider: OauthBearerTokenProvider): SaslMechanism {
  return { name: NAME, start: (peer) => new OauthBearerConversation(provider, peer) };
}

class OauthBearerConversation implements SaslConversation {
  readonly #provider: OauthBearerTokenProvider;
  readonly #peer: SaslPeer;
  #refusal: string | null = null;

  constructor(provider: OauthBearerTokenProvider, peer: SaslPeer) {
    this.#provider = provider;
    this.#peer = peer;
  }

  async first(): Promise<Uint8Array> {
    return Buffer.from(encode(await this.#provider(this.#peer)));
  }

  next(challenge: Buffer): Uint8Array | null {
    if (this.#refusal !== null) throw new AuthenticationRefusedError(NAME, this.#refusal);
    if (challenge.length === 0) return null;
    this.#refusal = challenge.toString("utf8");
    return Buffer.from(SEPARATOR);
  }
}

/** @throws {InvalidCredentialsError} for what would break the framing; the token is not repeated in the message */
function encode({ value, extensions = {}, authorizationId }: OauthBearerToken): string {
  if (!TOKEN.test(value)) {
    throw new InvalidCredentialsError(`${NAME}: the token has characters that no token has`);
  }
  let message = "n,";
  if (authorizationId !== undefined) {
    if (authorizationId === "" || authorizationId.includes("\0")) {
      throw new InvalidCredentialsError(`${NAME}: the authorization id is empty or has a NUL`);
    }
    message += `a=${authorizationId.replaceAll("=", "=3D").replaceAll(",", "=2C")}`;
  }
  message += `,${SEPARATOR}auth=Bearer ${value}${SEPARATOR}`;
  for (const [key, text] of Object.entries(extensions)) {
    if (!EXTENSION_NAME.test(key) || key === "auth" || !EXTENSION_VALUE.test(text)) {
      throw new InvalidCredentialsError(`${NAME}: "${key}" is not a valid extension`);
    }
    message += `${key}=${text}${SEPARATOR}`;
  }
  return message + SEPARATOR;
}
