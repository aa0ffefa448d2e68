/** What a read waits for (LG9): that enough is there, however little of it fits into one answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import { BatchWalker } from "@ottla/protocol";
import type { ReadRequest } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import {
  appendOne,
  config,
  makeBatch,
  openEngine,
  readRequest,
  smallLimits,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const MAX_WAIT_MS = 10_000;

for (const place of ["memory", "files"] as const) {
  test(`LG9: a batch that does not fit counts, up to its partition's limit, in ${place}`, async () => {
    await using log = await open(place, (engine) => append(engine, 0, [7000, 7000, 7000]));
    const ask = { partitionMaxBytes: 10_000 };
    assert.deepEqual(await log.read(0, { ...ask, minBytes: 9500 }), [1, 0]);
    assert.deepEqual(await log.read(0, { ...ask, minBytes: 10_001 }), [1, MAX_WAIT_MS]);
    assert.deepEqual(await log.read(2, { ...ask, minBytes: 9500 }), [1, MAX_WAIT_MS]);
  });

  test(`LG9: so does that of a partition that gets nothing yet, in ${place}`, async () => {
    await using log = await open(place, async (engine) => {
      await append(engine, 0, [1000]);
      await append(engine, 1, [7000]);
    });
    const one = readRequest(id, 0, 0, { partitionMaxBytes: 5000 });
    const partitions = [0, 1].map((partition) => ({ ...one.partitions[0]!, partition }));
    assert.deepEqual(await log.read(0, { partitions, minBytes: 5500 }), [1, 0]);
    assert.deepEqual(await log.read(0, { partitions, minBytes: 6500 }), [1, MAX_WAIT_MS]);
  });

  test(`LG9: a read never waits for more than its answer may hold, in ${place}`, async () => {
    await using log = await open(place, (engine) => append(engine, 0, [7000, 7000, 7000]));
    const ask = { maxBytes: 15_000, minBytes: 100_000 };
    assert.deepEqual(await log.read(0, ask), [2, 0]);
    assert.deepEqual(await log.read(2, ask), [1, MAX_WAIT_MS]);
  });

  test(`LG9: who reads an older segment does not wait, at the end he does, in ${place}`, async () => {
    const sizes = [3000, 3000, 3000, 3000, 3000, 3000];
    await using log = await open(place, (engine) => append(engine, 0, sizes), 10_000);
    const ask = { partitionMaxBytes: 8000, minBytes: 100_000 };
    assert.deepEqual(await log.read(0, ask), [2, 0]);
    assert.deepEqual(await log.read(4, ask), [2, MAX_WAIT_MS]);
  });

  test(`LG9: what lies behind the last stable offset does not count, in ${place}`, async () => {
    await using log = await open(place, async (engine) => {
      await append(engine, 0, [3000]);
      const batch = makeBatch({ producerId: 1, sequence: 0, attributes: 0x10 });
      await appendOne(engine, id, 0, batch, { isTransactional: true });
      await append(engine, 0, [3000]);
    });
    const ask = { minBytes: 4000, partitionMaxBytes: 5000 };
    assert.deepEqual(await log.read(0, ask), [2, 0]);
    assert.deepEqual(await log.read(0, { ...ask, isolation: "committed" }), [1, MAX_WAIT_MS]);
  });
}

test("LG9: the end of a segment in files does not make a reader wait", async () => {
  const sizes = [3000, 3000, 3000, 3000, 3000, 3000];
  await using log = await open("files", (engine) => append(engine, 0, sizes), 10_000);
  assert.deepEqual(await log.read(1, { minBytes: 8000 }), [2, 0]);
  assert.deepEqual(await log.read(4, { minBytes: 8000 }), [2, MAX_WAIT_MS]);
});

test("LG9: nor does the end of what one look into a file gives", async () => {
  const sizes = Array.from({ length: 6 }, () => 1_000_000);
  const segmentBytes = 16_777_216;
  await using log = await open("files", (engine) => append(engine, 0, sizes), segmentBytes);
  const ask = { partitionMaxBytes: 10_485_760, minBytes: 5_000_000 };
  assert.deepEqual(await log.read(0, ask), [4, 0]);
  assert.deepEqual(await log.read(4, ask), [2, MAX_WAIT_MS]);
});

interface LogUnderTest extends AsyncDisposable {
  /** How many batches a read gets, and how long it waits for them. */
  read(
    offset: number,
    options: Partial<ReadRequest> & { partitionMaxBytes?: number },
  ): Promise<[batches: number, waitedMs: number]>;
}

/** A log that was filled; in files alone once the engine has been opened again. */
async function open(
  place: "memory" | "files",
  fill: (engine: LocalLogEngine) => Promise<void>,
  segmentBytes = 25_000,
): Promise<LogUnderTest> {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem();
  const openOne = async () => {
    const journal = { journalFileBytes: 16_777_216, journalMaxBytes: 67_108_864 };
    const engine = await openEngine({ fileSystem, clock, ...smallLimits, ...journal });
    const topic = { topicId: id, name: "t", partitions: 2, config: { ...config, segmentBytes } };
    engine.openTopic(topic);
    return engine;
  };
  let engine = await openOne();
  await fill(engine);
  if (place === "files") {
    await engine.close();
    engine = await openOne();
  }
  return {
    async read(offset, options) {
      const request = readRequest(id, 0, offset, { maxWaitMs: MAX_WAIT_MS, ...options });
      const askedMs = clock.monotonic();
      let waitedMs = -1;
      const reading = engine.read(request).then((results) => {
        waitedMs = clock.monotonic() - askedMs;
        return results;
      });
      await clock.advanceAsync(MAX_WAIT_MS);
      const bytes = Buffer.concat((await reading).flatMap(({ records }) => records));
      let batches = 0;
      for (const walker = new BatchWalker(bytes); walker.next(); ) batches++;
      return [batches, waitedMs];
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

async function append(
  engine: LocalLogEngine,
  partition: number,
  sizes: readonly number[],
): Promise<void> {
  for (const size of sizes) {
    const batch = makeBatch({ values: ["v".repeat(size)] });
    const { error } = await appendOne(engine, id, partition, batch);
    assert.equal(error, null);
  }
}
