import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { noProbe } from "./probe.ts";
import {
  appendMarker,
  appendOne,
  config,
  makeBatch,
  openEngine,
  readRequest,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 2, config };
type Engine = Awaited<ReturnType<typeof openEngine>>;

/** A batch of a transaction. */
function send(engine: Engine, producerId: number, sequence: number, epoch = 0, version: 0 | 2 = 0) {
  const batch = makeBatch({ producerId, sequence, epoch, attributes: 0x10 });
  return appendOne(engine, id, 0, batch, { isTransactional: true, transactionVersion: version });
}

async function committed(engine: Engine, offset = 0) {
  const [result] = await engine.read(readRequest(id, 0, offset, { isolation: "committed" }));
  return result!;
}

function stable(engine: Engine): number {
  return engine.describe(id, 0)!.lastStableOffset;
}

test("TX11: an open transaction holds the last stable offset until its marker is there", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await appendOne(engine, id, 0, makeBatch());
  await send(engine, 1, 0);
  await send(engine, 2, 0);
  await appendOne(engine, id, 0, makeBatch());
  assert.equal(stable(engine), 1);
  assert.equal((await appendMarker(engine, id, 0, 2, { epoch: 0 })).baseOffset, 4);
  assert.equal(stable(engine), 1);
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  assert.equal(stable(engine), 6);
  assert.deepEqual((await committed(engine)).abortedTransactions, []);
});

test("TX11: a committed read stops at the last stable offset, and ListOffsets ends there", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await appendOne(engine, id, 0, makeBatch());
  await send(engine, 1, 0);
  await appendOne(engine, id, 0, makeBatch());
  const read = await committed(engine);
  assert.deepEqual([read.records.length, read.highWatermark, read.lastStableOffset], [1, 3, 1]);
  const [latest] = await engine.listOffsets([
    { topicId: id, partition: 0, timestampMs: -1, currentLeaderEpoch: -1, isolation: "committed" },
  ]);
  assert.equal(latest!.offset, 1);
});

test("TX11: aborted transactions that overlap the read come in offset order", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0);
  await send(engine, 2, 0);
  await send(engine, 3, 0);
  await appendMarker(engine, id, 0, 2, { epoch: 0, type: "abort" });
  await appendMarker(engine, id, 0, 3, { epoch: 0 });
  await appendMarker(engine, id, 0, 1, { epoch: 0, type: "abort" });
  assert.deepEqual(
    (await committed(engine)).abortedTransactions?.map(({ producerId, firstOffset }) => [
      producerId,
      firstOffset,
    ]),
    [
      [1, 0],
      [2, 1],
    ],
  );
  const later = await committed(engine, 4);
  assert.deepEqual(
    later.abortedTransactions?.map(({ producerId }) => producerId),
    [1],
  );
  const [plain] = await engine.read(readRequest(id, 0, 0));
  assert.equal(plain!.abortedTransactions, null);
});

test("TX11: a committed long poll wakes when the last stable offset moves, and not before", async () => {
  const clock = new SimulatedClock();
  await using engine = await openEngine({ clock });
  engine.openTopic(topic);
  await send(engine, 1, 0);
  let isDone = false;
  const poll = engine
    .read(readRequest(id, 0, 0, { isolation: "committed", maxWaitMs: 10_000 }))
    .then((results) => {
      isDone = true;
      return results;
    });
  await appendOne(engine, id, 0, makeBatch());
  await send(engine, 1, 1);
  await clock.advanceAsync(100);
  assert.equal(isDone, false);
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  const [result] = await poll;
  assert.equal(result!.lastStableOffset, 4);
  assert.ok(result!.sizeBytes > 0);
});

test("TX9: only a coordinator writes markers; one takes one offset", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0);
  const client = await appendMarker(engine, id, 0, 1, { epoch: 0 }, { origin: "client" });
  assert.equal(client.error, "invalidRecord");
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  assert.equal(engine.describe(id, 0)!.logEndOffset, 2);
});

test("TX10: a producer may not write outside its open transaction", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0);
  const outside = makeBatch({ producerId: 1, sequence: 1 });
  assert.equal((await appendOne(engine, id, 0, outside)).error, "invalidTransactionState");
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  const again = makeBatch({ producerId: 1, sequence: 1 });
  assert.equal((await appendOne(engine, id, 0, again)).error, null);
});

test("TX7: before version 2 a marker has the epoch of its transaction or a higher one", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0, 5);
  const lower = await appendMarker(engine, id, 0, 1, { epoch: 4 });
  assert.equal(lower.error, "invalidProducerEpoch");
  assert.equal((await appendMarker(engine, id, 0, 1, { epoch: 5 })).error, null);
  await send(engine, 1, 1, 5);
  assert.equal((await appendMarker(engine, id, 0, 1, { epoch: 6 })).error, null, "a fence");
  assert.equal((await send(engine, 1, 2, 5)).error, "invalidProducerEpoch");
  assert.equal((await send(engine, 1, 2, 6)).error, "outOfOrderSequence");
  assert.equal((await send(engine, 1, 0, 6)).error, null);
});

