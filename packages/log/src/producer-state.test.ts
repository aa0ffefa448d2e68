import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import type { LocalLogEngine } from "./local-engine.ts";
import { decodeSnapshot, encodeSnapshot } from "./producer-snapshot.ts";
import { addSequence, ProducerStates } from "./producer-state.ts";
import { appendOne, config, makeBatch, openEngine, topicId } from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 2, config };
const LAST = 0x7fff_ffff;

function send(engine: LocalLogEngine, sequence: number, count = 1, epoch = 0, producerId = 9) {
  const values = Array.from({ length: count }, () => "v");
  return appendOne(engine, id, 0, makeBatch({ values, producerId, epoch, sequence }));
}

test("IP1: a repeat of any of the last five batches answers its original offset and appends nothing", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  for (let i = 0; i < 7; i++) await send(engine, i * 2, 2);
  for (let i = 2; i < 7; i++) {
    const repeated = await send(engine, i * 2, 2);
    assert.deepEqual(
      [repeated.error, repeated.baseOffset, repeated.appendTimeMs],
      [null, i * 2, 1000],
    );
  }
  assert.equal((await send(engine, 2, 2)).error, "outOfOrderSequence", "older than five");
  assert.equal((await send(engine, 12, 1)).error, "outOfOrderSequence", "half of a known batch");
  assert.equal((await send(engine, 20, 1)).error, "outOfOrderSequence", "a gap");
  assert.equal(engine.describe(id, 0)!.logEndOffset, 14);
});

test("IP1: a repeat sent before the first was durable waits for it", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  const answers = await Promise.all([send(engine, 0), send(engine, 0), send(engine, 1)]);
  assert.deepEqual(
    answers.map(({ baseOffset }) => baseOffset),
    [0, 0, 1],
  );
});

test("IP2: sequences wrap from 2^31 − 1 to 0", async () => {
  assert.equal(addSequence(LAST, 1), 0);
  assert.equal(addSequence(LAST - 1, 3), 1);
  await using engine = await openEngine();
  engine.openTopic(topic);
  assert.equal((await send(engine, LAST - 1, 4)).error, null);
  assert.equal((await send(engine, LAST - 1, 4)).baseOffset, 0);
  assert.equal((await send(engine, 2, 1)).baseOffset, 4);
});

test("IP3: a producer without state may start anywhere", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  assert.equal((await send(engine, 77)).error, null);
  assert.equal((await send(engine, 78)).error, null);
});

test("IP4: a new epoch starts at 0, an old one is fenced", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 0, 1, 3);
  assert.equal((await send(engine, 1, 1, 4)).error, "outOfOrderSequence");
  assert.equal((await send(engine, 0, 1, 4)).error, null);
  assert.equal((await send(engine, 1, 1, 3)).error, "invalidProducerEpoch");
});

test("IP3: epoch −1 is none: accepted without state, repeats are found, any later epoch may follow", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const engine = await openEngine({ fileSystem: disk });
  engine.openTopic(topic);
  assert.equal((await send(engine, 4, 1, -1)).baseOffset, 0);
  assert.equal((await send(engine, 4, 1, -1)).baseOffset, 0);
  assert.equal((await send(engine, 9, 1, -1)).baseOffset, 1);
  await engine.close();
  await using second = await openEngine({ fileSystem: disk.crash() });
  second.openTopic(topic);
  assert.equal((await send(second, 4, 1, -1)).baseOffset, 0);
  assert.equal((await send(second, 7, 1, 2)).baseOffset, 2);
  assert.equal((await send(second, 8, 1, -1)).error, "invalidProducerEpoch");
});

test("IP4: an epoch below −1 is below every epoch, known or not", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  assert.equal((await send(engine, 0, 1, -2)).error, "invalidProducerEpoch");
  await send(engine, 0);
  assert.equal((await send(engine, 0, 1, -2)).error, "invalidProducerEpoch");
  assert.equal((await send(engine, 0, 1, -2, 10)).error, "invalidProducerEpoch");
});

