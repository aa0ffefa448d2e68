import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidCredentialsError, MalformedChallengeError } from "../errors.ts";
import { plain } from "./plain.ts";

const peer = { host: "h", port: 1 };

test("the message of RFC 4616: authorization id, user and password with NUL between, in UTF-8", async () => {
  const own = plain({ username: "tim", password: "tanstaaftanstaaf" }).start(peer);
  assert.equal(String(await own.first()), "\0tim\0tanstaaftanstaaf");
  assert.equal(await own.next(Buffer.alloc(0)), null);
  const other = plain({ username: "Kurt", password: "xipj3plmq", authorizationId: "Ursel" });
  assert.equal(String(await other.start(peer).first()), "Ursel\0Kurt\0xipj3plmq");
  const text = plain({ username: "ü", password: "€" });
  assert.equal(Buffer.from(await text.start(peer).first()).toString("hex"), "00c3bc00e282ac");
});

test("credentials that cannot be framed are refused, and so is a server that asks on", async () => {
  for (const bad of [
    { username: "", password: "p" },
    { username: "u", password: "" },
    { username: "u\0v", password: "p" },
    { username: "u", password: "p\0" },
    { username: "u", password: "p", authorizationId: "\0" },
  ]) {
    assert.throws(() => plain(bad), InvalidCredentialsError);
  }
  const conversation = plain({ username: "u", password: "p" }).start(peer);
  await assert.rejects(async () => conversation.next(Buffer.from("?")), MalformedChallengeError);
});
