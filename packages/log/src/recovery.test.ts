import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import {
  appendOne,
  config,
  makeBatch,
  openEngine,
  readAll,
  readRequest,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 3, config };

function simulatedDisk(seed = 1): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) });
}

test("a clean stop keeps everything and the leader epoch", async () => {
  const fileSystem = simulatedDisk();
  const first = await openEngine({ fileSystem });
  first.openTopic(topic);
  for (let i = 0; i < 20; i++) await appendOne(first, id, i % 3, makeBatch({ values: [`v${i}`] }));
  const before = await readAll(first, id, 1);
  await first.close();

  await using second = await openEngine({ fileSystem });
  assert.equal(second.leaderEpoch, 0);
  second.openTopic(topic);
  assert.deepEqual(await readAll(second, id, 1), before);
  assert.equal((await appendOne(second, id, 1, makeBatch())).baseOffset, 7);
});

test("LG15: an unclean stop keeps what was acknowledged and raises the leader epoch", async () => {
  const disk = simulatedDisk();
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  for (let i = 0; i < 20; i++) await appendOne(first, id, 0, makeBatch({ values: [`v${i}`] }));
  const before = await readAll(first, id, 0);

  const fileSystem = disk.crash();
  await using second = await openEngine({ fileSystem });
  assert.equal(second.leaderEpoch, 1);
  second.openTopic(topic);
  assert.deepEqual(await readAll(second, id, 0), before);
  await appendOne(second, id, 0, makeBatch());
  const [end] = await second.endOffsetsForEpochs([
    { topicId: id, partition: 0, currentLeaderEpoch: 1, leaderEpoch: 0 },
  ]);
  assert.deepEqual(end, { error: null, leaderEpoch: 0, endOffset: 20 });
});

test("old batches are read from segments once memory is full", async () => {
  const fileSystem = simulatedDisk();
  const engine = await openEngine({ fileSystem, tailBytes: 20_000, clock: new SimulatedClock() });
  engine.openTopic(topic);
  const value = "x".repeat(1000);
  for (let i = 0; i < 200; i++) {
    await appendOne(engine, id, 0, makeBatch({ values: [`${i}${value}`] }));
  }
  const all = await readAll(engine, id, 0, 0, 5000);
  assert.deepEqual(
    all.map(({ baseOffset }) => baseOffset),
    Array.from({ length: 200 }, (_, i) => i),
  );
  const [middle] = await engine.read(readRequest(id, 0, 77, { partitionMaxBytes: 1 }));
  assert.equal(middle!.records[0]!.readBigInt64BE(0), 77n);
  await engine.close();
  await using again = await openEngine({ fileSystem, tailBytes: 20_000 });
  again.openTopic(topic);
  assert.deepEqual(await readAll(again, id, 0, 0, 5000), all);
});

test("a batch larger than a group is stored in parts and survives a crash", async () => {
  const disk = simulatedDisk();
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  await appendOne(first, id, 0, makeBatch({ values: ["before"] }));
  const large = makeBatch({ values: ["y".repeat(300_000)] });
  const [a, b] = await Promise.all([
    appendOne(first, id, 0, large),
    appendOne(first, id, 0, makeBatch({ values: ["after"] })),
  ]);
  assert.deepEqual([a.baseOffset, b.baseOffset], [1, 2]);
  const before = await readAll(first, id, 0);
  await using second = await openEngine({ fileSystem: disk.crash() });
  second.openTopic(topic);
  assert.deepEqual(await readAll(second, id, 0), before);
});

test("LG15: a partition of which replay finds only parts of its first batch has the epoch of the new run", async () => {
  let unfinished = 0;
  for (let at = 1; at <= 10; at++) {
    const disk = simulatedDisk(at);
    const first = await openEngine({ fileSystem: disk });
    first.openTopic(topic);
    const crashed = new Promise<void>((resolve) => disk.crashAt(at, resolve));
    const appended = appendOne(first, id, 0, makeBatch({ values: ["y".repeat(300_000)] }));
    await Promise.race([crashed, appended]);
    await using second = await openEngine({ fileSystem: disk.crash() });
    second.openTopic(topic);
    if (second.describe(id, 0)!.logEndOffset === 0) unfinished++;
    const { baseOffset } = await appendOne(second, id, 0, makeBatch());
    const { leaderEpoch } = second;
    const [end] = await second.endOffsetsForEpochs([
      { topicId: id, partition: 0, currentLeaderEpoch: leaderEpoch, leaderEpoch },
    ]);
    assert.deepEqual(end, { error: null, leaderEpoch, endOffset: baseOffset + 1 }, `${at}`);
  }
  assert.ok(unfinished > 3, `${unfinished}`);
});
