import assert from "node:assert/strict";
import { test } from "node:test";
import { storedOffset } from "./group-offsets.ts";
import { PendingOffsets } from "./pending-offsets.ts";

function at(position: number) {
  const value = {
    offset: 1,
    leaderEpoch: -1,
    metadata: "",
    commitTimestampMs: 0,
    expireTimestampMs: -1,
    topicId: null,
  };
  return storedOffset(value, position);
}

test("what is pending is known by partition, whoever wrote it and however it ends", () => {
  const pending = new PendingOffsets();
  const isPending = () => [0, 1].map((partition) => pending.has("group", "topic", partition));
  pending.add(1, "group", "topic", 0, at(0));
  pending.add(1, "group", "topic", 0, at(1));
  pending.add(2, "group", "topic", 0, at(2));
  pending.add(2, "group", "topic", 1, at(3));
  assert.deepEqual(isPending(), [true, true]);
  pending.take(1);
  assert.deepEqual(isPending(), [true, true]);
  pending.delete("group", "topic", 0);
  assert.deepEqual(isPending(), [false, true]);
  pending.add(3, "group", "topic", 0, at(4));
  assert.deepEqual(isPending(), [true, true]);
  pending.take(2);
  assert.deepEqual(isPending(), [true, false]);
  pending.clear();
  assert.deepEqual(isPending(), [false, false]);
  assert.equal(pending.hasGroup("group"), false);
});
