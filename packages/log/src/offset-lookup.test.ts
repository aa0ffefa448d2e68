import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import { recompressBatch } from "@ottla/protocol";
import fc from "fast-check";
import type { LocalLogEngine } from "./local-engine.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

const id = topicId(1);

async function offsetFor(engine: LocalLogEngine, timestampMs: number) {
  const [answer] = await engine.listOffsets([
    { topicId: id, partition: 0, timestampMs, currentLeaderEpoch: -1, isolation: "uncommitted" },
  ]);
  assert.equal(answer!.error, null);
  return answer!;
}

test("LG11: the ends of a log, the greatest timestamp, and what needs tiers", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  assert.equal((await offsetFor(engine, -3)).offset, -1);
  await appendOne(engine, id, 0, makeBatch({ values: ["a", "b", "c"], timestamps: [10, 90, 20] }));
  await appendOne(engine, id, 0, makeBatch({ values: ["d"], timestamps: [50] }));
  assert.deepEqual(await offsetFor(engine, -1), {
    error: null,
    offset: 4,
    timestampMs: -1,
    leaderEpoch: 0,
  });
  assert.equal((await offsetFor(engine, -2)).offset, 0);
  assert.equal((await offsetFor(engine, -4)).offset, 0);
  assert.equal((await offsetFor(engine, -5)).offset, -1);
  assert.deepEqual(await offsetFor(engine, -3), {
    error: null,
    offset: 1,
    timestampMs: 90,
    leaderEpoch: 0,
  });
});

test("LG11 LG14: the greatest timestamp stays known after everything was deleted, in memory and in files", async () => {
  const fileSystem = new MemoryFileSystem();
  const topic = { topicId: id, name: "t", partitions: 1, config: { ...config, retentionMs: -1 } };
  const check = async (engine: LocalLogEngine) => {
    const greatest = { error: null, offset: 3, timestampMs: 90, leaderEpoch: 0 };
    assert.deepEqual(await offsetFor(engine, -3), greatest);
    assert.equal((await offsetFor(engine, 15)).offset, -1);
  };
  const first = await openEngine({ fileSystem });
  first.openTopic(topic);
  await appendOne(first, id, 0, makeBatch({ values: ["a", "b"], timestamps: [10, 20] }));
  const batch = makeBatch({ values: ["c", "d", "e"], timestamps: [30, 90, 20] });
  await appendOne(first, id, 0, recompressBatch(batch, 0, "gzip"));
  await first.deleteRecords([{ topicId: id, partition: 0, beforeOffset: -1 }]);
  await check(first);
  await first.close();
  await using second = await openEngine({ fileSystem });
  second.openTopic(topic);
  await check(second);
});

test("LG15: epoch −1 ends nowhere, other epochs before the first where that one starts", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch());
  const ends = [-1, -2, 0].map((leaderEpoch) => ({
    topicId: id,
    partition: 0,
    currentLeaderEpoch: -1,
    leaderEpoch,
  }));
  assert.deepEqual(await engine.endOffsetsForEpochs(ends), [
    { error: null, leaderEpoch: -1, endOffset: -1 },
    { error: null, leaderEpoch: -2, endOffset: 0 },
    { error: null, leaderEpoch: 0, endOffset: 1 },
  ]);
});

test("LG11: by time the first record at or after it, exact inside a compressed batch", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const batch = makeBatch({ values: ["a", "b", "c", "d"], timestamps: [10, 20, 30, 40] });
  await appendOne(engine, id, 0, recompressBatch(batch, 0, "gzip"));
  assert.deepEqual(await offsetFor(engine, 21), {
    error: null,
    offset: 2,
    timestampMs: 30,
    leaderEpoch: 0,
  });
  assert.deepEqual(await offsetFor(engine, 20), {
    error: null,
    offset: 1,
    timestampMs: 20,
    leaderEpoch: 0,
  });
  assert.deepEqual(await offsetFor(engine, 41), {
    error: null,
    offset: -1,
    timestampMs: -1,
    leaderEpoch: -1,
  });
});

test("index lookups agree with a scan, in memory and in files, before and after a restart", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 5 }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.array(fc.integer({ min: 0, max: 1001 }), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 500, max: 4000 }),
      async (batches, times, segmentBytes) => {
        const fileSystem = new MemoryFileSystem();
        const limits = { fileSystem, tailBytes: 2000, segmentWriteBytes: 500 };
        const topic = {
          topicId: id,
          name: "t",
          partitions: 1,
          config: { ...config, segmentBytes, indexIntervalBytes: 150, retentionMs: -1 },
        };
        const all: number[] = [];
        const first = await openEngine(limits);
        first.openTopic(topic);
        for (const timestamps of batches) {
          await appendOne(
            first,
            id,
            0,
            makeBatch({ values: timestamps.map(() => "v"), timestamps }),
          );
          all.push(...timestamps);
        }
        const check = async (engine: LocalLogEngine) => {
          for (const time of times) {
            const expected = all.findIndex((timestamp) => timestamp >= time);
            assert.equal((await offsetFor(engine, time)).offset, expected);
          }
          const greatest = Math.max(...all);
          assert.equal((await offsetFor(engine, -3)).timestampMs, greatest);
          for (let offset = 0; offset < all.length; offset += 7) {
            const found = await readAll(engine, id, 0, offset, 300);
            assert.ok(found[0]!.baseOffset <= offset);
          }
        };
        await check(first);
        await first.close();
        const second = await openEngine(limits);
        second.openTopic(topic);
        await check(second);
        await second.close();
      },
    ),
    { numRuns: 25 },
  );
});
