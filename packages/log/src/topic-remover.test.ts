import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import { CHECKPOINT_FILE, decodeCheckpoint, encodeCheckpoint } from "./checkpoint-format.ts";
import { JournalFailed } from "./errors.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

const id = topicId(1);
const other = topicId(2);
const topic = { topicId: id, name: "t", partitions: 1, config };
const successor = { ...topic, topicId: other };
const isJournal = (path: string) => path.includes("commit-journal");

/** An engine whose disk can be held up, with one record in the topic. */
async function setUp(seed: number, checkpointIntervalMs = 100) {
  let held: Promise<void> | undefined;
  let calls = 0;
  /** This call is held; those behind it are the journal's. */
  let heldFrom = Number.POSITIVE_INFINITY;
  const random = new SeededRandom(seed);
  const disk = new SimulatedFileSystem({
    random,
    delay: async () => {
      if (++calls === heldFrom) await held;
    },
  });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs });
  engine.openTopic(topic);
  assert.equal((await appendOne(engine, id, 0, makeBatch({ values: ["0"] }))).error, null);
  return {
    disk,
    clock,
    engine,
    failJournal: () => disk.inject({ operation: "write", code: "io", path: isJournal }),
    /** Holds the next call. @returns what lets it go. */
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      heldFrom = calls + 1;
      return release;
    },
  };
}

function openAgain(disk: SimulatedFileSystem): Promise<LocalLogEngine> {
  return openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
}

async function settle(clock: SimulatedClock): Promise<void> {
  for (let i = 0; i < 20; i++) await clock.advanceAsync(0);
}

/** The journal fails once, so the topic is announced again; a checkpoint takes its cut before that, and is held up. */
async function announceBehindCheckpoint({
  engine,
  clock,
  failJournal,
  hold,
}: Awaited<ReturnType<typeof setUp>>): Promise<() => void> {
  failJournal();
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, "storage");
  const release = hold();
  await clock.advanceAsync(150);
  assert.equal((await appendOne(engine, id, 0, makeBatch({ values: ["1"] }))).error, null);
  return release;
}

test("AD2: a checkpoint goes on with a topic whose deletion failed, and the next start finds it whole", async () => {
  let whole = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const setup = await setUp(seed);
    const { engine, disk, clock, failJournal } = setup;
    const release = await announceBehindCheckpoint(setup);
    failJournal();
    await assert.rejects(engine.deleteTopic(id), JournalFailed);
    assert.equal(engine.describe(id, 0), null);
    release();
    await settle(clock);
    await using again = await openAgain(disk);
    again.openTopic(topic);
    // What failed may be on the disk all the same.
    const found = await readAll(again, id, 0);
    assert.ok(found.length === 0 || found.length === 2, `seed ${seed}: ${found.length}`);
    if (found.length === 2) whole++;
  }
  assert.ok(whole > 0);
});

test("AD2: a topic deleted while a checkpoint runs does not keep the engine from opening", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const setup = await setUp(seed);
    const { engine, disk, clock } = setup;
    const release = await announceBehindCheckpoint(setup);
    await engine.deleteTopic(id);
    release();
    await settle(clock);
    await using again = await openAgain(disk);
    again.openTopic(topic);
    assert.equal(again.describe(id, 0)!.logEndOffset, 0, `seed ${seed}`);
  }
});

test("AD2: a deletion that failed is done once the journal works again", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { engine, disk, clock, failJournal } = await setUp(seed, 60_000);
    failJournal();
    await assert.rejects(engine.deleteTopic(id), JournalFailed);
    failJournal();
    for (let i = 0; i < 2; i++) {
      await clock.advanceAsync(100);
      await settle(clock);
    }
    await using again = await openAgain(disk);
    again.openTopic(topic);
    assert.equal(again.describe(id, 0)!.logEndOffset, 0, `seed ${seed}`);
  }
});

test("AD2: a deletion that is asked for again is answered when it is durable", async () => {
  const { engine, disk, failJournal } = await setUp(4);
  failJournal();
  await assert.rejects(engine.deleteTopic(id), JournalFailed);
  failJournal();
  await assert.rejects(engine.deleteTopic(id), JournalFailed);
  await engine.deleteTopic(id);
  await using again = await openAgain(disk);
  again.openTopic(topic);
  assert.equal(again.describe(id, 0)!.logEndOffset, 0);
});

test("AD2: a topic that counts as not announced, as the journal failed, is deleted durably all the same", async () => {
  const { engine, disk, failJournal } = await setUp(5);
  failJournal();
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, "storage");
  await engine.deleteTopic(id);
  await using again = await openAgain(disk);
  again.openTopic(topic);
  assert.equal(again.describe(id, 0)!.logEndOffset, 0);
});

test("AD2: the next start removes what a stop left of a topic whose deletion failed", async () => {
  const { engine, disk, clock, failJournal } = await setUp(6);
  await clock.advanceAsync(150);
  await settle(clock);
  const metadata = () => disk.readFile("/data/t-0/partition.metadata");
  assert.notEqual(await metadata(), null);
  failJournal();
  await assert.rejects(engine.deleteTopic(id), JournalFailed);
  await engine.close();
  const again = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  await again.removeUnknownTopics();
  again.openTopic(topic);
  assert.equal(again.describe(id, 0)!.logEndOffset, 0);
  await again.close();
  assert.equal(await metadata(), null);
});