test("IP5: five batches in flight keep their order when one of them fails", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  const bad = makeBatch({ producerId: 9, sequence: 1 });
  bad.writeUInt8(bad[62]! ^ 1, 62);
  const [a, b, c, d] = await Promise.all([
    send(engine, 0),
    appendOne(engine, id, 0, bad),
    send(engine, 2),
    send(engine, 3),
  ]);
  assert.deepEqual(
    [a.error, b.error, c.error, d.error],
    [null, "corruptBatch", "outOfOrderSequence", "outOfOrderSequence"],
  );
  assert.deepEqual(
    [(await send(engine, 1)).baseOffset, (await send(engine, 2)).baseOffset],
    [1, 2],
  );
});

for (const clean of [false, true]) {
  test(`IP6: the last five batches are known after a ${clean ? "clean stop" : "crash"}`, async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
    const first = await openEngine({ fileSystem: disk });
    first.openTopic(topic);
    for (let i = 0; i < 8; i++) await send(first, i);
    if (clean) await first.close();
    await using second = await openEngine({ fileSystem: disk.crash() });
    second.openTopic(topic);
    assert.equal((await send(second, 3)).baseOffset, 3);
    assert.equal((await send(second, 2)).error, "outOfOrderSequence");
    assert.equal((await send(second, 8)).baseOffset, 8);
  });
}

test("IP7: a producer is forgotten after producer.id.expiration.ms", async () => {
  const clock = new SimulatedClock();
  await using engine = await openEngine({ clock, producerExpirationMs: 1000 });
  engine.openTopic({ ...topic, config: { ...config, retentionMs: -1 } });
  await send(engine, 5);
  clock.advance(999);
  await engine.maintain();
  assert.equal((await send(engine, 9)).error, "outOfOrderSequence");
  clock.advance(1);
  await engine.maintain();
  assert.equal((await send(engine, 9)).error, null);
});

test("IP1: a repeat of a batch whose records were deleted is still a repeat, also after a restart", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  for (const sequence of [0, 1]) await send(first, sequence);
  await first.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 2 }]);
  assert.equal((await send(first, 1)).baseOffset, 1);
  await using second = await openEngine({ fileSystem: disk.crash() });
  second.openTopic(topic);
  assert.equal((await send(second, 1)).baseOffset, 1);
  assert.equal((await send(second, 2)).baseOffset, 2);
});

test("IP8 IP10: state is per partition, so a repeat to another partition is an append", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 0);
  const other = await appendOne(engine, id, 1, makeBatch({ producerId: 9, sequence: 0 }));
  assert.equal(other.baseOffset, 0);
  assert.equal(engine.describe(id, 1)!.logEndOffset, 1);
});

test("a failed group is forgotten without forgetting the five durable batches before it", () => {
  const producers = new ProducerStates();
  const add = (sequence: number) =>
    producers.add(
      1,
      {
        epoch: 0,
        firstSequence: sequence,
        lastSequence: sequence,
        baseOffset: sequence,
        lastOffset: sequence,
        timestampMs: 0,
      },
      false,
      0,
      5,
      5,
    );
  for (let i = 0; i < 10; i++) add(i);
  producers.truncateTo(5);
  assert.equal(producers.check(1, 0, 5), null);
  for (let i = 0; i < 5; i++) assert.equal(producers.findDuplicate(1, 0, i, i)?.baseOffset, i);
});

test("LG16: a producer snapshot survives a round trip, and damage is noticed", () => {
  const producers = new ProducerStates();
  producers.add(
    5,
    {
      epoch: 2,
      firstSequence: LAST,
      lastSequence: 1,
      baseOffset: 40,
      lastOffset: 42,
      timestampMs: 99,
    },
    false,
    99,
    43,
    43,
  );
  const bytes = encodeSnapshot(producers.entries(), 43);
  assert.deepEqual(decodeSnapshot(bytes), [...producers.entries()]);
  bytes.writeUInt8(bytes[20]! ^ 1, 20);
  assert.equal(decodeSnapshot(bytes), null);
  assert.equal(decodeSnapshot(encodeSnapshot(producers.entries(), 42))!.length, 0);
});
