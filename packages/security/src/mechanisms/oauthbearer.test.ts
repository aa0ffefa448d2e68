import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationRefusedError, InvalidCredentialsError } from "../errors.ts";
import { type OauthBearerToken, oauthBearer } from "./oauthbearer.ts";

const peer = { host: "server.example.com", port: 143 };
const start = (token: OauthBearerToken) => oauthBearer(() => token).start(peer);

test("the framing of RFC 7628, section 4.1, with authorization id and extensions", async () => {
  const value = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
  const extensions = { host: "server.example.com", port: "143" };
  const message = await start({ value, extensions, authorizationId: "user@example.com" }).first();
  assert.equal(
    Buffer.from(message).toString("base64"),
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQFob3N0PXNlcnZlci5leGFtcGxlLmNvbQFwb3J0PTE0MwEB",
  );
  const bare = await start({ value: "abc" }).first();
  assert.equal(String(bare), "n,,\x01auth=Bearer abc\x01\x01");
});

test("the provider is asked for every conversation, with the peer", async () => {
  const asked: unknown[] = [];
  const mechanism = oauthBearer(async (who) => {
    asked.push(who);
    return { value: `t${asked.length}` };
  });
  assert.match(String(await mechanism.start(peer).first()), /Bearer t1/);
  assert.match(String(await mechanism.start(peer).first()), /Bearer t2/);
  assert.deepEqual(asked, [peer, peer]);
  const failing = oauthBearer(() => Promise.reject(new Error("no token today")));
  await assert.rejects(async () => failing.start(peer).first(), /no token today/);
});

test("an empty answer ends the conversation; a refusal is acknowledged and then an error", async () => {
  assert.equal(await start({ value: "t" }).next(Buffer.alloc(0)), null);
  const refused = start({ value: "t" });
  const reason = '{"status":"invalid_token"}';
  assert.equal(String(await refused.next(Buffer.from(reason))), "\x01");
  await assert.rejects(
    async () => refused.next(Buffer.alloc(0)),
    (error: unknown) => error instanceof AuthenticationRefusedError && error.reason === reason,
  );
});

test("what would break the framing is refused, and the token is not repeated", async () => {
  for (const bad of [
    { value: "" },
    { value: "secret\x01x" },
    { value: "secret token" },
    { value: "t", extensions: { auth: "x" } },
    { value: "t", extensions: { "a-b": "x" } },
    { value: "t", extensions: { a: "x\x01" } },
    { value: "t", authorizationId: "" },
  ]) {
    await assert.rejects(
      async () => start(bad).first(),
      (error: unknown) =>
        error instanceof InvalidCredentialsError && !error.message.includes("secret"),
    );
  }
});
