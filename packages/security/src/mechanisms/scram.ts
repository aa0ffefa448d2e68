/**
 * SCRAM (RFC 5802) with SHA-256 (RFC 7677) and SHA-512: neither side shows the password, and each proves to the other that it knows it.
 *
 *   client  n,,n=USER,r=NONCE
 *   server  r=NONCE+MORE,s=SALT,i=ITERATIONS
 *   client  c=biws,r=NONCE+MORE,p=PROOF
 *   server  v=SIGNATURE                              or e=REASON
 *
 *   SaltedPassword = PBKDF2(password, salt, iterations)
 *   ClientKey = HMAC(SaltedPassword, "Client Key"), StoredKey = H(ClientKey), ServerKey = HMAC(SaltedPassword, "Server Key")
 *   AuthMessage = the first message without its header, the server's first, the last without its proof, with commas between
 *   PROOF = ClientKey xor HMAC(StoredKey, AuthMessage), SIGNATURE = HMAC(ServerKey, AuthMessage)
 *
 * Channel binding is not offered (`n,,`, whose base64 is `biws`): Kafka has none.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Random } from "@ottla/platform";
import {
  AuthenticationRefusedError,
  InvalidCredentialsError,
  MalformedChallengeError,
  UntrustedServerError,
} from "../errors.ts";
import type { SaslConversation, SaslMechanism } from "../mechanism.ts";
import { saslPrep } from "../sasl-prep.ts";

export type ScramHash = "SHA-256" | "SHA-512";

export interface ScramCredentials {
  readonly username: string;
  readonly password: string;
  /**
   * How user name and password become bytes. Default: `none`, which is UTF-8 as they are: Kafka and its clients prepare nothing, so a
   * password that SASLprep changes would be another one there. `saslprep` is what RFC 5802 asks for.
   */
  readonly preparation?: "none" | "saslprep";
}

/** Fewer make a stolen exchange cheap to guess from: RFC 7677 and Kafka both set this floor. */
export const MIN_ITERATIONS = 4096;
/** A server that asks for more is after this side's processor. */
export const MAX_ITERATIONS = 1_000_000;

const NONCE_BYTES = 24;
const HASHES = {
  "SHA-256": { algorithm: "sha256", bytes: 32 },
  "SHA-512": { algorithm: "sha512", bytes: 64 },
} as const;
const GS2_HEADER = "n,,";
const CHANNEL_BINDING = Buffer.from(GS2_HEADER).toString("base64");

const derive = promisify(pbkdf2);

