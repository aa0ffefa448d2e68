import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock } from "@ottla/platform";
import {
  type FetchPartition,
  FetchSessionCache,
  type OpenedFetch,
  type SessionRequest,
} from "./fetch-sessions.ts";

const SEED = 7;

test("a full fetch begins a session that later requests continue epoch by epoch", () => {
  const { cache } = newCache();
  const first = opened(cache, { partitions: [partition("a", 0), partition("a", 1)] });
  assert.equal(first.isIncremental, false);
  const sessionId = first.session!.id;
  for (const sessionEpoch of [1, 2, 3]) {
    const next = opened(cache, { sessionId, sessionEpoch });
    assert.equal(next.isIncremental, true);
    assert.deepEqual(places(next), ["a-0", "a-1"]);
  }
});

test("a request out of turn is told what is wrong with it", () => {
  const { cache } = newCache();
  const { session } = opened(cache, { partitions: [partition("a", 0)] });
  const sessionId = session!.id;
  assert.equal(open(cache, { sessionId, sessionEpoch: 2 }), "INVALID_FETCH_SESSION_EPOCH");
  assert.equal(
    open(cache, { sessionId: sessionId + 1, sessionEpoch: 1 }),
    "FETCH_SESSION_ID_NOT_FOUND",
  );
  assert.equal(
    open(cache, { sessionId, sessionEpoch: 1, usesTopicIds: true }),
    "FETCH_SESSION_TOPIC_ID_ERROR",
  );
  opened(cache, { sessionId, sessionEpoch: 1 });
  assert.equal(open(cache, { sessionId, sessionEpoch: 1 }), "INVALID_FETCH_SESSION_EPOCH");
});

test("partitions are added, changed and forgotten; one that is both named and forgotten is gone", () => {
  const { cache } = newCache();
  const { session } = opened(cache, { partitions: [partition("a", 0), partition("a", 1)] });
  const next = opened(cache, {
    sessionId: session!.id,
    sessionEpoch: 1,
    partitions: [partition("b", 0), partition("a", 1, 50), partition("c", 0)],
    forgotten: [partition("a", 0), partition("c", 0)],
  });
  assert.deepEqual(places(next), ["a-1", "b-0"]);
  assert.equal(next.partitions[0]!.request.fetchOffset, 50);
});

test("a session without partitions ends", () => {
  const { cache } = newCache();
  const { session } = opened(cache, { partitions: [partition("a", 0)] });
  const last = opened(cache, {
    sessionId: session!.id,
    sessionEpoch: 1,
    forgotten: [partition("a", 0)],
  });
  assert.equal(last.session, null);
  assert.equal(cache.count, 0);
});

test("a full fetch that names a session ends it, and epoch −1 begins no other", () => {
  const { cache } = newCache();
  const { session } = opened(cache, { partitions: [partition("a", 0)] });
  const partitions = [partition("a", 0)];
  const last = opened(cache, { sessionId: session!.id, sessionEpoch: -1, partitions });
  assert.equal(last.session, null);
  assert.equal(last.partitions.length, 1);
  assert.equal(cache.count, 0);
  assert.equal(opened(cache, {}).session, null, "a fetch of nothing has no session");
});

test("a partition that moved to the end is read last", () => {
  const { cache } = newCache();
  const { session, partitions } = opened(cache, {
    partitions: [partition("a", 0), partition("b", 0)],
  });
  session!.moveToEnd(partitions[0]!.remembered!);
  assert.deepEqual(places(opened(cache, { sessionId: session!.id, sessionEpoch: 1 })), [
    "b-0",
    "a-0",
  ]);
});

test("a session gives way only when all slots are taken and it was idle for two minutes", async () => {
  const { cache, clock } = newCache(2);
  const partitions = [partition("a", 0)];
  const first = opened(cache, { partitions }).session!;
  opened(cache, { partitions });
  assert.equal(opened(cache, { partitions }).session, null, "served without a session");
  await clock.advance(60_000);
  opened(cache, { sessionId: first.id, sessionEpoch: 1 });
  await clock.advance(60_000);
  assert.notEqual(opened(cache, { partitions }).session, null);
  assert.equal(cache.evictions, 1);
  assert.equal(typeof open(cache, { sessionId: first.id, sessionEpoch: 2 }), "object");
});

