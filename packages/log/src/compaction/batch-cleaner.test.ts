import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attributes,
  BatchBuilder,
  baseOffset,
  baseTimestamp,
  batchSize,
  buildEndMarker,
  type CompressionType,
  compressionId,
  DELETE_HORIZON_BIT,
  hasDeleteHorizon,
  isBatchCrcValid,
  lastOffset,
  maxTimestamp,
  producerEpoch,
  RecordCursor,
  recordsCount,
  stampBaseOffset,
} from "@ottla/protocol";
import { BatchCleaner, type CleaningRules, UncleanableBatch } from "./batch-cleaner.ts";
import { OffsetMap } from "./offset-map.ts";
import { type AbortedSpan, TransactionSieve } from "./transaction-sieve.ts";

interface Entry {
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs?: number;
}

function makeBatch(
  base: number,
  entries: readonly Entry[],
  options: { compression?: CompressionType; producerId?: number; isTransactional?: boolean } = {},
): Buffer {
  const builder = new BatchBuilder({
    ...options,
    baseOffset: base,
    partitionLeaderEpoch: 3,
    ...(options.producerId === undefined ? {} : { producerEpoch: 2, baseSequence: 40 }),
  });
  for (const { key, value, timestampMs = 1_000 } of entries) {
    builder.append(timestampMs, key, value, [{ key: "h", value: "x" }]);
  }
  return Buffer.from(builder.build());
}

function makeRules(
  last: Record<string, number>,
  change: Partial<CleaningRules> = {},
): CleaningRules {
  const map = new OffsetMap(1_000_000, 1);
  for (const [key, offset] of Object.entries(last)) {
    map.put(Buffer.from(key), 0, Buffer.byteLength(key), offset);
  }
  return {
    map,
    mapEnd: 100,
    nowMs: 5_000,
    deleteRetentionMs: 1_000,
    roundEnd: 100,
    sieve: new TransactionSieve([]),
    isLastOfProducer: () => false,
    ...change,
  };
}

function clean(batch: Buffer, rules: CleaningRules): Buffer | null {
  return new BatchCleaner(rules).clean(batch, 0, batch.length);
}

function recordsOf(batch: Buffer): string[] {
  assert.ok(isBatchCrcValid(batch, 0));
  assert.equal(batchSize(batch, 0), batch.length);
  const cursor = new RecordCursor();
  cursor.start(batch, 0);
  const found: string[] = [];
  while (cursor.next()) {
    assert.deepEqual(cursor.headers(), [{ key: "h", value: Buffer.from("x") }]);
    found.push(`${cursor.offset}:${cursor.key()}=${cursor.value()}@${cursor.timestampMs}`);
  }
  return found;
}

for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
  test(`LG13: a ${compression} batch keeps the last records of their keys, its offsets and its codec`, () => {
    const entries = [
      { key: "a", value: "1", timestampMs: 1_000 },
      { key: "b", value: "2", timestampMs: 900 },
      { key: "a", value: "3", timestampMs: 1_200 },
      { key: "c", value: "4", timestampMs: 1_900 },
    ];
    const batch = makeBatch(10, entries, { compression, producerId: 7 });
    const cleaned = clean(batch, makeRules({ a: 12, b: 11, c: 50 }))!;
    assert.deepEqual(recordsOf(cleaned), ["11:b=2@900", "12:a=3@1200"]);
    assert.deepEqual([baseOffset(cleaned, 0), lastOffset(cleaned, 0)], [10, 13]);
    assert.equal(compressionId(cleaned, 0), compressionId(batch, 0));
    assert.equal(maxTimestamp(cleaned, 0), 1_200);
    assert.equal(producerEpoch(cleaned, 0), 2);
  });
}

test("LG13: a batch of which all stays is passed on as it is", () => {
  const batch = makeBatch(10, [{ key: "a", value: "1" }]);
  const cleaned = clean(batch, makeRules({ a: 10 }))!;
  assert.equal(cleaned.buffer, batch.buffer);
  assert.equal(cleaned.length, batch.length);
});

test("LG13: records behind the reach of the map stay, without a key too", () => {
  const batch = makeBatch(98, [
    { key: "a", value: "1" },
    { key: null, value: "2" },
    { key: null, value: "3" },
    { key: "a", value: "4" },
  ]);
  const cleaned = clean(batch, makeRules({ a: 99 }))!;
  assert.deepEqual(recordsOf(cleaned), ["100:null=3@1000", "101:a=4@1000"]);
});

test("LG13: a batch without records goes, except the last of the round", () => {
  const batch = makeBatch(10, [{ key: "a", value: "1" }]);
  assert.equal(clean(batch, makeRules({ a: 50 })), null);
  const header = clean(batch, makeRules({ a: 50 }, { roundEnd: 11 }))!;
  assert.deepEqual([recordsCount(header, 0), lastOffset(header, 0), header.length], [0, 10, 61]);
  assert.ok(isBatchCrcValid(header, 0));
  assert.deepEqual(clean(header, makeRules({ a: 50 }, { roundEnd: 11 })), header);
  assert.equal(clean(header, makeRules({ a: 50 })), null);
});

