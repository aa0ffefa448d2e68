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

function newCache(slots = 10) {
  const clock = new SimulatedClock();
  return { clock, cache: new FetchSessionCache(slots, clock, new SeededRandom(SEED)) };
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
