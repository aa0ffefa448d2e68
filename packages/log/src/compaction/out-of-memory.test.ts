import assert from "node:assert/strict";
import { test } from "node:test";
import { UncleanableBatch } from "./batch-cleaner.ts";
import { isOutOfMemory } from "./out-of-memory.ts";

const TOO_MUCH = 2 ** 46;

function failureOf(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

test("a lack of memory is told apart, also where it kept a batch from being read", () => {
  for (const act of [
    () => Buffer.allocUnsafeSlow(TOO_MUCH),
    () => new ArrayBuffer(TOO_MUCH),
    () => new Int32Array(TOO_MUCH),
  ]) {
    const failure = failureOf(act);
    assert.ok(isOutOfMemory(failure));
    assert.ok(isOutOfMemory(new UncleanableBatch(7, "cannot be read", failure)));
  }
  const beyond = failureOf(() => Buffer.alloc(1).readInt32BE(0));
  for (const other of [beyond, new UncleanableBatch(7, "cannot be read", beyond), null]) {
    assert.ok(!isOutOfMemory(other));
  }
});