test("IP9: the last batch of a live producer stays as a header with epoch and sequence", () => {
  const batch = makeBatch(10, [{ key: "a", value: "1" }], { producerId: 7, compression: "lz4" });
  const isLastOfProducer = (id: number, epoch: number, last: number, isMarker: boolean) =>
    id === 7 && epoch === 2 && last === 10 && !isMarker;
  const header = clean(batch, makeRules({ a: 50 }, { isLastOfProducer }))!;
  assert.equal(recordsCount(header, 0), 0);
  assert.equal(header.readInt32BE(53), 40);
  assert.deepEqual(recordsOf(header), []);
});

test("LG13: tombstones get a delete horizon at first and go when it has passed", () => {
  const batch = makeBatch(10, [
    { key: "a", value: null, timestampMs: 1_000 },
    { key: "b", value: "2", timestampMs: 7_000_000_000_000 },
  ]);
  assert.equal(hasDeleteHorizon(batch, 0), false);
  const first = clean(batch, makeRules({ a: 10, b: 11 }))!;
  assert.equal(attributes(first, 0) & DELETE_HORIZON_BIT, DELETE_HORIZON_BIT);
  assert.equal(baseTimestamp(first, 0), 6_000);
  assert.deepEqual(recordsOf(first), ["10:a=null@1000", "11:b=2@7000000000000"]);
  const second = clean(first, makeRules({ a: 10, b: 11 }, { nowMs: 5_999 }))!;
  assert.deepEqual(second, first);
  const third = clean(second, makeRules({ a: 10, b: 11 }, { nowMs: 6_000 }))!;
  assert.deepEqual(recordsOf(third), ["11:b=2@7000000000000"]);
  assert.equal(baseTimestamp(third, 0), 6_000);
});

test("LG13: a damaged batch is refused, not skipped", () => {
  const batch = makeBatch(10, [{ key: "a", value: "1" }]);
  batch[batch.length - 1]! ^= 1;
  assert.throws(() => clean(batch, makeRules({ a: 10 })), UncleanableBatch);
});

function marker(base: number, type: "commit" | "abort"): Buffer {
  const batch = Buffer.from(
    buildEndMarker({
      type,
      producerId: 7,
      producerEpoch: 2,
      coordinatorEpoch: 1,
      timestampMs: 1_000,
    }),
  );
  stampBaseOffset(batch, 0, base);
  return batch;
}

/** One walk over these batches. */
function walk(
  batches: readonly Buffer[],
  aborted: readonly AbortedSpan[],
  rules: Partial<CleaningRules> = {},
): { left: Buffer[]; kept: readonly AbortedSpan[] } {
  const sieve = new TransactionSieve(aborted);
  const cleaner = new BatchCleaner(makeRules({ a: 50 }, { sieve, ...rules }));
  const left = batches.flatMap((batch) => cleaner.clean(batch, 0, batch.length) ?? []);
  return { left, kept: sieve.takeKept() };
}

test("TX12: aborted data goes at once, its marker two rounds later behind the horizon", () => {
  const data = makeBatch(10, [{ key: "x", value: "1" }], { producerId: 7, isTransactional: true });
  const span = { producerId: 7, firstOffset: 10, lastOffset: 11, lastStableOffset: 11 };
  const first = walk([data, marker(11, "abort")], [span]);
  assert.equal(first.left.length, 1);
  assert.deepEqual(first.kept, [span]);
  assert.equal(hasDeleteHorizon(first.left[0]!, 0), false);
  const second = walk(first.left, [span]);
  assert.deepEqual(second.kept, []);
  assert.equal(baseTimestamp(second.left[0]!, 0), 6_000);
  assert.equal(walk(second.left, [], { nowMs: 5_999 }).left.length, 1);
  assert.equal(walk(second.left, [], { nowMs: 6_000 }).left.length, 0);
});

test("TX12: a commit marker stays while a record of its transaction does", () => {
  const data = makeBatch(10, [{ key: "x", value: "1" }], { producerId: 7, isTransactional: true });
  const first = walk([data, marker(11, "commit")], []);
  assert.deepEqual(first.left, [data, marker(11, "commit")]);
  const overwritten = walk([data, marker(11, "commit")], [], makeRules({ x: 60 }));
  assert.equal(overwritten.left.length, 1);
  assert.equal(hasDeleteHorizon(overwritten.left[0]!, 0), false);
  const second = walk(overwritten.left, []);
  assert.equal(hasDeleteHorizon(second.left[0]!, 0), true);
  assert.equal(walk(second.left, [], { nowMs: 6_000 }).left.length, 0);
});

test("TX12: an aborted and a committed transaction of one producer are told apart", () => {
  const options = { producerId: 7, isTransactional: true };
  const batches = [
    makeBatch(10, [{ key: "x", value: "kept" }], options),
    marker(11, "commit"),
    makeBatch(12, [{ key: "y", value: "gone" }], options),
    marker(13, "abort"),
    makeBatch(14, [{ key: "z", value: "kept" }], options),
    marker(15, "commit"),
  ];
  const span = { producerId: 7, firstOffset: 12, lastOffset: 13, lastStableOffset: 13 };
  const { left, kept } = walk(batches, [span]);
  assert.deepEqual(
    left.map((batch) => baseOffset(batch, 0)),
    [10, 11, 13, 14, 15],
  );
  assert.deepEqual(kept, [span]);
});
