import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { BatchBuilder, buildEndMarker } from "@ottla/protocol";
import { BytePool } from "../byte-pool.ts";
import { CorruptBatchError, UsageError } from "../errors.ts";
import { AbortedTransactions } from "./aborted.ts";
import { decodeBatches } from "./decode.ts";
import { FetchedFrame } from "./fetched-bytes.ts";
import { PartitionRecords } from "./records.ts";

const subject = { topic: "t", partition: 0 };

function batch(baseOffset: number, values: readonly string[], producer = -1): Buffer {
  const builder = new BatchBuilder({
    baseOffset,
    ...(producer < 0
      ? {}
      : { producerId: producer, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
  });
  for (const value of values) builder.append(1_000, null, value);
  return builder.build();
}

function marker(baseOffset: number, producer: number, type: "abort" | "commit"): Buffer {
  const bytes = buildEndMarker({
    type,
    producerId: producer,
    producerEpoch: 0,
    coordinatorEpoch: 0,
    timestampMs: 0,
  });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

/** The values a reader gets from one answer. */
function read(records: Buffer, fetchOffset: number, aborted: AbortedTransactions | null) {
  const decoded = decodeBatches(subject, records, fetchOffset, aborted, true);
  const view = new PartitionRecords({
    ...subject,
    startOffset: fetchOffset,
    nextOffset: decoded.nextOffset,
    endOffset: decoded.nextOffset,
    leaderEpoch: decoded.leaderEpoch,
    buffer: records,
    frame: null,
    batches: decoded.batches,
  });
  const values = view.toArray().map((record) => record.valueText());
  assert.deepEqual(
    [...view].map((record) => record.valueText()),
    values,
  );
  return { values, nextOffset: decoded.nextOffset };
}

test("TX11: a producer that aborts twice in one answer and commits in between keeps only what it committed", () => {
  const aborted = new AbortedTransactions();
  const records = Buffer.concat([
    batch(0, ["a"], 7),
    marker(1, 7, "abort"),
    batch(2, ["b"], 7),
    marker(3, 7, "commit"),
    batch(4, ["c"], 7),
    batch(5, ["other"], 8),
    marker(6, 7, "abort"),
    batch(7, ["d"], 7),
    marker(8, 8, "commit"),
    batch(9, ["plain"]),
  ]);
  aborted.add([
    { producerId: 7, firstOffset: 0 },
    { producerId: 7, firstOffset: 4 },
  ]);
  assert.deepEqual(read(records, 0, aborted), {
    values: ["b", "other", "d", "plain"],
    nextOffset: 10,
  });
  assert.equal(aborted.size, 0);
  assert.deepEqual(read(records, 0, null).values.length, 6);
});

test("TX11: an abort whose marker comes in a later answer, listed there again, hides both parts and nothing after", () => {
  const aborted = new AbortedTransactions();
  const listed = [{ producerId: 7, firstOffset: 0 }];
  aborted.add(listed);
  assert.deepEqual(read(batch(0, ["a", "b"], 7), 0, aborted), { values: [], nextOffset: 2 });
  aborted.add(listed);
  const later = Buffer.concat([
    batch(2, ["c"], 7),
    marker(3, 7, "abort"),
    batch(4, ["next transaction"], 7),
  ]);
  assert.deepEqual(read(later, 2, aborted).values, ["next transaction"]);
});

test("an answer that begins before the asked offset shows only what was asked for", () => {
  const records = Buffer.concat([batch(10, ["a", "b", "c"]), batch(13, ["d"])]);
  assert.deepEqual(read(records, 12, null), { values: ["c", "d"], nextOffset: 14 });
});

test("an answer of markers only moves on without records", () => {
  assert.deepEqual(read(marker(5, 7, "commit"), 5, new AbortedTransactions()), {
    values: [],
    nextOffset: 6,
  });
});

test("a wrong checksum is reported with its offset; sound batches before it come first", () => {
  const sound = batch(0, ["a"]);
  const broken = batch(1, ["b"]);
  broken[broken.length - 1]! ^= 1;
  const both = Buffer.concat([sound, broken]);
  assert.deepEqual(read(both, 0, null), { values: ["a"], nextOffset: 1 });
  assert.throws(
    () => read(Buffer.from(broken), 1, null),
    (error: unknown) => error instanceof CorruptBatchError && error.offset === 1,
  );
  assert.deepEqual(decodeBatches(subject, broken, 1, null, false).batches, [0]);
});

test("an answer without one whole batch is an error, not an endless repetition", () => {
  assert.throws(() => read(batch(0, ["abc"]).subarray(0, 70), 0, null), CorruptBatchError);
});

test("headers, keys and timestamps of a record are there when looked at, also from compressed batches", () => {
  for (const compression of ["none", "gzip"] as const) {
    const builder = new BatchBuilder({ baseOffset: 3, compression });
    builder.append(5, "k", null, [
      { key: "a", value: "1" },
      { key: "b", value: null },
    ]);
    const [records, decoded] = [builder.build(), [0]];
    const view = new PartitionRecords({
      ...subject,
      startOffset: 0,
      nextOffset: 4,
      endOffset: 10,
      leaderEpoch: -1,
      buffer: records,
      frame: null,
      batches: decoded,
    });
    const [record] = view.toArray();
    assert.deepEqual(
      [record!.offset, record!.timestampMs, record!.keyText(), record!.valueText(), record!.value],
      [3, 5, "k", null, null],
    );
    assert.deepEqual(record!.headers, [
      { key: "a", value: Buffer.from("1") },
      { key: "b", value: null },
    ]);
    assert.equal(view.lag, 6);
    assert.deepEqual(view.rawBatches(), [records]);
  }
});

test("records are decoded when looked at, and their bytes are views of what was fetched", () => {
  const records = batch(0, ["value"]);
  const decoded = decodeBatches(subject, records, 0, null, true);
  const view = new PartitionRecords({
    ...subject,
    startOffset: 0,
    nextOffset: decoded.nextOffset,
    endOffset: decoded.nextOffset,
    leaderEpoch: -1,
    buffer: records,
    frame: null,
    batches: decoded.batches,
  });
  // The record breaks after its batch was checked: nobody notices before it is looked at.
  const [record] = view;
  assert.equal(record!.value!.buffer, records.buffer, "no copy");
  const length = records.indexOf("value") - 7;
  const before = records[length]!;
  records[length] = 0x7f;
  assert.throws(() => view.toArray(), CorruptBatchError);
  records[length] = before;
  records.write("other", records.indexOf("value"));
  assert.equal(record!.valueText(), "other");
});

test("a frame goes back when the records of all its partitions are released, which cannot be looked at then", () => {
  const memory = new BytePool(new SimulatedClock());
  const content = Buffer.concat([batch(0, ["a"]), batch(0, ["b"])]);
  const frame = memory.take(Math.max(content.length, 20_000));
  content.copy(frame);
  const fetched = new FetchedFrame(memory, frame);
  const [first, second] = [0, content.length / 2].map((at) => {
    return new PartitionRecords({
      ...{ ...subject, startOffset: 0, nextOffset: 1, endOffset: 1, leaderEpoch: -1 },
      buffer: frame.subarray(at, at + content.length / 2),
      frame: fetched,
      batches: [0],
    });
  }) as [PartitionRecords, PartitionRecords];
  fetched.release();
  const isFree = () => {
    const next = memory.take(frame.length);
    const isSame = next.buffer === frame.buffer;
    memory.giveBack(next);
    return isSame;
  };
  const [record] = first;
  {
    using released = first;
    assert.equal(record!.valueText(), "a");
    released.release();
  }
  assert.ok(!isFree(), "the other partition's records are held");
  for (const look of [() => record!.value, () => record!.valueText(), () => first.toArray()]) {
    assert.throws(look, UsageError);
  }
  assert.throws(() => first.rawBatches(), UsageError);
  assert.equal(second.toArray()[0]!.valueText(), "b");
  second.release();
  assert.ok(isFree());
});

test("a walk that is under way ends when the records are released", () => {
  for (const compression of ["none", "lz4"] as const) {
    const pool = new BytePool(new SimulatedClock());
    const builder = new BatchBuilder({ compression });
    for (let i = 0; i < 3; i++) builder.append(1_000, null, String(i).repeat(3_000));
    const content = builder.build();
    const frame = pool.take(Math.max(content.length, 20_000));
    content.copy(frame);
    const records = new PartitionRecords({
      ...{ ...subject, startOffset: 0, nextOffset: 3, endOffset: 3, leaderEpoch: -1 },
      buffer: frame.subarray(0, content.length),
      frame: new FetchedFrame(pool, frame),
      batches: [0],
    });
    const seen: number[] = [];
    assert.throws(() => {
      for (const { offset } of records) {
        seen.push(offset);
        if (offset === 1) records.release();
      }
    }, UsageError);
    assert.deepEqual(seen, [0, 1]);
  }
});