test("NW: a fetch whose partitions do not fit beside those of other sessions is served without one", async () => {
  const { cache, clock } = newCache(10, 5);
  const some = (count: number) => Array.from({ length: count }, (_, i) => partition("a", i));
  assert.equal(opened(cache, { partitions: some(6) }).session, null);
  const first = opened(cache, { partitions: some(3) }).session!;
  assert.equal(opened(cache, { partitions: some(3) }).partitions.length, 3);
  assert.equal(cache.count, 1);
  const second = opened(cache, { partitions: some(2) }).session!;
  assert.equal(cache.partitionCount, 5);
  await clock.advance(120_000);
  // Idle ones give way, but not to what would not fit at all.
  assert.equal(opened(cache, { partitions: some(6) }).session, null);
  assert.equal(cache.count, 2);
  opened(cache, { sessionId: second.id, sessionEpoch: 1 });
  assert.notEqual(opened(cache, { partitions: some(1) }).session, null);
  assert.equal(cache.evictions, 1);
  assert.equal(open(cache, { sessionId: first.id, sessionEpoch: 1 }), "FETCH_SESSION_ID_NOT_FOUND");
  assert.equal(cache.partitionCount, 3);
});

test("NW: no session is so large that a request of a few bytes takes long: such a fetch is served without one", () => {
  const { cache } = newCache();
  const some = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => partition("a", from + index));
  assert.equal(opened(cache, { partitions: some(0, 20_001) }).session, null);
  const { session } = opened(cache, { partitions: some(0, 20_000) });
  const grown = { sessionId: session!.id, sessionEpoch: 1, partitions: some(20_000, 20_001) };
  assert.equal(open(cache, grown), "FETCH_SESSION_ID_NOT_FOUND");
  assert.equal(cache.count, 0);
});

test("NW: a session that grows beyond the room ends, and leaves room for another", () => {
  const { cache } = newCache(10, 5);
  const names = (topic: string, count: number) =>
    Array.from({ length: count }, (_, i) => partition(topic, i));
  const { session } = opened(cache, { partitions: names("a", 3) });
  const sessionId = session!.id;
  // What is known already takes no more room.
  opened(cache, { sessionId, sessionEpoch: 1, partitions: names("a", 3) });
  opened(cache, {
    sessionId,
    sessionEpoch: 2,
    partitions: names("b", 4),
    forgotten: names("a", 2),
  });
  assert.equal(cache.partitionCount, 5);
  assert.equal(
    open(cache, { sessionId, sessionEpoch: 3, partitions: names("c", 1) }),
    "FETCH_SESSION_ID_NOT_FOUND",
  );
  assert.equal(cache.partitionCount, 0);
  assert.notEqual(opened(cache, { partitions: names("c", 5) }).session, null);
});

function newCache(slots = 10, maxPartitions?: number) {
  const clock = new SimulatedClock();
  const random = new SeededRandom(SEED);
  return { clock, cache: new FetchSessionCache(slots, clock, random, maxPartitions) };
}

function open(cache: FetchSessionCache, request: Partial<SessionRequest>) {
  return cache.open({
    sessionId: 0,
    sessionEpoch: 0,
    usesTopicIds: false,
    partitions: [],
    forgotten: [],
    ...request,
  });
}

function opened(cache: FetchSessionCache, request: Partial<SessionRequest>): OpenedFetch {
  const result = open(cache, request);
  if (typeof result === "string") assert.fail(result);
  return result;
}

function places({ partitions }: OpenedFetch): string[] {
  return partitions.map(({ request }) => `${request.topic}-${request.partition}`);
}

function partition(topic: string, index: number, fetchOffset = 0): FetchPartition {
  return {
    topic,
    topicId: "AAAAAAAAAAAAAAAAAAAAAA",
    partition: index,
    fetchOffset,
    maxBytes: 1000,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  };
}
