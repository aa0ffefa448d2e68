import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { type Random, SystemRandom } from "@ottla/platform";
import fc from "fast-check";
import {
  AuthenticationRefusedError,
  InvalidCredentialsError,
  MalformedChallengeError,
  SecurityError,
  UntrustedServerError,
} from "../errors.ts";
import { type ScramCredentials, type ScramHash, scram } from "./scram.ts";

const peer = { host: "h", port: 1 };

/** Randomness whose bytes are those of a nonce in base64. */
function fixed(nonce: string): Random {
  const system = new SystemRandom();
  return {
    bytes: () => Buffer.from(nonce, "base64"),
    integer: (bound) => system.integer(bound),
    uuid: () => system.uuid(),
  };
}

const user: ScramCredentials = { username: "user", password: "pencil" };
/** As it is sent, without padding trouble: 24 bytes are 32 characters. */
const NONCE = "rOprNGfwEbeRWgbNEkqOrOprNGfwEbeR";

const start = (hash: ScramHash = "SHA-256", credentials = user) =>
  scram(hash, credentials, fixed(NONCE)).start(peer);

/** The server's side, written apart from the code under test. */
function server(hash: ScramHash, password: string, iterations = 4096) {
  const algorithm = hash === "SHA-256" ? "sha256" : "sha512";
  const bytes = hash === "SHA-256" ? 32 : 64;
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const salted = pbkdf2Sync(password, salt, iterations, bytes, algorithm);
  const hmac = (key: Buffer, text: string) => createHmac(algorithm, key).update(text).digest();
  const storedKey = createHash(algorithm).update(hmac(salted, "Client Key")).digest();
  let bareFirst = "";
  let ownFirst = "";
  return {
    answerFirst(message: string): string {
      bareFirst = message.slice("n,,".length);
      const nonce = /r=([^,]*)/.exec(bareFirst)![1]!;
      ownFirst = `r=${nonce}%hvYDpWUa,s=${salt.toString("base64")},i=${iterations}`;
      return ownFirst;
    },
    answerFinal(message: string): string {
      const [, bare, proof] = /^(c=biws,r=[^,]*),p=(.*)$/.exec(message)!;
      const authMessage = `${bareFirst},${ownFirst},${bare}`;
      const signature = hmac(storedKey, authMessage);
      const clientKey = Buffer.from(proof!, "base64").map((byte, i) => byte ^ signature[i]!);
      const isRight = createHash(algorithm).update(clientKey).digest().equals(storedKey);
      if (!isRight) return "e=invalid-proof";
      return `v=${hmac(hmac(salted, "Server Key"), authMessage).toString("base64")}`;
    },
  };
}

async function authenticate(
  hash: ScramHash,
  credentials: ScramCredentials,
  peerPassword: string,
): Promise<Uint8Array | null> {
  const conversation = scram(hash, credentials, new SystemRandom()).start(peer);
  const other = server(hash, peerPassword);
  const first = other.answerFirst(String(await conversation.first()));
  const final = other.answerFinal(String(await conversation.next(Buffer.from(first))));
  return await conversation.next(Buffer.from(final));
}

test("the exchange of RFC 7677, section 3", async () => {
  // The RFC's nonce is shorter than ours and not base64 of whole bytes: handed over as the text it is.
  const nonce = Buffer.from("r");
  nonce.toString = () => "rOprNGfwEbeRWgbNEkqO";
  const random = { ...fixed(NONCE), bytes: () => nonce };
  const conversation = scram("SHA-256", user, random).start(peer);
  assert.equal(String(await conversation.first()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const serverFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
  const final = await conversation.next(Buffer.from(serverFirst));
  assert.equal(
    String(final),
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
  assert.equal(await conversation.next(Buffer.from(serverFinal)), null);
});

for (const hash of ["SHA-256", "SHA-512"] as const) {
  test(`SCRAM-${hash}: both sides agree when they know the same password, and only then`, async () => {
    assert.equal(await authenticate(hash, user, "pencil"), null);
    await assert.rejects(authenticate(hash, user, "pen"), AuthenticationRefusedError);
  });
}

test("text goes as it is unless it is to be prepared", async () => {
  const credentials = { username: "u", password: "I\u00adX" };
  assert.equal(await authenticate("SHA-256", credentials, "I\u00adX"), null);
  const prepared = { ...credentials, preparation: "saslprep" } as const;
  assert.equal(await authenticate("SHA-256", prepared, "IX"), null);
  assert.throws(
    () => scram("SHA-256", { ...prepared, password: "\u0007" }, new SystemRandom()),
    InvalidCredentialsError,
  );
});

test("commas and equals signs in user names are escaped, empty credentials refused", async () => {
  const first = await start("SHA-256", { username: "a=b,c", password: "p" }).first();
  assert.equal(String(first), `n,,n=a=3Db=2Cc,r=${NONCE}`);
  for (const bad of [
    { username: "", password: "p" },
    { username: "u", password: "" },
  ]) {
    assert.throws(() => scram("SHA-512", bad, new SystemRandom()), InvalidCredentialsError);
  }
});

test("a server with another nonce, or too few or too many iterations, is not trusted", async () => {
  const salt = "s=W22ZaJ0SNY7soEsUEjb6gQ==";
  for (const message of [
    `r=other,${salt},i=4096`,
    `r=${NONCE},${salt},i=4096`,
    `r=${NONCE}x,${salt},i=4095`,
    `r=${NONCE}x,${salt},i=1000001`,
  ]) {
    await assert.rejects(async () => start().next(Buffer.from(message)), UntrustedServerError);
  }
});

test("a server that cannot sign is not trusted, one that refuses is quoted", async () => {
  const answer = async (final: string) => {
    const conversation = start();
    const first = server("SHA-256", "pencil").answerFirst(String(await conversation.first()));
    await conversation.next(Buffer.from(first));
    return await conversation.next(Buffer.from(final));
  };
  const zeros = Buffer.alloc(32).toString("base64");
  await assert.rejects(answer(`v=${zeros}`), UntrustedServerError);
  await assert.rejects(answer("v=AAAA"), UntrustedServerError);
  await assert.rejects(answer(""), MalformedChallengeError);
  await assert.rejects(answer("e=unknown-user"), /refused the credentials: unknown-user/);
});

test("no message of a server, however odd, does anything but fail with an error of this package", async () => {
  const odd = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string().map((text) => `r=${NONCE}x,${text}`),
    fc.tuple(fc.string(), fc.string()).map(([salt, count]) => `r=${NONCE}x,s=${salt},i=${count}`),
    fc.constant(`m=ext,r=${NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`),
  );
  await fc.assert(
    fc.asyncProperty(odd, async (message) => {
      await assert.rejects(async () => start().next(Buffer.from(message)), SecurityError);
    }),
  );
});
