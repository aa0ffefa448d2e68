/** A closed engine leaves its directory alone: another may have it. */
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
const topic = { topicId: id, name: "t", partitions: 2, config };

function setting() {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock();
  const open = async (options = {}) => {
    const engine = await openEngine({ fileSystem: disk, clock, retryDelayMs: 1000, ...options });
    engine.openTopic(topic);
    return engine;
  };
  const append = async (
    engine: Awaited<ReturnType<typeof open>>,
    partition: number,
    value: string,
  ) => {
    const { error } = await appendOne(engine, id, partition, makeBatch({ values: [value] }));
    assert.equal(error, null);
  };
  return { disk, clock, open, append };
}

test("LG10 LG17: a checkpoint that failed is not tried again once the engine is closed", async () => {
  const { disk, clock, open, append } = setting();
  const first = await open();
  await append(first, 0, "a");
  disk.inject({ operation: "sync", code: "io", path: (path) => path.endsWith(".log") });
  await clock.advanceAsync(30_000);
  await first.close();
  const second = await open();
  // As much as the journal holds, so that its files are used again.
  for (let i = 0; i < 60; i++) await append(second, 0, "x".repeat(30_000));
  await clock.advanceAsync(2_000);
  await using third = await open({ fileSystem: disk.crash() });
  assert.equal((await readAll(third, id, 0)).length, 61);
});

test("LG17: a segment write that failed is not tried again once the engine is closed", async () => {
  const { disk, clock, open, append } = setting();
  const small = { tailBytes: 70_000, checkpointIntervalMs: 1_000_000 };
  const first = await open(small);
  const isLog = (path: string) => path.endsWith(".log");
  const mend = disk.inject({ operation: "write", code: "io", path: isLog, count: Infinity });
  for (let i = 0; i < 3; i++) await append(first, 0, "x".repeat(33_000));
  await clock.advanceAsync(0);
  await first.close();
  mend();
  const second = await open(small);
  for (let i = 0; i < 3; i++) await append(second, 0, "y".repeat(300));
  await clock.advanceAsync(500);
  for (let i = 0; i < 4; i++) await append(second, 1, "z".repeat(33_000));
  const path = "/data/t-0/00000000000000000000.log";
  const before = await disk.readFile(path);
  await clock.advanceAsync(2_000);
  for (let i = 0; i < 20; i++) await turn();
  assert.ok(before!.equals((await disk.readFile(path))!), "the closed engine has written");
  assert.equal((await readAll(second, id, 0)).length, 6);
  await second.close();
});

test("LG12: retention that is under way removes nothing more once the engine is closed", async () => {
  const { disk, clock, open, append } = setting();
  const engine = await open();
  engine.alterTopic(id, { config: { ...config, segmentBytes: 10_000, retentionMs: 10_000 } });
  for (let i = 0; i < 20; i++) await append(engine, 0, "x".repeat(6_000));
  clock.advance(2 ** 41);
  const round = engine.maintain();
  await engine.close();
  const files = await disk.list("/data/t-0");
  for (let i = 0; i < 100; i++) await turn();
  assert.deepEqual(await disk.list("/data/t-0"), files);
  assert.ok(files.length > 10, `${files.length} files: the round was over before the close`);
  await round;
});

test("LG9: a read that reads files while the engine closes does not wait any more", async () => {
  const { clock, open, append } = setting();
  const first = await open();
  await append(first, 0, "a");
  await first.close();
  const engine = await open();
  let isAnswered = false;
  const read = engine
    .read(readRequest(id, 0, 0, { minBytes: 10_000, maxWaitMs: 600_000 }))
    .then(() => {
      isAnswered = true;
    });
  await engine.close();
  for (let i = 0; i < 50; i++) await turn();
  assert.ok(isAnswered, "the read waits in an engine that is closed");
  assert.equal(clock.timerCount, 0);
  await read;
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
