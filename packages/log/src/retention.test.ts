import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import type { LogConfig } from "./engine.ts";
import { JournalFailed } from "./errors.ts";
import { ENTRY_BYTES } from "./journal-format.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { noProbe } from "./probe.ts";
import {
  appendOne,
  config,
  makeBatch,
  openEngine,
  readAll,
  readRequest,
  staged,
  topicId,
} from "./test-support.ts";

const id = topicId(1);

function open(engine: LocalLogEngine, change: Partial<LogConfig> = {}) {
  engine.openTopic({
    topicId: id,
    name: "t",
    partitions: 1,
    config: { ...config, segmentBytes: 1000, ...change },
  });
}

async function fill(engine: LocalLogEngine, count: number, timestampMs: number) {
  for (let i = 0; i < count; i++) {
    const result = await appendOne(
      engine,
      id,
      0,
      makeBatch({ values: ["v".repeat(100)], timestamps: [timestampMs] }),
    );
    assert.equal(result.error, null);
  }
}

function ofSize(sizeBytes: number): Buffer {
  const overhead = makeBatch({ values: [Buffer.alloc(50_000)] }).length - 50_000;
  return makeBatch({ values: [Buffer.alloc(sizeBytes - overhead)] });
}

async function logFiles(
  fileSystem: MemoryFileSystem | SimulatedFileSystem,
  directory = "/data/t-0",
) {
  const entries = await fileSystem.list(directory);
  return entries
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".log"))
    .sort();
}

test("LG12: segments older than retention.ms go, the active one too", async () => {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem();
  await using engine = await openEngine({ clock, fileSystem });
  open(engine, { retentionMs: 10_000 });
  await fill(engine, 20, clock.now() - 11_000);
  await fill(engine, 10, clock.now());
  assert.ok(engine.describe(id, 0)!.segments >= 4);
  await engine.maintain();
  const start = engine.describe(id, 0)!.logStartOffset;
  assert.ok(start > 10 && start <= 20, `${start}`);
  const [below] = await engine.read(readRequest(id, 0, start - 1));
  assert.deepEqual([below!.error, below!.highWatermark], ["offsetOutOfRange", -1]);
  clock.advance(10_001);
  await engine.maintain();
  const emptied = engine.describe(id, 0)!;
  assert.deepEqual([emptied.logStartOffset, emptied.logEndOffset, emptied.sizeBytes], [30, 30, 0]);
  await fill(engine, 1, clock.now());
  assert.equal(engine.describe(id, 0)!.logEndOffset, 31);
});

test("LG12: a log that lost all its segments goes on in a new one after a crash", async () => {
  for (const hasSuccessor of [false, true]) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(7) });
    const clock = new SimulatedClock();
    const checkpoint = async () => {
      await clock.advanceAsync(100);
      for (let i = 0; i < 20; i++) await clock.advanceAsync(0);
    };
    const engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs: 100 });
    open(engine, { retentionMs: 10_000 });
    await fill(engine, 3, clock.now() - 11_000);
    await checkpoint();
    // Behind the checkpoint: replay takes it to where it was in the segment that is gone.
    await fill(engine, 1, clock.now() - 11_000);
    await engine.maintain();
    assert.equal(engine.describe(id, 0)!.logStartOffset, 4);
    if (hasSuccessor) await fill(engine, 1, clock.now());
    assert.equal((await logFiles(disk)).includes("00000000000000000000.log"), false);

    const failures: Error[] = [];
    const probe = { ...noProbe, storageFailed: (error: Error) => failures.push(error) };
    const crashed = disk.crash();
    const options = { fileSystem: crashed, clock, checkpointIntervalMs: 100, probe };
    await using again = await openEngine(options);
    open(again, { retentionMs: 10_000 });
    await fill(again, 1, clock.now());
    await checkpoint();
    assert.deepEqual(failures, []);
    assert.deepEqual(await logFiles(crashed), ["00000000000000000004.log"]);
    assert.equal((await readAll(again, id, 0, 4)).length, hasSuccessor ? 2 : 1);
  }
});

