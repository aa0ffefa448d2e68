import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool, MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import type { ReadRequest } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { type Slab, Slabs } from "./slabs.ts";
import {
  appendMarker,
  appendOne,
  appendRequest,
  config,
  makeBatch,
  openEngine,
  readAll,
  readRequest,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 3, config };

function several(offsets: readonly number[], options: Partial<ReadRequest> = {}): ReadRequest {
  const one = readRequest(id, 0, 0, options);
  return {
    ...one,
    partitions: offsets.map((offset, partition) => ({ ...one.partitions[0]!, partition, offset })),
  };
}

async function three(engine: LocalLogEngine): Promise<number> {
  engine.openTopic(topic);
  for (const partition of [0, 1, 2]) {
    for (let i = 0; i < 3; i++)
      await appendOne(engine, id, partition, makeBatch({ values: ["v".repeat(100)] }));
  }
  return makeBatch({ values: ["v".repeat(100)] }).length;
}

test("LG7: limits hold over partitions in request order; only the first with data may exceed them", async () => {
  await using engine = await openEngine();
  const size = await three(engine);
  const sizes = async (offsets: number[], maxBytes: number) =>
    (await engine.read(several(offsets, { maxBytes }))).map(({ sizeBytes }) => sizeBytes / size);
  assert.deepEqual(await sizes([0, 0, 0], 4 * size), [3, 1, 0]);
  assert.deepEqual(await sizes([0, 0, 0], 1), [1, 0, 0]);
  assert.deepEqual(await sizes([3, 0, 0], 0), [0, 1, 0]);
  const own = await engine.read(several([0, 0, 0], { partitionMaxBytes: 2 * size } as never));
  assert.equal(own.length, 3);
});

test("what was read from files stays as it is until it is released, and its memory is then used again", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using engine = await openEngine({ fileSystem });
    engine.openTopic(topic);
    for (const partition of [0, 1, 2])
      await appendOne(engine, id, partition, makeBatch({ values: ["v".repeat(5000 + partition)] }));
  }
  await using engine = await openEngine({ fileSystem });
  engine.openTopic(topic);
  const read = async (partition: number) => (await engine.read(readRequest(id, partition, 0)))[0]!;
  const first = await read(0);
  const copy = Buffer.concat(first.records);
  const second = await read(1);
  assert.notEqual(second.records[0]!.buffer, first.records[0]!.buffer);
  assert.deepEqual(Buffer.concat(first.records), copy);
  const { buffer } = first.records[0]!;
  first.release!();
  assert.equal((await read(2)).records[0]!.buffer, buffer);
});

test("a reader keeps the bytes it was given while memory is used again for others", async () => {
  await using engine = await openEngine({ tailBytes: 65_536, journalBufferBytes: 65_536 });
  engine.openTopic(topic);
  const held: { records: readonly Buffer[]; copy: Buffer; release: (() => void) | null }[] = [];
  let released = 0;
  for (let i = 0; i < 300; i++) {
    const values = [String(i).repeat(1000)];
    const { baseOffset } = await appendOne(engine, id, i % 3, makeBatch({ values }));
    const [result] = await engine.read(readRequest(id, i % 3, baseOffset));
    const { records, release } = result!;
    if (i % 2 === 0) release?.();
    else held.push({ records, copy: Buffer.concat(records), release });
    for (const one of held) assert.deepEqual(Buffer.concat(one.records), one.copy);
    if (i % 10 === 9) {
      held.shift()!.release?.();
      released++;
    }
  }
  assert.equal(released, 30);
});

