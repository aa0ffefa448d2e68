import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
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