/** An engine that checks every 20 ms. */
function openChecking(fileSystem: MemoryFileSystem, clock: SimulatedClock, more = {}) {
  return openEngine({ fileSystem, clock, retentionCheckMs: 20, checkpointIntervalMs: 10, ...more });
}

test("LG12: what is idle is removed in time, and then there is no timer", async () => {
  const clock = new SimulatedClock();
  await using engine = await openChecking(new MemoryFileSystem(), clock);
  open(engine, { retentionMs: 1000 });
  assert.equal(clock.timerCount, 0);
  await fill(engine, 1, clock.now());
  await clock.advanceAsync(990);
  assert.equal(engine.describe(id, 0)!.logStartOffset, 0);
  await clock.advanceAsync(40);
  assert.equal(engine.describe(id, 0)!.logStartOffset, 1);
  await clock.advanceAsync(40);
  assert.equal(clock.timerCount, 0);
});

test("LG12: what is idle is removed in time after a restart, and when its topic is opened late", async () => {
  for (const opensLate of [false, true]) {
    const clock = new SimulatedClock();
    const fileSystem = new MemoryFileSystem();
    const engine = await openChecking(fileSystem, clock);
    open(engine, { retentionMs: 1000 });
    await fill(engine, 1, clock.now());
    await engine.close();
    await using again = await openChecking(fileSystem, clock);
    if (opensLate) {
      await clock.advanceAsync(100);
      assert.equal(clock.timerCount, 0);
    }
    open(again, { retentionMs: 1000 });
    await clock.advanceAsync(1100);
    assert.equal(again.describe(id, 0)!.logStartOffset, 1);
  }
});

test("LG12: retention.ms that is set while nothing is appended counts", async () => {
  const clock = new SimulatedClock();
  await using engine = await openChecking(new MemoryFileSystem(), clock);
  open(engine, { retentionMs: -1 });
  await fill(engine, 1, clock.now());
  await clock.advanceAsync(1000);
  assert.equal(clock.timerCount, 0);
  engine.alterTopic(id, { config: { ...config, retentionMs: 1000 } });
  await clock.advanceAsync(100);
  assert.equal(engine.describe(id, 0)!.logStartOffset, 1);
});

test("LG12: a round that fails is followed by another", async () => {
  const clock = new SimulatedClock();
  const disk = new SimulatedFileSystem({ random: new SeededRandom(5) });
  await using engine = await openEngine({ fileSystem: disk, clock, retentionCheckMs: 20 });
  open(engine, { retentionMs: 1000 });
  await fill(engine, 1, clock.now());
  const path = (candidate: string) => candidate.includes("commit-journal");
  disk.inject({ operation: "write", code: "io", path, count: 3 });
  await clock.advanceAsync(1200);
  const again = await openEngine({ fileSystem: disk.crash() });
  open(again);
  assert.equal(again.describe(id, 0)!.logStartOffset, 1);
});

test("IP7: producers of an idle partition expire in time", async () => {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem();
  await using engine = await openChecking(fileSystem, clock, { producerExpirationMs: 500 });
  open(engine, { retentionMs: -1 });
  await appendOne(engine, id, 0, makeBatch({ producerId: 7, sequence: 0 }));
  assert.equal(engine.describeProducers(id, 0)!.length, 1);
  await clock.advanceAsync(600);
  assert.equal(engine.describeProducers(id, 0)!.length, 0);
  assert.equal(clock.timerCount, 0);
});

test("LG12: segments beyond retention.bytes go, and their files with them, across a restart", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const engine = await openEngine({ fileSystem, segmentWriteBytes: 500 });
  open(engine, { retentionBytes: 2000 });
  await fill(engine, 60, Date.now());
  await engine.maintain();
  await engine.maintain();
  const { logStartOffset, sizeBytes } = engine.describe(id, 0)!;
  assert.ok(sizeBytes >= 2000 && sizeBytes < 3000, `${sizeBytes}`);
  const disk = fileSystem.crash();
  const again = await openEngine({ fileSystem: disk });
  open(again);
  assert.equal(again.describe(id, 0)!.logStartOffset, logStartOffset);
  assert.equal((await readAll(again, id, 0, logStartOffset)).length, 60 - logStartOffset);
  await again.close();
  const files = await logFiles(disk);
  assert.ok(Number(files[0]!.slice(0, 20)) <= logStartOffset);
});