test("a read that fails half way gives back what it had found, in memory and in files", async (t) => {
  const fileSystem = new MemoryFileSystem();
  {
    await using engine = await openEngine({ fileSystem });
    engine.openTopic(topic);
    const values = ["v".repeat(5000)];
    const batch = makeBatch({ producerId: 1, sequence: 0, attributes: 0x10, values });
    await appendOne(engine, id, 0, batch, { isTransactional: true });
    await appendMarker(engine, id, 0, 1, { epoch: 0, type: "abort" });
  }
  await fileSystem.remove("/data/t-0/00000000000000000000.txnindex");
  await using engine = await openEngine({ fileSystem });
  engine.openTopic(topic);
  const { baseOffset } = await appendOne(engine, id, 0, makeBatch());
  const lend = t.mock.method(Slabs.prototype, "lend", (slabs: readonly Slab[]) => {
    lent += slabs.length;
    return () => {
      lent -= slabs.length;
    };
  });
  const take = t.mock.method(BufferPool.prototype, "take");
  const give = t.mock.method(BufferPool.prototype, "give");
  let lent = 0;
  const failure = async (offset: number) => {
    const [result] = await engine.read(readRequest(id, 0, offset, { isolation: "committed" }));
    return result!.error;
  };
  assert.equal(await failure(baseOffset), "storage");
  assert.deepEqual([lend.mock.callCount(), lent], [1, 0], "from memory");
  assert.equal(take.mock.callCount(), 0);
  assert.equal(await failure(0), "storage");
  assert.deepEqual([take.mock.callCount(), give.mock.callCount()], [1, 1], "from files");
});

test("LG8: below the log start or above the end is out of range, with high watermark −1", async () => {
  await using engine = await openEngine();
  await three(engine);
  await engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 1 }]);
  for (const offset of [-1, 0, 4]) {
    const [result] = await engine.read(readRequest(id, 0, offset));
    assert.deepEqual(
      [result!.error, result!.highWatermark, result!.lastStableOffset],
      ["offsetOutOfRange", -1, -1],
    );
  }
  const [atEnd] = await engine.read(readRequest(id, 0, 3));
  assert.deepEqual([atEnd!.error, atEnd!.highWatermark, atEnd!.sizeBytes], [null, 3, 0]);
});

test("LG9: a read waits for min.bytes over all its partitions, at most max.wait, and not with an error", async () => {
  const clock = new SimulatedClock();
  await using engine = await openEngine({ clock });
  const size = await three(engine);
  const ask = { minBytes: 2 * size, maxWaitMs: 500 };
  let done = false;
  const waiting = engine.read(several([3, 3, 3], ask)).then((results) => {
    done = true;
    return results;
  });
  await appendOne(engine, id, 2, makeBatch({ values: ["v".repeat(100)] }));
  assert.equal(done, false);
  await appendOne(engine, id, 1, makeBatch({ values: ["v".repeat(100)] }));
  assert.deepEqual(
    (await waiting).map(({ sizeBytes }) => sizeBytes / size),
    [0, 1, 1],
  );

  const timed = engine.read(several([3, 4, 4], ask));
  await clock.advanceAsync(500);
  assert.deepEqual(
    (await timed).map(({ error }) => error),
    [null, null, null],
  );

  const failed = await engine.read(several([3, 99, 4], ask));
  assert.deepEqual(
    failed.map(({ error }) => error),
    [null, "offsetOutOfRange", null],
  );

  const controller = new AbortController();
  const aborted = engine.read(several([3, 4, 4], { ...ask, signal: controller.signal }));
  controller.abort();
  assert.equal((await aborted).length, 3);
});

test("LG9: a parked read leaves nothing behind, and an idle engine has no timers", async () => {
  const clock = new SimulatedClock();
  const engine = await openEngine({ clock, checkpointIntervalMs: 10, retentionCheckMs: 20 });
  assert.equal(clock.timerCount, 0);
  await three(engine);
  await clock.advanceAsync(50);
  assert.equal(clock.timerCount, 0);
  const reads = Array.from({ length: 100 }, () =>
    engine.read(several([3, 3, 3], { maxWaitMs: 500 })),
  );
  assert.equal(clock.timerCount, 100);
  await engine.close();
  const results = await Promise.all(reads);
  assert.ok(results.every((result) => result.every(({ error }) => error === "shuttingDown")));
  assert.equal(clock.timerCount, 0);
});