/** What a broker keeps of a password: derived from it, so that it need not know it. `iterations` make it slow to guess. */
export function saltedPassword(
  hash: ScramHash,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<Buffer> {
  const { algorithm, bytes } = HASHES[hash];
  return derive(password, salt, iterations, bytes, algorithm);
}

/** @throws {InvalidCredentialsError} for an empty user or password, or one that SASLprep refuses where it is asked for */
export function scram(
  hash: ScramHash,
  credentials: ScramCredentials,
  random: Random,
): SaslMechanism {
  const name = `SCRAM-${hash}`;
  const prepare = credentials.preparation === "saslprep" ? saslPrep : (text: string) => text;
  const username = prepare(credentials.username);
  const password = prepare(credentials.password);
  if (username === "") throw new InvalidCredentialsError(`${name}: the user name is empty`);
  if (password === "") throw new InvalidCredentialsError(`${name}: the password is empty`);
  const keys = new SaltedPasswords(hash, password);
  return {
    name,
    start: () => new ScramConversation(hash, username, keys, random.bytes(NONCE_BYTES)),
  };
}

/**
 * The last salted password, since deriving one takes milliseconds and every connection to a cluster needs the same. Concurrent
 * conversations share the derivation.
 */
class SaltedPasswords {
  readonly #hash: ScramHash;
  readonly #password: string;
  #last: { readonly key: string; readonly derived: Promise<Buffer> } | null = null;

  constructor(hash: ScramHash, password: string) {
    this.#hash = hash;
    this.#password = password;
  }

  get(salt: Buffer, iterations: number): Promise<Buffer> {
    const key = `${iterations},${salt.toString("base64")}`;
    if (this.#last?.key !== key) {
      this.#last = {
        key,
        derived: saltedPassword(this.#hash, this.#password, salt, iterations),
      };
    }
    return this.#last.derived;
  }
}

class ScramConversation implements SaslConversation {
  readonly #mechanism: string;
  readonly #algorithm: string;
  readonly #keys: SaltedPasswords;
  readonly #nonce: string;
  readonly #bareFirst: string;
  #state: "first" | "final" | "done" = "first";
  /** What the server has to sign with, once it is known. */
  #signature: Buffer | null = null;

  constructor(hash: ScramHash, username: string, keys: SaltedPasswords, nonce: Buffer) {
    this.#mechanism = `SCRAM-${hash}`;
    this.#algorithm = HASHES[hash].algorithm;
    this.#keys = keys;
    this.#nonce = nonce.toString("base64");
    this.#bareFirst = `n=${escapeName(username)},r=${this.#nonce}`;
  }

  first(): Uint8Array {
    return Buffer.from(GS2_HEADER + this.#bareFirst);
  }

  async next(challenge: Buffer): Promise<Uint8Array | null> {
    const message = challenge.toString("utf8");
    switch (this.#state) {
      case "first":
        this.#state = "final";
        return await this.#prove(message);
      case "final":
        this.#state = "done";
        this.#verify(message);
        return null;
      case "done":
        throw this.#malformed("the conversation is over");
    }
  }

  async #prove(serverFirst: string): Promise<Uint8Array> {
    const attributes = this.#parse(serverFirst);
    if (attributes.has("m")) throw this.#malformed("it demands an extension that is not known");
    const nonce = attributes.get("r") ?? "";
    const salt = this.#base64(attributes.get("s"), "salt");
    const count = attributes.get("i") ?? "";
    if (!/^[1-9]\d{0,9}$/.test(count)) throw this.#malformed("no iteration count");
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw this.#untrusted("its nonce does not continue this side's");
    }
    const iterations = Number(count);
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      const range = `${MIN_ITERATIONS} to ${MAX_ITERATIONS}`;
      throw this.#untrusted(`it asks for ${iterations} iterations instead of ${range}`);
    }
    const salted = await this.#keys.get(salt, iterations);
    const bareFinal = `c=${CHANNEL_BINDING},r=${nonce}`;
    const authMessage = `${this.#bareFirst},${serverFirst},${bareFinal}`;
    const clientKey = this.#hmac(salted, "Client Key");
    const storedKey = createHash(this.#algorithm).update(clientKey).digest();
    const proof = this.#hmac(storedKey, authMessage);
    for (let i = 0; i < proof.length; i++) proof[i]! ^= clientKey[i]!;
    this.#signature = this.#hmac(this.#hmac(salted, "Server Key"), authMessage);
    return Buffer.from(`${bareFinal},p=${proof.toString("base64")}`);
  }

  #verify(serverFinal: string): void {
    const attributes = this.#parse(serverFinal);
    const signature = this.#base64(attributes.get("v"), "signature");
    const expected = this.#signature!;
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw this.#untrusted("its signature is wrong: it does not know the password");
    }
  }

  /** Attributes by letter. @throws when the message is none, or is an error */
  #parse(message: string): Map<string, string> {
    const attributes = new Map<string, string>();
    for (const part of message.split(",")) {
      const letter = part[0];
      if (letter === undefined || !/^[A-Za-z]=/.test(part) || attributes.has(letter)) {
        throw this.#malformed("no list of attributes");
      }
      attributes.set(letter, part.slice(2));
    }
    const reason = attributes.get("e");
    if (reason !== undefined) throw new AuthenticationRefusedError(this.#mechanism, reason);
    return attributes;
  }

  #base64(text: string | undefined, what: string): Buffer {
    const isValid =
      text !== undefined && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
    if (!isValid) throw this.#malformed(`no ${what}`);
    return Buffer.from(text, "base64");
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#algorithm, key).update(text).digest();
  }

  #malformed(what: string): MalformedChallengeError {
    return new MalformedChallengeError(this.#mechanism, what);
  }

  #untrusted(what: string): UntrustedServerError {
    return new UntrustedServerError(this.#mechanism, what);
  }
}

/** Commas and equals signs have meanings of their own in messages. */
function escapeName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}