test("LG12: a segment is rolled by bytes, by time, and by a full index", async () => {
  const clock = new SimulatedClock();
  await using engine = await openEngine({ clock });
  open(engine, {
    segmentBytes: 1_000_000,
    segmentMs: 1000,
    segmentIndexBytes: 32,
    indexIntervalBytes: 100,
    retentionMs: -1,
  });
  await fill(engine, 1, 5000);
  await fill(engine, 1, 6000);
  assert.equal(engine.describe(id, 0)!.segments, 1);
  await fill(engine, 1, 6001);
  assert.equal(engine.describe(id, 0)!.segments, 2);
  await fill(engine, 10, 6001);
  assert.ok(engine.describe(id, 0)!.segments >= 4);
});

/** Log files that a start and a round of maintenance have left although all that they hold is below the log start. */
async function leftFiles(disk: SimulatedFileSystem): Promise<string[]> {
  await using engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  open(engine, { retentionMs: -1 });
  await engine.maintain();
  const times = [-3, 0, 1].map((timestampMs) => ({ topicId: id, partition: 0, timestampMs }));
  const asked = { currentLeaderEpoch: -1, isolation: "uncommitted" } as const;
  for (const answer of await engine.listOffsets(times.map((time) => ({ ...time, ...asked })))) {
    assert.equal(answer.error, null);
  }
  const { logStartOffset } = engine.describe(id, 0)!;
  const files = await logFiles(disk);
  return files.filter((_, i) => Number(files[i + 1]?.slice(0, 20) ?? Infinity) <= logStartOffset);
}

/** An engine with many old segments and a new one, in files and in a checkpoint. */
async function withOldSegments(seed: number, more: Partial<Parameters<typeof openEngine>[0]> = {}) {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs: 100, ...more });
  open(engine, { retentionMs: 10_000 });
  await fill(engine, 40, clock.now() - 11_000);
  await fill(engine, 3, clock.now());
  const checkpoint = async () => {
    await clock.advanceAsync(100);
    for (let i = 0; i < 30; i++) await clock.advanceAsync(0);
  };
  await checkpoint();
  assert.ok((await logFiles(disk)).length > 6);
  return { disk, clock, engine, checkpoint };
}

test("LG12: no file of a removed segment stays, wherever a crash comes, also beside checkpoints", async () => {
  let crashes = 0;
  for (let operation = 1; operation <= 70; operation += 3) {
    const { disk, clock, engine, checkpoint } = await withOldSegments(operation);
    disk.crashAt(operation, () => crashes++);
    void engine.maintain().catch(() => {});
    for (let i = 0; i < 4; i++) {
      void fill(engine, 1, clock.now()).catch(() => {});
      await checkpoint();
    }
    assert.deepEqual(await leftFiles(disk.crash()), [], `operation ${operation}`);
  }
  assert.ok(crashes > 15, `${crashes}`);
});

for (const restarts of [false, true]) {
  test(`LG12: a file that could not be removed is removed ${restarts ? "behind a restart" : "later"}`, async () => {
    const failures: Error[] = [];
    const probe = { ...noProbe, storageFailed: (error: Error) => failures.push(error) };
    const { disk, clock, engine, checkpoint } = await withOldSegments(1, { probe });
    const files = await logFiles(disk);
    const second = files[1];
    const path = (candidate: string) => candidate.endsWith(second!);
    disk.inject({ operation: "remove", code: "io", path });
    await engine.maintain();
    assert.equal(failures.length, 1);
    assert.deepEqual(await logFiles(disk), [second, files.at(-1)]);
    await fill(engine, 1, clock.now());
    await checkpoint();
    if (restarts) assert.deepEqual(await leftFiles(disk.crash()), []);
    else {
      await clock.advanceAsync(300_000);
      for (let i = 0; i < 30; i++) await clock.advanceAsync(0);
      assert.ok(!(await logFiles(disk)).includes(second!));
      await engine.close();
    }
  });
}