test("TX7: from version 2 on a marker's epoch is above that of its transaction", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  const version = { transactionVersion: 2 } as const;
  await send(engine, 1, 0, 0, 2);
  const same = await appendMarker(engine, id, 0, 1, { epoch: 0 }, version);
  assert.equal(same.error, "invalidProducerEpoch");
  assert.equal((await appendMarker(engine, id, 0, 1, { epoch: 1 }, version)).error, null);
  const repeated = await appendMarker(engine, id, 0, 1, { epoch: 1 }, version);
  assert.equal(repeated.error, null, "a coordinator that started again writes it once more");
  assert.equal((await send(engine, 1, 1, 0, 2)).error, "invalidProducerEpoch", "a late batch");
  assert.equal((await send(engine, 1, 0, 0, 2)).error, "invalidProducerEpoch", "a repeated batch");
  assert.equal(stable(engine), 3);
  await send(engine, 1, 0, 1, 2);
  const late = await appendMarker(engine, id, 0, 1, { epoch: 1 }, version);
  assert.equal(late.error, "invalidProducerEpoch", "a late marker must not end the next one");
  assert.equal(stable(engine), 3);
});

test("a marker of a replaced coordinator is refused", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0);
  await appendMarker(engine, id, 0, 1, { epoch: 0, coordinatorEpoch: 3 });
  await send(engine, 1, 1);
  const old = await appendMarker(engine, id, 0, 1, { epoch: 0, coordinatorEpoch: 2 });
  assert.equal(old.error, "coordinatorFenced");
  const current = await appendMarker(engine, id, 0, 1, { epoch: 0, coordinatorEpoch: 3 });
  assert.equal(current.error, null);
});

test("IP1: a repeated batch of a transaction that has ended answers its offset and opens nothing", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  await send(engine, 1, 0);
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  assert.equal((await send(engine, 1, 0)).baseOffset, 0);
  assert.equal(stable(engine), 2);
});

test("IP3: with transactions of version 2 an unknown producer starts at sequence 0", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  assert.equal((await send(engine, 1, 4, 0, 2)).error, "outOfOrderSequence");
  assert.equal((await send(engine, 1, 0, 0, 2)).error, null);
  assert.equal((await send(engine, 2, 4, 0, 0)).error, null);
});

test("IP7: a producer with an open transaction does not expire", async () => {
  const clock = new SimulatedClock();
  await using engine = await openEngine({ clock, producerExpirationMs: 1000 });
  engine.openTopic({ ...topic, config: { ...config, retentionMs: -1 } });
  await send(engine, 1, 0);
  clock.advance(5000);
  await engine.maintain();
  assert.equal(engine.describeProducers(id, 0)!.length, 1);
  await appendMarker(engine, id, 0, 1, { epoch: 0 });
  clock.advance(5000);
  await engine.maintain();
  assert.equal(engine.describeProducers(id, 0)!.length, 0);
});

test("DescribeProducers tells sequences, epochs and the open transaction", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  assert.deepEqual(engine.describeProducers(id, 0), []);
  assert.equal(engine.describeProducers(id, 9), null);
  await send(engine, 1, 0, 3);
  const open = {
    producerId: 1,
    producerEpoch: 3,
    lastSequence: 0,
    lastTimestampMs: 1000,
    coordinatorEpoch: -1,
    currentTxnStartOffset: 0,
  };
  assert.deepEqual(engine.describeProducers(id, 0), [open]);
  await appendMarker(engine, id, 0, 1, { epoch: 4, coordinatorEpoch: 7, timestampMs: 2000 });
  assert.deepEqual(engine.describeProducers(id, 0), [
    {
      ...open,
      producerEpoch: 4,
      lastSequence: -1,
      lastTimestampMs: 2000,
      coordinatorEpoch: 7,
      currentTxnStartOffset: -1,
    },
  ]);
});

test("a coordinator's transactional batch has no sequence and opens a transaction", async () => {
  await using engine = await openEngine();
  engine.openTopic(topic);
  const records = () => makeBatch({ producerId: 1, epoch: 2, sequence: -1, attributes: 0x10 });
  const origin = { origin: "coordinator", isTransactional: true } as const;
  for (let i = 0; i < 3; i++) {
    assert.equal((await appendOne(engine, id, 0, records(), origin)).baseOffset, i);
  }
  assert.equal(stable(engine), 0);
  assert.equal(engine.describeProducers(id, 0)![0]!.lastSequence, -1);
  const old = makeBatch({ producerId: 1, epoch: 1, sequence: -1, attributes: 0x10 });
  assert.equal((await appendOne(engine, id, 0, old, origin)).error, "invalidProducerEpoch");
});

