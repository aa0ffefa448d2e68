/** A few kilobytes may decompress to 128 MiB: whoever sends many of them must not keep the event loop from everybody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { recompressBatch, stampCrc } from "@ottla/protocol";
import {
  appendOne,
  appendRequest,
  config,
  makeBatch,
  openEngine,
  smallLimits,
  topicId,
} from "../src/test-support.ts";

const id = topicId(1);
const BOMBS = 3;
const TAKEN = 8;

/** Two records of 64 MB of zeros, in four kilobytes. */
function bomb(timestampMs: number): Buffer {
  const half = Buffer.alloc(67_000_000);
  const plain = makeBatch({ values: [half, half], timestamps: [timestampMs, timestampMs] });
  return recompressBatch(plain, 0, "zstd");
}

/** How often others had a turn while `work` went on. */
async function turnsDuring(work: () => PromiseLike<unknown>): Promise<number> {
  let turns = 0;
  let immediate = setImmediate(function next() {
    turns++;
    immediate = setImmediate(next);
  });
  await work();
  clearImmediate(immediate);
  return turns;
}

/** While so many requests, each for so many partitions, are appended whose records have to be looked at, being too far ahead. */
async function turnsAppending(requests: number, partitionCount: number): Promise<number> {
  await using engine = await openEngine(smallLimits);
  engine.openTopic({ topicId: id, name: "t", partitions: partitionCount, config });
  const records = bomb(Date.now() + 86_400_000);
  const partitions = Array.from({ length: partitionCount }, (_, partition) => {
    return { topicId: id, partition, records };
  });
  const request = appendRequest(partitions);
  return await turnsDuring(() =>
    Promise.all(Array.from({ length: requests }, () => engine.append(request))),
  );
}

test("others have their turns between the partitions of a request that must be decompressed", async () => {
  const turns = await turnsAppending(1, BOMBS);
  assert.ok(turns >= BOMBS - 1, `${turns}`);
});

test("others have their turns between requests that must be decompressed", async () => {
  const turns = await turnsAppending(BOMBS, 1);
  assert.ok(turns >= BOMBS - 1, `${turns}`);
});

test("others have their turns between requests that must be decompressed and are taken, whose groups resume appends as well", async () => {
  await using engine = await openEngine(smallLimits);
  const compacted = { ...config, cleanupPolicy: { compact: true, delete: false } };
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config: compacted });
  const plain = makeBatch({ keys: ["k"], values: [Buffer.alloc(134_000_000)] });
  const records = recompressBatch(plain, 0, "zstd");
  const request = appendRequest([{ topicId: id, partition: 0, records }]);
  const turns = await turnsDuring(async () => {
    const asked = Array.from({ length: TAKEN }, () => engine.append(request));
    for (const results of await Promise.all(asked)) assert.equal(results[0]!.error, null);
  });
  assert.ok(turns >= TAKEN - 1, `${turns}`);
});

for (const tailBytes of [1_048_576, 1]) {
  test(`LG11: others have their turns between batches that claim a time which none of their records has (${tailBytes} bytes in memory)`, async () => {
    await using engine = await openEngine({ ...smallLimits, tailBytes });
    engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
    const records = bomb(1_000);
    records.writeBigInt64BE(2_000n, 35);
    stampCrc(records, 0);
    for (let i = 0; i < BOMBS; i++) {
      assert.equal((await appendOne(engine, id, 0, records)).error, null);
    }
    const last = makeBatch({ timestamps: [2_000] });
    assert.equal((await appendOne(engine, id, 0, last)).baseOffset, 2 * BOMBS);
    const query = {
      topicId: id,
      partition: 0,
      timestampMs: 1_500,
      currentLeaderEpoch: -1,
      isolation: "uncommitted",
    } as const;
    const turns = await turnsDuring(async () => {
      const [found] = await engine.listOffsets([query]);
      assert.equal(found!.offset, 2 * BOMBS);
    });
    assert.ok(turns >= BOMBS - 1, `${turns}`);
  });
}

test("LG11: others have their turns between partitions whose batches must be decompressed", async () => {
  await using engine = await openEngine(smallLimits);
  engine.openTopic({ topicId: id, name: "t", partitions: BOMBS, config });
  const records = bomb(1_000);
  const partitions = Array.from({ length: BOMBS }, (_, partition) => partition);
  for (const partition of partitions) await appendOne(engine, id, partition, records);
  const turns = await turnsDuring(() =>
    engine.listOffsets(
      partitions.map((partition) => ({
        topicId: id,
        partition,
        timestampMs: 500,
        currentLeaderEpoch: -1,
        isolation: "uncommitted",
      })),
    ),
  );
  assert.ok(turns >= BOMBS - 1, `${turns}`);
});
