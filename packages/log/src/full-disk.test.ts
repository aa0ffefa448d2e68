/** A disk without room: what has to be written is refused, what makes room is not, and nothing waits for what may never come (LG17). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import type { LogConfig } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 2, config };
const isSegment = (path: string) => path.endsWith(".log");
const always = { operation: "write", count: Number.POSITIVE_INFINITY } as const;

test("LG17: a full disk refuses appends and keeps what it acknowledged; freed, it goes on", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(2) });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock, retryDelayMs: 1000 });
  engine.openTopic(topic);
  await appendOne(engine, id, 0, makeBatch({ values: ["a"] }));
  disk.capacityBytes = disk.usedBytes;
  let refused = 0;
  const value = "x".repeat(8_000);
  for (let i = 0; i < 200 && refused < 3; i++) {
    const result = await appendOne(engine, id, 0, makeBatch({ values: [value] }));
    if (result.error === "storage") refused++;
    else assert.equal(result.error, null);
    await clock.advanceAsync(1000);
  }
  assert.equal(refused, 3);
  const before = await readAll(engine, id, 0);
  assert.equal(before.length, engine.describe(id, 0)!.logEndOffset);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await clock.advanceAsync(5000);
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, null);
  await using again = await openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
  again.openTopic(topic);
  assert.deepEqual((await readAll(again, id, 0)).slice(0, before.length), before);
});

for (const [what, sizes] of [
  ["memory", { tailBytes: 1_000_000, journalMaxBytes: 67_108_864 }],
  ["the journal", { tailBytes: 67_108_864, journalMaxBytes: 12_582_912 }],
] as const) {
  test(`LG17: when segments cannot be written and ${what} is full, appends are refused, not kept waiting; freed, they go on`, async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
    const clock = new SimulatedClock();
    const journal = { journalFirstFileBytes: 4_194_304, journalBufferBytes: 262_144 };
    const engine = await openEngine({ fileSystem: disk, clock, ...journal, ...sizes });
    engine.openTopic(topic);
    const send = () =>
      inTime(clock, appendOne(engine, id, 0, makeBatch({ values: ["x".repeat(50_000)] })));
    assert.equal((await send()).error, null);
    const heal = disk.inject({ ...always, code: "no-space", path: isSegment });
    let taken = 0;
    while ((await send()).error === null) taken++;
    assert.ok(taken > 10, `${taken} taken`);
    heal();
    await clock.advanceAsync(5000);
    assert.equal((await send()).error, null);
    await inTime(clock, engine.close());
    await using again = await openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
    again.openTopic(topic);
    assert.equal((await readAll(again, id, 0)).length, taken + 2);
  });
}

test("LG17: on a full disk topics can be deleted, and others use the room", async () => {
  await using full = await FullDisk.fill();
  await full.answer(full.engine.deleteTopic(id));
  await full.untilTaken(other.topicId);
});

test("LG17: on a full disk records can be deleted, and others use the room", async () => {
  await using full = await FullDisk.fill();
  const request = { topicId: id, partition: 0, beforeOffset: -1 };
  const [result] = await full.answer(full.engine.deleteRecords([request]));
  assert.equal(result!.error, null);
  await full.untilTaken(other.topicId);
});

test("LG17: on a full disk retention makes room", async () => {
  await using full = await FullDisk.fill({ retentionMs: 3_600_000 });
  full.clock.advance(3_600_000);
  await full.answer(full.engine.maintain());
  await full.untilTaken(other.topicId);
});

test("LG17: on a disk that is full to the last byte an engine that was killed starts, and has what it acknowledged", async () => {
  await using full = await FullDisk.fill();
  const left = full.disk.crash();
  left.capacityBytes = left.usedBytes;
  const clock = new SimulatedClock();
  await using again = await inTime(clock, openEngine({ fileSystem: left, clock }));
  again.openTopic(topic);
  assert.equal((await readAll(again, id, 0)).length, full.taken);
});

test("LG17: trouble whose cause is gone is no reason to refuse others later", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const clock = new SimulatedClock();
  await using engine = await openEngine({
    fileSystem: disk,
    clock,
    tailBytes: 1_000_000,
    journalFirstFileBytes: 4_194_304,
    journalBufferBytes: 262_144,
    journalMaxBytes: 67_108_864,
  });
  engine.openTopic(topic);
  engine.openTopic(other);
  const values = ["x".repeat(50_000)];
  const heal = disk.inject({ ...always, code: "no-space", path: isSegment });
  await appendOne(engine, id, 0, makeBatch({ values }));
  await clock.advanceAsync(200);
  // Nothing of it is written again, so nothing tells that the disk is well.
  await engine.deleteTopic(id);
  heal();
  await clock.advanceAsync(3_600_000);
  const asked = Array.from({ length: 400 }, () =>
    appendOne(engine, other.topicId, 0, makeBatch({ values })),
  );
  const refused = (await Promise.all(asked)).filter(({ error }) => error !== null);
  assert.equal(refused.length, 0);
});

const other = { topicId: topicId(2), name: "other", partitions: 1, config };

/** An engine whose disk and journal are full of one topic, so that it has refused more for a while. */
class FullDisk implements AsyncDisposable {
  readonly disk: SimulatedFileSystem;
  readonly clock: SimulatedClock;
  readonly engine: LocalLogEngine;
  taken = 0;

  private constructor(disk: SimulatedFileSystem, clock: SimulatedClock, engine: LocalLogEngine) {
    this.disk = disk;
    this.clock = clock;
    this.engine = engine;
  }

  static async fill(changed: Partial<LogConfig> = {}): Promise<FullDisk> {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
    const clock = new SimulatedClock();
    const engine = await openEngine({ fileSystem: disk, clock, retryDelayMs: 1_000 });
    const full = new FullDisk(disk, clock, engine);
    engine.openTopic({ ...topic, config: { ...config, segmentBytes: 100_000, ...changed } });
    engine.openTopic(other);
    while (full.taken < 100) assert.equal(await full.append(id), null);
    disk.capacityBytes = disk.usedBytes + 200_000;
    for (let refused = 0; refused < 20; ) {
      if ((await full.append(id)) === null) continue;
      refused++;
      await clock.advanceAsync(1_000);
    }
    return full;
  }

  answer<T>(outcome: Promise<T>): Promise<T> {
    return inTime(this.clock, outcome);
  }

  async append(topicId: string): Promise<string | null> {
    const batch = makeBatch({ values: ["x".repeat(8_000)] });
    const { error } = await this.answer(appendOne(this.engine, topicId, 0, batch));
    if (error === null && topicId === id) this.taken++;
    return error;
  }

  /** Appends until one is taken, as a producer would that tries again. */
  async untilTaken(topicId: string): Promise<void> {
    for (let error = await this.append(topicId); error !== null; ) {
      assert.equal(error, "storage");
      assert.ok(this.clock.monotonic() < 3 * 3_600_000, "there is no room");
      await this.clock.advanceAsync(1_000);
      error = await this.append(topicId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await this.answer(this.engine.close());
  }
}

/** The outcome, for which the clock moves on as far as a client would wait. */
async function inTime<T>(clock: SimulatedClock, outcome: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  outcome.then(over, over);
  for (let ms = 0; !isOver; ms += 100) {
    assert.ok(ms < 30_000, "there is no answer");
    await clock.advanceAsync(100);
  }
  return await outcome;
}