test("AD2: a topic of the same name has no partitions until the other's deletion is durable, then all its own", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { engine, disk, clock, failJournal } = await setUp(seed);
    // In its segment, whose file is open.
    await clock.advanceAsync(150);
    await settle(clock);
    failJournal();
    await assert.rejects(engine.deleteTopic(id), JournalFailed);
    engine.openTopic(successor);
    assert.equal((await appendOne(engine, other, 0, makeBatch())).error, "unknownPartition");
    await clock.advanceAsync(100);
    await settle(clock);
    for (let i = 0; i < 3; i++) {
      assert.equal((await appendOne(engine, other, 0, makeBatch())).baseOffset, i);
      await clock.advanceAsync(150);
      await settle(clock);
    }
    await using again = await openAgain(disk);
    again.openTopic(topic);
    again.openTopic(successor);
    assert.equal(again.describe(id, 0)!.logEndOffset, 0);
    assert.equal((await readAll(again, other, 0)).length, 3, `seed ${seed}`);
  }
});

test("AD2: a topic deleted while parts of a large batch are staged leaves the journal free to move on", async () => {
  await using engine = await openEngine({
    fileSystem: new MemoryFileSystem(),
    clock: new SimulatedClock(),
  });
  engine.openTopic(topic);
  engine.openTopic({ ...successor, name: "deleted" });
  await appendOne(engine, other, 0, makeBatch());
  const [before, large] = await Promise.all([
    appendOne(engine, id, 0, makeBatch()),
    appendOne(engine, other, 0, makeBatch({ values: [Buffer.alloc(200_000)] })),
    engine.deleteTopic(other),
  ]);
  assert.deepEqual([before.error, large.error], [null, "unknownTopic"]);
  // Three times what the journal may hold.
  for (let i = 0; i < 60; i++) {
    const result = await appendOne(engine, id, 0, makeBatch({ values: [Buffer.alloc(50_000)] }));
    assert.equal(result.error, null, `batch ${i}`);
  }
});

test("AD2: replay of a topic that is deleted further on leaves the folder to its successor", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(7) });
  const path = `/data/${CHECKPOINT_FILE}`;
  const checkpoint = async () => decodeCheckpoint((await disk.readFile(path))!, path);
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs: 100 });
  engine.openTopic(topic);
  const values = [Buffer.alloc(5_000)];
  for (let i = 0; i < 10; i++) await appendOne(engine, id, 0, makeBatch({ values }));
  await engine.deleteTopic(id);
  engine.openTopic(successor);
  for (let i = 0; i < 5; i++) await appendOne(engine, other, 0, makeBatch({ values }));
  const before = await readAll(engine, other, 0);
  await clock.advanceAsync(150);
  await settle(clock);
  // As if the checkpoint had been kept from moving its cut on, by a batch in parts for example.
  const written = await checkpoint();
  assert.ok(written.cut.lsn > 16);
  await disk.writeFileAtomic(
    path,
    encodeCheckpoint({ ...written, cut: { lsn: 1, fileNumber: 1, position: 0 } }, written.topics),
  );
  // So small that replay writes segments on the way.
  await using again = await openEngine({
    fileSystem: disk.crash(),
    clock: new SimulatedClock(),
    tailBytes: 8_000,
  });
  again.openTopic(successor);
  assert.deepEqual(await readAll(again, other, 0), before);
});

for (const when of ["deletion", "replay of a deletion"]) {
  test(`AD2: with relaxed acks a power failure after the ${when} finds the topic whole or gone`, async () => {
    const found = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
      const clock = new SimulatedClock();
      const relaxed = { fileSystem: disk, clock, relaxedAcks: true };
      const engine = await openEngine({ ...relaxed, checkpointIntervalMs: 100 });
      engine.openTopic(topic);
      for (let i = 0; i < 3; i++) await appendOne(engine, id, 0, makeBatch());
      await clock.advanceAsync(150);
      await settle(clock);
      const isReplayed = when !== "deletion";
      const cancel = isReplayed ? failRenames(disk) : () => {};
      await engine.deleteTopic(id);
      await settle(clock);
      cancel();
      // Killed, so that what the system was handed is there.
      if (isReplayed) await openEngine({ ...relaxed, clock: new SimulatedClock() });
      await using again = await openEngine({ ...relaxed, fileSystem: disk.crash() });
      again.openTopic(topic);
      found.add((await readAll(again, id, 0)).length);
    }
    for (const count of found) assert.ok(count === 0 || count === 3, `${count} batches`);
  });
}

function failRenames(disk: SimulatedFileSystem): () => void {
  const path = (renamed: string) => renamed.endsWith("t-0");
  return disk.inject({ operation: "rename", code: "io", count: Number.POSITIVE_INFINITY, path });
}