for (const clean of [false, true]) {
  test(`TX12: transactions survive a ${clean ? "clean stop" : "crash"}`, async () => {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
    const first = await openEngine({ fileSystem: disk });
    first.openTopic(topic);
    await send(first, 1, 0);
    await send(first, 2, 0);
    await send(first, 3, 0);
    await appendMarker(first, id, 0, 1, { epoch: 1, coordinatorEpoch: 4, type: "abort" });
    await appendMarker(first, id, 0, 3, { epoch: 0 });
    const producers = first.describeProducers(id, 0);
    if (clean) await first.close();
    await using second = await openEngine({ fileSystem: disk.crash() });
    second.openTopic(topic);
    assert.deepEqual(second.describeProducers(id, 0), producers);
    assert.equal(stable(second), 1);
    await appendMarker(second, id, 0, 2, { epoch: 0, type: "abort" });
    const aborted = (await committed(second)).abortedTransactions;
    assert.deepEqual(
      aborted?.map(({ producerId, firstOffset }) => [producerId, firstOffset]),
      [
        [1, 0],
        [2, 1],
      ],
    );
    assert.equal(stable(second), 6);
  });
}

test("LG17: a marker of a failed group is taken back: the transaction is open, and not aborted", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock();
  await using engine = await openEngine({ fileSystem: disk, clock, retryDelayMs: 1000 });
  engine.openTopic(topic);
  await send(engine, 1, 0);
  const before = engine.describeProducers(id, 0);
  disk.inject({ operation: "write", code: "io", path: (path) => path.includes("commit-journal") });
  const failed = await Promise.all([
    appendMarker(engine, id, 0, 1, { epoch: 1, type: "abort" }),
    send(engine, 1, 0, 1),
    send(engine, 2, 0),
  ]);
  assert.deepEqual(
    failed.map(({ error }) => error),
    ["storage", "storage", "storage"],
  );
  assert.deepEqual(engine.describeProducers(id, 0), before);
  clock.advance(1000);
  await appendOne(engine, id, 0, makeBatch());
  assert.equal(stable(engine), 0);
  await appendMarker(engine, id, 0, 1, { epoch: 1, type: "commit" });
  assert.equal(stable(engine), 3);
  assert.deepEqual((await committed(engine)).abortedTransactions, []);
});

test("TX12: an index of aborted transactions that is damaged or gone is reported, to readers of committed data only", async () => {
  for (const harm of ["remove", "damage"] as const) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(5) });
    const first = await openEngine({ fileSystem: disk });
    first.openTopic(topic);
    await send(first, 1, 0);
    await appendMarker(first, id, 0, 1, { epoch: 0, type: "abort" });
    await first.close();
    const path = "/data/t-0/00000000000000000000.txnindex";
    if (harm === "remove") await disk.remove(path);
    else await disk.writeFileAtomic(path, Buffer.alloc(34, 1));
    const reports: string[] = [];
    await using second = await openEngine({
      fileSystem: disk,
      probe: { ...noProbe, corrupted: (where) => reports.push(where) },
    });
    second.openTopic(topic);
    assert.equal((await committed(second)).error, "storage");
    assert.deepEqual(reports, [path]);
    const [plain] = await second.read(readRequest(id, 0, 0));
    assert.equal(plain!.error, null);
  }
});

test("TX12: retention takes the index of a segment with it, and keeps those of the rest", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(6) });
  const clock = new SimulatedClock();
  await using engine = await openEngine({ fileSystem: disk, clock, checkpointIntervalMs: 100 });
  engine.openTopic({ ...topic, config: { ...config, segmentBytes: 200, retentionMs: -1 } });
  for (let i = 0; i < 6; i++) {
    await send(engine, 1, 0, i);
    await appendMarker(engine, id, 0, 1, { epoch: i, type: "abort" });
  }
  await clock.advanceAsync(300);
  const indexes = async () =>
    (await disk.list("/data/t-0")).filter(({ name }) => name.endsWith(".txnindex")).length;
  const before = await indexes();
  await engine.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 9 }]);
  assert.ok((await indexes()) < before);
  const left = (await committed(engine, 9)).abortedTransactions;
  assert.deepEqual(
    left?.map(({ firstOffset }) => firstOffset),
    [8, 10],
  );
});

test("LG14 TX11: records deleted beyond an open transaction move the last stable offset to the log start", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(7) });
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  await send(first, 1, 0);
  for (let i = 0; i < 4; i++) await appendOne(first, id, 0, makeBatch());
  await first.deleteRecords([{ topicId: id, partition: 0, beforeOffset: 3 }]);
  assert.equal(stable(first), 3);
  await using second = await openEngine({ fileSystem: disk.crash() });
  second.openTopic(topic);
  assert.equal(stable(second), 3);
  await appendMarker(second, id, 0, 1, { epoch: 0, type: "abort" });
  assert.equal(stable(second), 6);
});
