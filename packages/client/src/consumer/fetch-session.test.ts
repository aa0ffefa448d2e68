import assert from "node:assert/strict";
import { test } from "node:test";
import { FetchSession, type WantedPartition } from "./fetch-session.ts";

function wanted(topic: string, partition: number, fetchOffset = 0): WantedPartition {
  return {
    topic,
    topicId: `id-${topic}`,
    partition,
    fetchOffset,
    leaderEpoch: 0,
    lastFetchedEpoch: -1,
    maxBytes: 1000,
  };
}

const names = (partitions: readonly WantedPartition[]) =>
  partitions.map(({ topic, partition }) => `${topic}${partition}`);

test("KIP-227: after a full request only what changed is sent, and what is not wanted any more is forgotten", () => {
  const session = new FetchSession();
  const first = session.build([wanted("a", 0), wanted("a", 1), wanted("b", 0)], true);
  assert.deepEqual([first.sessionId, first.sessionEpoch], [0, 0]);
  assert.deepEqual(names(first.partitions), ["a0", "a1", "b0"]);
  session.onAnswer(55);
  const second = session.build([wanted("a", 0), wanted("a", 1, 10)], true);
  assert.deepEqual([second.sessionId, second.sessionEpoch], [55, 1]);
  assert.deepEqual(names(second.partitions), ["a1"]);
  assert.deepEqual(names(second.forgotten), ["b0"]);
  session.onAnswer(55);
  const third = session.build([wanted("a", 0), wanted("a", 1, 10), wanted("b", 0)], true);
  assert.equal(third.sessionEpoch, 2);
  assert.deepEqual(names(third.partitions), ["b0"]);
  assert.deepEqual(names(third.forgotten), []);
});

test("a broker that keeps no session, a lost session and other topic naming lead to full requests", () => {
  const session = new FetchSession();
  const all = [wanted("a", 0), wanted("a", 1)];
  const assertFull = (isById: boolean) => {
    const request = session.build(all, isById);
    assert.deepEqual([request.sessionId, request.sessionEpoch], [0, 0]);
    assert.deepEqual(names(request.partitions), ["a0", "a1"]);
  };
  assertFull(true);
  session.onAnswer(0);
  assertFull(true);
  session.onAnswer(7);
  session.reset();
  assertFull(true);
  session.onAnswer(8);
  assertFull(false);
});