test("LG14: DeleteRecords is answered although a file cannot be removed yet", async () => {
  const { disk, clock, engine } = await withOldSegments(1);
  engine.alterTopic(id, { config: { ...config, retentionMs: -1 } });
  disk.inject({ operation: "remove", code: "io" });
  const asked = { topicId: id, partition: 0, beforeOffset: 20 };
  assert.deepEqual(await engine.deleteRecords([asked]), [{ error: null, lowWatermark: 20 }]);
  const files = await logFiles(disk);
  await clock.advanceAsync(300_000);
  assert.equal((await logFiles(disk)).length, files.length - 1);
  await engine.close();
});

test("LG14: DeleteRecords moves the log start, for good", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(2) });
  const engine = await openEngine({ fileSystem });
  open(engine);
  await fill(engine, 30, Date.now());
  const ask = (beforeOffset: number) =>
    engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset }]);
  assert.deepEqual(await ask(31), [{ error: "offsetOutOfRange", lowWatermark: -1 }]);
  assert.deepEqual(await ask(17), [{ error: null, lowWatermark: 17 }]);
  assert.deepEqual(await ask(5), [{ error: null, lowWatermark: 17 }]);
  const again = await openEngine({ fileSystem: fileSystem.crash() });
  open(again);
  assert.equal(again.describe(id, 0)!.logStartOffset, 17);
  assert.deepEqual(await again.deleteRecords([{ topicId: id, partition: 0, beforeOffset: -1 }]), [
    { error: null, lowWatermark: 30 },
  ]);
  await fill(again, 1, Date.now());
  assert.equal((await readAll(again, id, 0, 30)).length, 1);
  await again.close();
});

/** A log start that is not durable, as the journal failed: in DeleteRecords, in a round of maintenance, and in DeleteRecords again. */
async function failToMoveStart(seed: number) {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs: 100 });
  open(engine, { retentionMs: -1 });
  await fill(engine, 30, clock.now());
  await clock.advanceAsync(100);
  for (let i = 0; i < 20; i++) await clock.advanceAsync(0);
  const files = await logFiles(disk);
  assert.ok(files.length > 3);
  const path = (candidate: string) => candidate.includes("commit-journal");
  const failJournal = () => disk.inject({ operation: "write", code: "io", path });
  const ask = () => engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 17 }]);
  failJournal();
  assert.deepEqual(await ask(), [{ error: "storage", lowWatermark: -1 }]);
  failJournal();
  await assert.rejects(engine.maintain(), JournalFailed);
  failJournal();
  assert.deepEqual(await ask(), [{ error: "storage", lowWatermark: -1 }], "not durable yet");
  // What a reader was refused does not come back while the engine runs.
  assert.equal(engine.describe(id, 0)!.logStartOffset, 17);
  assert.equal((await engine.read(readRequest(id, 0, 16)))[0]!.error, "offsetOutOfRange");
  return { disk, engine, files };
}

test("LG14: files of segments stay while the log start is not durable", async () => {
  let kept = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const { disk, files } = await failToMoveStart(seed);
    assert.deepEqual(await logFiles(disk), files);
    await using again = await openEngine({ fileSystem: disk.crash() });
    open(again, { retentionMs: -1 });
    // What failed may be on the disk all the same.
    const start = again.describe(id, 0)!.logStartOffset;
    assert.equal((await readAll(again, id, 0, start)).length, 30 - start, `seed ${seed}`);
    if (start === 0) kept++;
  }
  assert.ok(kept > 0);
});

