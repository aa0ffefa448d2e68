import assert from "node:assert/strict";
import { test } from "node:test";
import { javaHash, shardOf } from "./shard.ts";

test("CG14: a group belongs to the shard of its Java hash", () => {
  // Values of String.hashCode and of Kafka's Utils.abs(hash) % 50.
  assert.equal(javaHash(""), 0);
  assert.equal(javaHash("group"), 98_629_247);
  assert.equal(javaHash("console-consumer-12345"), 158_455_506);
  assert.equal(javaHash("grüppe 😀"), -1_039_960_657);
  assert.equal(javaHash("polygenelubricants"), -2_147_483_648);
  assert.equal(shardOf("polygenelubricants", 50), 0);
  assert.equal(shardOf("console-consumer-12345", 50), 6);
  assert.equal(shardOf("group", 50), 47);
  assert.equal(shardOf("grüppe 😀", 50), 7);
});