test("LG15: current leader epochs are checked, and the last fetched one shows a divergence", async () => {
  const fileSystem = new MemoryFileSystem();
  const first = await openEngine({ fileSystem });
  await three(first);
  // Not closed: the next start finds an unclean stop.
  await using engine = await openEngine({ fileSystem });
  engine.openTopic(topic);
  assert.equal(engine.leaderEpoch, 1);
  const ask = async (offset: number, currentLeaderEpoch: number, lastFetchedEpoch: number) => {
    const request = readRequest(id, 0, offset);
    const [result] = await engine.read({
      ...request,
      partitions: [{ ...request.partitions[0]!, currentLeaderEpoch, lastFetchedEpoch }],
    });
    return result!;
  };
  assert.equal((await ask(3, 0, -1)).error, "fencedLeaderEpoch");
  assert.equal((await ask(3, 2, -1)).error, "unknownLeaderEpoch");
  assert.equal((await ask(3, 1, -1)).error, null);
  assert.equal((await ask(3, 1, 0)).divergingEpoch, null);
  await appendOne(engine, id, 0, makeBatch());
  assert.deepEqual((await ask(4, 1, 0)).divergingEpoch, { epoch: 0, endOffset: 3 });
  assert.equal((await ask(4, 1, 2)).error, "offsetOutOfRange");
});

test("LG10: nothing above the high watermark is read, and the high watermark only grows", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  const pending = appendOne(engine, id, 0, makeBatch());
  const [before] = await engine.read(readRequest(id, 0, 0));
  assert.deepEqual([before!.highWatermark, before!.sizeBytes], [0, 0]);
  await pending;
  const [after] = await engine.read(readRequest(id, 0, 0));
  assert.equal(after!.highWatermark, 1);
});

test("a log behaves as an array, whatever memory, segment and journal sizes are, across restarts", async () => {
  const batches = fc.array(
    fc.record({
      partition: fc.integer({ min: 0, max: 2 }),
      records: fc.integer({ min: 1, max: 4 }),
      size: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 12_000 })),
      restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(
      batches,
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 13_000, max: 40_000 }),
      fc.integer({ min: 1, max: 5000 }),
      async (sent, tailBytes, segmentBytes, segmentWriteBytes) => {
        const model: string[][] = [[], [], []];
        const limits = {
          fileSystem: new MemoryFileSystem(),
          tailBytes,
          segmentWriteBytes,
          journalBufferBytes: 8192,
          journalFirstFileBytes: 16_384,
          journalFileBytes: 32_768,
          journalMaxBytes: 262_144,
        };
        const sized = {
          ...topic,
          config: { ...config, segmentBytes: segmentBytes * 4, indexIntervalBytes: 500 },
        };
        let engine = await openEngine(limits);
        engine.openTopic(sized);
        for (const [i, { partition, records, size, restart }] of sent.entries()) {
          const values = Array.from({ length: records }, (_, r) => `${i}.${r}:`.padEnd(size, "-"));
          const result = await appendOne(engine, id, partition, makeBatch({ values }));
          assert.deepEqual([result.error, result.baseOffset], [null, model[partition]!.length]);
          for (const value of values) model[partition]!.push(value);
          if (restart) {
            await engine.close();
            engine = await openEngine(limits);
            engine.openTopic(sized);
          }
        }
        for (const partition of [0, 1, 2]) {
          const found = await readAll(engine, id, partition, 0, 3000);
          const body = found.map((batch) => batch.body).join("");
          let at = -1;
          for (const value of model[partition]!) {
            at = body.indexOf(value, at + 1);
            assert.ok(at >= 0, `${value} is missing or out of order`);
          }
          assert.equal(engine.describe(id, partition)!.logEndOffset, model[partition]!.length);
        }
        await engine.close();
      },
    ),
    { numRuns: 20 },
  );
});

test("requests made one after the other keep their order in every partition they share", async () => {
  await using engine = await openEngine({ journalBufferBytes: 8192 });
  engine.openTopic(topic);
  const order: number[] = [];
  const all = Array.from({ length: 200 }, (_, i) =>
    engine
      .append(
        appendRequest(
          [0, 1].map((partition) => ({
            topicId: id,
            partition,
            records: makeBatch({ values: [`${i}`.padEnd(i % 7 === 0 ? 9000 : 50)] }),
          })),
        ),
      )
      .then((results) => {
        order.push(i);
        return results;
      }),
  );
  for (const [i, results] of (await Promise.all(all)).entries()) {
    assert.deepEqual(
      results.map(({ baseOffset }) => baseOffset),
      [i, i],
    );
  }
  assert.deepEqual(
    order,
    Array.from({ length: 200 }, (_, i) => i),
  );
});
