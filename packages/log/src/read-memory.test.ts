/** NW: what readers do not take stays bounded, and those who do read on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import { Arena } from "./arena.ts";
import type { ReadRequest, ReadResult } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { LEAST_BYTES, ReadMemory } from "./read-memory.ts";
import { Slabs } from "./slabs.ts";
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
const SLAB_BYTES = 65_536;
const BATCH_BYTES = 16_384;
const BATCHES = 400;
const LIMIT_BYTES = 4_194_304;

test("what is counted is counted until it is let go, once", () => {
  const memory = new ReadMemory(8 * LEAST_BYTES, new Slabs(SLAB_BYTES, new Arena(SLAB_BYTES, 0)));
  assert.equal(memory.allowanceBytes, 2 * LEAST_BYTES);
  const letGo = memory.hold(6 * LEAST_BYTES);
  assert.equal(memory.allowanceBytes, LEAST_BYTES, "less than a share is not worth a read");
  assert.equal(memory.isShort, false);
  const letMoreGo = memory.hold(2 * LEAST_BYTES);
  assert.equal(memory.isShort, true);
  letMoreGo();
  letMoreGo();
  assert.equal(memory.heldBytes, 6 * LEAST_BYTES);
  letGo();
  assert.equal(memory.heldBytes, 0);
});

test("slabs count while nobody but readers holds them", () => {
  const slabs = new Slabs(SLAB_BYTES, new Arena(4 * SLAB_BYTES, 0));
  const memory = new ReadMemory(LIMIT_BYTES, slabs);
  const slab = slabs.take();
  slabs.hold(slab);
  const first = slabs.lend([slab]);
  const second = slabs.lend([slab]);
  slabs.retire(slab);
  assert.equal(memory.heldBytes, 0, "it would be there without readers");
  slabs.letGo(slab);
  assert.equal(memory.heldBytes, SLAB_BYTES);
  first();
  assert.equal(memory.heldBytes, SLAB_BYTES);
  second();
  assert.equal(memory.heldBytes, 0);
  assert.equal(slabs.take(), slab);
});

for (const place of ["memory", "files"] as const) {
  test(`readers who take nothing get less and less of what they alone hold, in ${place}`, async () => {
    await using engine = await filled(place);
    const held: ReadResult[] = [];
    for (let reader = 0; reader < 200; reader++) {
      const [result] = await engine.read(wholeLog());
      assert.ok(result!.sizeBytes > 0);
      held.push(result!);
    }
    const taken = held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (place === "files") {
      assert.ok(taken < LIMIT_BYTES + held.length * LEAST_BYTES, `${taken}`);
      assert.ok(held.at(-1)!.sizeBytes <= LEAST_BYTES);
      assert.ok(held.at(-1)!.sizeBytes > LEAST_BYTES - 2 * BATCH_BYTES);
    } else {
      // Views of what is in memory anyway cost nothing.
      assert.equal(held.at(-1)!.sizeBytes, held[0]!.sizeBytes);
    }
    for (const { release } of held) release?.();
    const [again] = await engine.read(wholeLog());
    assert.equal(again!.sizeBytes, held[0]!.sizeBytes);
  });
}

test("slabs of readers who take nothing count, and the next ones get copies", async () => {
  await using engine = await filled("files");
  const lent: ReadResult[] = [];
  // What was appended last is in memory, in slabs that the tail soon lets go.
  for (let offset = BATCHES; offset < 2 * BATCHES; offset += 4) {
    await append(engine, 4);
    const [result] = await engine.read(readRequest(id, 0, offset));
    assert.equal(result!.sizeBytes, lent[0]?.sizeBytes ?? result!.sizeBytes);
    lent.push(result!);
  }
  const isCopy = ({ records }: ReadResult) => records.length === 1;
  const copies = lent.filter(isCopy).length;
  assert.ok(copies > 0 && copies < lent.length, `${copies} of ${lent.length}`);
  assert.ok(!isCopy(lent[0]!) && isCopy(lent.at(-1)!));
  for (const { release } of lent) release?.();
  const [result] = await engine.read(readRequest(id, 0, 2 * BATCHES - 4));
  assert.ok(!isCopy(result!));
});

test("who waits for more than it may have now is not kept waiting", async () => {
  const clock = new SimulatedClock();
  await using engine = await filled("files", clock, 2);
  const held: ReadResult[] = [];
  for (let reader = 0; reader < 60; reader++) held.push(...(await engine.read(wholeLog())));
  const one = wholeLog({ minBytes: 2 * LEAST_BYTES, maxWaitMs: 60_000 });
  const partitions = [0, 1].map((partition) => ({ ...one.partitions[0]!, partition }));
  const [first, second] = await engine.read({ ...one, partitions });
  assert.ok(first!.sizeBytes > 0);
  assert.equal(second!.sizeBytes, 0);
  assert.equal(clock.monotonic(), 0);
  for (const { release } of [...held, first!]) release?.();
});

test("a partition whose first batch does not fit its share has none", async () => {
  await using engine = await filled("files", new SimulatedClock(), 2);
  const held: ReadResult[] = [];
  for (let reader = 0; reader < 60; reader++) held.push(...(await engine.read(wholeLog())));
  for (const partition of [0, 1]) await append(engine, 1, partition);
  const one = readRequest(id, 0, BATCHES, { isolation: "committed" });
  const [first] = one.partitions;
  const partitions = [first!, { ...first!, partition: 1, maxBytes: 100 }];
  const results = await engine.read({ ...one, partitions });
  assert.deepEqual(
    results.map(({ error, records }) => [error, records.length]),
    [
      [null, 1],
      [null, 0],
    ],
  );
  for (const { release } of [...held, ...results]) release?.();
});

function wholeLog(fields: Partial<ReadRequest> = {}): ReadRequest {
  const limits = { partitionMaxBytes: 50_000_000, maxBytes: 50_000_000 };
  return { ...readRequest(id, 0, 0, limits), ...fields };
}

/** A partition with all of its batches in memory, or none. */
async function filled(place: "memory" | "files", clock = new SimulatedClock(), partitions = 1) {
  const engine = await openEngine({
    ...smallLimits,
    tailBytes: place === "memory" ? 2 * BATCHES * BATCH_BYTES : 65_536,
    journalMaxBytes: 16_777_216,
    readBytes: LIMIT_BYTES,
    fileSystem: new MemoryFileSystem(),
    clock,
  });
  engine.openTopic({ topicId: id, name: "t", partitions, config });
  for (let partition = 0; partition < partitions; partition++) {
    await append(engine, BATCHES, partition);
  }
  return engine;
}

async function append(engine: LocalLogEngine, batches: number, partition = 0): Promise<void> {
  for (let at = 0; at < batches; at += 20) {
    const records = makeBatch({ values: ["x".repeat(BATCH_BYTES - 100)] });
    const count = Math.min(20, batches - at);
    const appends = Array.from({ length: count }, () => appendOne(engine, id, partition, records));
    for (const { error } of await Promise.all(appends)) assert.equal(error, null);
  }
}