test("LG14: a log start that failed to become durable is written again by the next round", async () => {
  const { disk, engine, files } = await failToMoveStart(1);
  await engine.maintain();
  assert.notEqual((await logFiles(disk))[0], files[0]);
  await using again = await openEngine({ fileSystem: disk.crash() });
  open(again, { retentionMs: -1 });
  assert.equal(again.describe(id, 0)!.logStartOffset, 17);
  assert.equal((await readAll(again, id, 0, 17)).length, 13);
});

for (const before of [0, 3]) {
  test(`LG14: retention that waited for the journal does not take back a later log start than ${before}`, async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
    const clock = new SimulatedClock();
    const engine = await openEngine({ fileSystem: disk, clock });
    open(engine, { retentionMs: before > 0 ? -1 : 1000 });
    const other = topicId(2);
    engine.openTopic({ topicId: other, name: "other", partitions: 1, config });
    await appendOne(engine, other, 0, makeBatch());
    await fill(engine, 10, clock.now() - 5000);
    await fill(engine, 10, clock.now());
    const ask = (beforeOffset: number) =>
      engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset }]);
    // This fills the group, so whatever comes waits for the next one, in the order in which it comes.
    const largest = ofSize(before > 0 ? 65_100 - ENTRY_BYTES : 65_100);
    const full = appendOne(engine, other, 0, largest);
    await staged();
    const first = ask(before);
    const second = ask(19);
    const round = engine.maintain();
    assert.equal(engine.describe(id, 0)!.logStartOffset, before, "the second waits");
    assert.deepEqual(await first, [{ error: null, lowWatermark: before }]);
    assert.equal((await full).error, null);
    assert.deepEqual(await second, [{ error: null, lowWatermark: 19 }]);
    await round;
    assert.equal(engine.describe(id, 0)!.logStartOffset, 19);
    await using again = await openEngine({ fileSystem: disk.crash() });
    open(again, { retentionMs: -1 });
    assert.equal(again.describe(id, 0)!.logStartOffset, 19);
  });
}

test("LG14: records of a topic that is only compacted are not deleted", async () => {
  await using engine = await openEngine();
  open(engine, { cleanupPolicy: { delete: false, compact: true } });
  const [answer] = await engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 0 }]);
  assert.equal(answer!.error, "policyViolation");
});

test("AD2: a deleted topic answers unknownTopic to all who wait, and does not come back", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(4) });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem, clock, segmentWriteBytes: 500 });
  open(engine, { fileDeleteDelayMs: 1000 });
  await fill(engine, 20, clock.now());
  const waiting = engine.read(readRequest(id, 0, 20, { maxWaitMs: 60_000 }));
  await engine.deleteTopic(id);
  assert.equal((await waiting)[0]!.error, "unknownTopic");
  assert.equal(engine.describe(id, 0), null);
  const other = topicId(2);
  engine.openTopic({ topicId: other, name: "t", partitions: 1, config });
  assert.equal((await appendOne(engine, other, 0, makeBatch({ values: ["new"] }))).baseOffset, 0);
  await clock.advanceAsync(1000);
  const disk = fileSystem.crash();
  const again = await openEngine({ fileSystem: disk });
  open(again);
  again.openTopic({ topicId: other, name: "t", partitions: 1, config });
  assert.equal(again.describe(id, 0)!.logEndOffset, 0);
  assert.equal((await readAll(again, other, 0)).length, 1);
  await again.close();
  const metadata = await disk.readFile("/data/t-0/partition.metadata");
  assert.match(metadata!.toString(), new RegExp(other));
});

test("topics that nobody opened after a restart are removed with their files", async () => {
  const fileSystem = new MemoryFileSystem();
  const engine = await openEngine({ fileSystem });
  open(engine);
  await fill(engine, 20, Date.now());
  await engine.close();
  const clock = new SimulatedClock();
  const again = await openEngine({ fileSystem, clock });
  await again.removeUnknownTopics();
  await again.close();
  assert.deepEqual(
    (await fileSystem.list("/data")).filter(({ name }) => name === "t-0"),
    [],
  );
});
