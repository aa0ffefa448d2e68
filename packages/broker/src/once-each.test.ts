import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_MESSAGE_ELEMENTS } from "@ottla/protocol";
import { CloseConnection } from "./handler.ts";
import { onceEach } from "./once-each.ts";

test("what is asked for again is not worked out again", () => {
  const described: string[] = [];
  const describe = onceEach(
    (name: string) => {
      described.push(name);
      return { name };
    },
    () => 1,
  );
  const answers = ["a", "b", "a", "a"].map(describe);
  assert.deepEqual(
    answers.map(({ name }) => name),
    ["a", "b", "a", "a"],
  );
  assert.equal(answers[3], answers[0]);
  assert.deepEqual(described, ["a", "b"]);
});

test("an answer has no more elements than a message may", () => {
  const half = MAX_MESSAGE_ELEMENTS / 2;
  const describe = onceEach(
    (size: number) => size,
    (size) => size,
  );
  assert.deepEqual([half, half, 0].map(describe), [half, half, 0]);
  assert.throws(() => describe(1), CloseConnection);
});
