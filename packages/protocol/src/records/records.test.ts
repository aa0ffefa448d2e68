import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compressionTypes } from "../compression/compression.ts";
import { ProtocolError } from "../protocol-error.ts";
import { BatchBuilder, type BatchOptions } from "./batch-builder.ts";
import * as header from "./batch-header.ts";
import { BatchWalker } from "./batch-walker.ts";
import { buildEndMarker, readControlRecord } from "./control-record.ts";
import { recompressBatch } from "./recompress.ts";
import { RecordCursor } from "./record-cursor.ts";
import { readZigzag, readZigzagLong, varintCursor, writeZigzag, zigzagSize } from "./varint.ts";

interface PlainRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

const bytes = fc.option(
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  { nil: null },
);
const records = fc.array(
  fc.record({
    timestampMs: fc.integer({ min: -1, max: 2 ** 45 }),
    key: bytes,
    value: bytes,
    headers: fc.array(
      fc.record({ key: fc.string({ maxLength: 10 }), value: bytes }, { noNullPrototype: true }),
      {
        maxLength: 3,
      },
    ),
  }),
  { minLength: 1, maxLength: 20 },
);

function build(list: readonly Omit<PlainRecord, "offset">[], options: BatchOptions = {}): Buffer {
  const builder = new BatchBuilder(options);
  for (const record of list) {
    const size = builder.sizeOf(record.timestampMs, record.key, record.value, record.headers);
    const before = builder.sizeBytes;
    builder.append(record.timestampMs, record.key, record.value, record.headers);
    assert.equal(builder.sizeBytes - before, size);
  }
  return builder.build();
}

function read(batch: Buffer, at = 0): PlainRecord[] {
  const cursor = new RecordCursor();
  const list: PlainRecord[] = [];
  cursor.start(batch, at);
  while (cursor.next()) {
    list.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  return list;
}

test("zigzag varints come back, whatever their size and sign", () => {
  const buffer = Buffer.alloc(12);
  fc.assert(
    fc.property(fc.maxSafeInteger(), (any) => {
      const value = Math.trunc(any / 2) + 0;
      const end = writeZigzag(buffer, 1, value);
      assert.equal(end - 1, zigzagSize(value));
      assert.equal(readZigzagLong(buffer, 1, end), value);
      assert.equal(varintCursor.position, end);
      if (value === (value | 0)) {
        assert.equal(readZigzag(buffer, 1, end), value);
      }
    }),
  );
  assert.throws(() => readZigzag(Buffer.alloc(9, 0x80), 0, 9), { kind: "corrupt" });
  assert.throws(() => readZigzagLong(Buffer.alloc(11, 0x80), 0, 11), { kind: "corrupt" });
});

test("records appended to a batch are read back, in any compression", () => {
  fc.assert(
    fc.property(records, fc.constantFrom(...compressionTypes), (list, compression) => {
      const batch = build(list, { compression, baseOffset: 1000 });
      assert.ok(header.isBatchComplete(batch, 0, batch.length));
      assert.ok(header.isBatchCrcValid(batch, 0));
      assert.deepEqual(
        read(batch),
        list.map((record, index) => ({ offset: 1000 + index, ...record })),
      );
    }),
    { numRuns: 60 },
  );
});

test("the header says what the builder was told", () => {
  const batch = build([{ timestampMs: 5, key: null, value: null, headers: [] }], {
    baseOffset: 7,
    partitionLeaderEpoch: 3,
    producerId: 2 ** 40,
    producerEpoch: 9,
    baseSequence: 11,
    isTransactional: true,
    compression: "lz4",
  });
  assert.equal(header.baseOffset(batch, 0), 7);
  assert.equal(header.lastOffset(batch, 0), 7);
  assert.equal(header.batchSize(batch, 0), batch.length);
  assert.equal(header.partitionLeaderEpoch(batch, 0), 3);
  assert.equal(header.magic(batch, 0), 2);
  assert.equal(header.compressionId(batch, 0), 3);
  assert.equal(header.isTransactional(batch, 0), true);
  assert.equal(header.isControl(batch, 0), false);
  assert.equal(header.hasDeleteHorizon(batch, 0), false);
  assert.equal(header.producerId(batch, 0), 2 ** 40);
  assert.equal(header.producerEpoch(batch, 0), 9);
  assert.equal(header.baseSequence(batch, 0), 11);
  assert.equal(header.recordsCount(batch, 0), 1);
  assert.equal(header.baseTimestamp(batch, 0), 5);
  assert.equal(header.maxTimestamp(batch, 0), 5);
});

test("LG3: base offset and leader epoch are stamped outside the checksum, append time inside", () => {
  const batch = build([
    { timestampMs: 5, key: Buffer.from("k"), value: Buffer.from("v"), headers: [] },
    { timestampMs: 9, key: null, value: null, headers: [] },
  ]);
  const crc = header.batchCrc(batch, 0);
  header.stampBaseOffset(batch, 0, 2 ** 40 + 3);
  header.stampPartitionLeaderEpoch(batch, 0, 77);
  assert.ok(header.isBatchCrcValid(batch, 0));
  assert.equal(header.batchCrc(batch, 0), crc);
  header.stampLogAppendTime(batch, 0, 1234);
  assert.ok(header.isBatchCrcValid(batch, 0));
  assert.notEqual(header.batchCrc(batch, 0), crc);
  assert.equal(header.isLogAppendTime(batch, 0), true);
  assert.deepEqual(
    read(batch).map(({ offset, timestampMs }) => [offset, timestampMs]),
    [
      [2 ** 40 + 3, 1234],
      [2 ** 40 + 4, 1234],
    ],
  );
});

test("a walker visits whole batches and stops at a torn one", () => {
  const one = build([{ timestampMs: 1, key: null, value: Buffer.from("a"), headers: [] }]);
  const two = build([{ timestampMs: 2, key: null, value: Buffer.from("bb"), headers: [] }]);
  const whole = Buffer.concat([one, two, one]);
  for (let cut = 0; cut <= whole.length; cut++) {
    const walker = new BatchWalker(whole, 0, cut);
    const seen: number[] = [];
    while (walker.next()) {
      seen.push(walker.position);
    }
    const starts = [0, one.length, one.length + two.length];
    const ends = [one.length, one.length + two.length, whole.length];
    assert.deepEqual(
      seen,
      starts.filter((_, i) => ends[i]! <= cut),
    );
    assert.equal(walker.remaining, cut - Math.max(0, ...ends.filter((end) => end <= cut)));
  }
  one.writeInt32BE(-1, 8);
  assert.throws(() => new BatchWalker(one).next(), { kind: "corrupt" });
});

test("a count that does not match the records is corrupt", () => {
  const batch = build([{ timestampMs: 1, key: null, value: null, headers: [] }]);
  for (const count of [0, 2, -1]) {
    batch.writeInt32BE(count, 57);
    assert.throws(() => read(batch), { kind: "corrupt" });
  }
});

test("damaged batches never crash or hang the cursor", () => {
  const batch = build([
    { timestampMs: 1, key: Buffer.from("key"), value: Buffer.from("value"), headers: [] },
    { timestampMs: 2, key: null, value: null, headers: [{ key: "h", value: null }] },
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 57, max: batch.length - 1 }), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(batch);
      damaged[at] = byte;
      try {
        read(damaged);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }),
    { numRuns: 500 },
  );
});

test("TX9: an end marker is a control batch of one record", () => {
  const marker = buildEndMarker({
    type: "commit",
    producerId: 4,
    producerEpoch: 2,
    coordinatorEpoch: 6,
    timestampMs: 100,
  });
  assert.ok(header.isControl(marker, 0) && header.isTransactional(marker, 0));
  assert.ok(header.isBatchCrcValid(marker, 0));
  assert.equal(header.baseSequence(marker, 0), -1);
  assert.deepEqual(readControlRecord(marker), { type: "commit", coordinatorEpoch: 6 });
  const plain = build([{ timestampMs: 1, key: null, value: null, headers: [] }]);
  assert.equal(readControlRecord(plain), null);
});

test("recompression keeps records, offsets and header", () => {
  const list = Array.from({ length: 50 }, (_, i) => ({
    timestampMs: i,
    key: Buffer.from(`key-${i}`),
    value: Buffer.from("value".repeat(10)),
    headers: [],
  }));
  const batch = build(list, { baseOffset: 12, producerId: 3, compression: "gzip" });
  for (const compression of compressionTypes) {
    const other = recompressBatch(Buffer.concat([Buffer.alloc(5), batch]), 5, compression);
    assert.ok(header.isBatchCrcValid(other, 0));
    assert.equal(header.batchSize(other, 0), other.length);
    assert.equal(header.producerId(other, 0), 3);
    assert.deepEqual(read(other), read(batch));
  }
});

test("text is written as UTF-8", () => {
  const builder = new BatchBuilder();
  builder.append(1, "clé", "日本語".repeat(40));
  const [record] = read(builder.build());
  assert.equal(record!.key!.toString(), "clé");
  assert.equal(record!.value!.toString(), "日本語".repeat(40));
});

test("a batch with gaps keeps its offsets", () => {
  const builder = new BatchBuilder({ baseOffset: 10 });
  builder.append(1, null, "a", [], 0);
  builder.append(1, null, "b", [], 5);
  const batch = builder.build();
  assert.equal(header.lastOffset(batch, 0), 15);
  assert.deepEqual(
    read(batch).map(({ offset }) => offset),
    [10, 15],
  );
});

test("a batch is written into the buffer it is given, as long as that is large enough", () => {
  const values = ["first", "second", "third".repeat(20)];
  const built = (buffer?: Buffer) => {
    const builder = new BatchBuilder(buffer === undefined ? {} : { buffer });
    for (const value of values) builder.append(1_000, null, value);
    return builder.build();
  };
  const expected = built();
  const large = Buffer.alloc(1_000, 0xff);
  const inLarge = built(large);
  assert.deepEqual(inLarge, expected);
  assert.equal(inLarge.buffer, large.buffer);
  for (const size of [0, 61, 70, expected.length - 1]) {
    assert.deepEqual(built(Buffer.alloc(size, 0xff)), expected);
  }
});
