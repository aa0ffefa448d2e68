import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import {
  batchCrc,
  compressionId,
  isBatchCrcValid,
  isLogAppendTime,
  maxTimestamp,
  recompressBatch,
  stampCrc,
} from "@ottla/protocol";
import type { AppendRequest, LogConfig } from "./engine.ts";
import {
  appendOne,
  type BatchOptions,
  config,
  makeBatch,
  openEngine,
  readRequest,
  topicId,
} from "./test-support.ts";

const id = topicId(1);

async function appended(
  records: Buffer | null,
  options: { config?: Partial<LogConfig>; request?: Partial<AppendRequest> } = {},
) {
  await using engine = await openEngine();
  engine.openTopic({
    topicId: id,
    name: "t",
    partitions: 1,
    config: { ...config, ...options.config },
  });
  const result = await appendOne(engine, id, 0, records, options.request);
  const [read] = await engine.read(readRequest(id, 0, 0));
  assert.equal(read!.highWatermark, result.error === null ? 1 : 0, "only good batches are stored");
  return { result, stored: read!.records[0] ?? null };
}

/** A batch with one thing wrong, with a right CRC again unless told. */
function broken(change: (batch: Buffer) => void, options: BatchOptions = {}): Buffer {
  const batch = makeBatch(options);
  change(batch);
  return batch;
}

function resealed(change: (batch: Buffer) => void, options: BatchOptions = {}): Buffer {
  const batch = broken(change, options);
  stampCrc(batch, 0);
  return batch;
}

const good = makeBatch();
const faults: readonly [string, Buffer | null, string][] = [
  ["LG1: no records", null, "invalidRecord"],
  ["LG1: empty records", Buffer.alloc(0), "invalidRecord"],
  ["LG1: a truncated batch", good.subarray(0, good.length - 1), "invalidRecord"],
  ["LG1: two batches", Buffer.concat([good, good]), "invalidRecord"],
  ["LG1: magic 0", broken((b) => b.writeInt8(0, 16)), "invalidRecord"],
  ["LG1: magic 1", broken((b) => b.writeInt8(1, 16)), "invalidRecord"],
  ["LG1: magic 3", broken((b) => b.writeInt8(3, 16)), "corruptBatch"],
  ["LG1: magic −1", broken((b) => b.writeInt8(-1, 16)), "corruptBatch"],
  ["LG1: a negative length", broken((b) => b.writeInt32BE(-1, 8)), "corruptBatch"],
  ["LG1: a length too short", broken((b) => b.writeInt32BE(13, 8)), "corruptBatch"],
  [
    "LG1: a length below the header's",
    broken((b) => b.writeInt32BE(40, 8)).subarray(0, 52),
    "corruptBatch",
  ],
  ["LG1: a bad CRC", broken((b) => b.writeUInt32BE(batchCrc(b, 0) ^ 1, 17)), "corruptBatch"],
  ["LG1: a flipped bit", broken((b) => b.writeUInt8(b[65]! ^ 4, 65)), "corruptBatch"],
  ["LG1: a base offset", broken((b) => b.writeBigInt64BE(5n, 0)), "invalidRecord"],
  ["LG1: another count than records", resealed((b) => b.writeInt32BE(2, 57)), "invalidRecord"],
  ["LG1: another last offset delta", resealed((b) => b.writeInt32BE(1, 23)), "invalidRecord"],
  [
    "LG1: count and delta beyond the records",
    resealed((b) => {
      b.writeInt32BE(2, 57);
      b.writeInt32BE(1, 23);
    }),
    "invalidRecord",
  ],
  [
    "LG1: a negative count",
    resealed((b) => {
      b.writeInt32BE(-1, 57);
      b.writeInt32BE(-2, 23);
    }),
    "invalidRecord",
  ],
  [
    "TX10: a control batch from a client",
    resealed((b) => b.writeInt16BE(0x20, 21)),
    "invalidRecord",
  ],
  ["an unknown codec", resealed((b) => b.writeInt16BE(5, 21)), "unknownCompression"],
  [
    "a transactional batch without a transactional id",
    resealed((b) => b.writeInt16BE(0x10, 21)),
    "transactionalIdRequired",
  ],
  [
    "IP2: a producer without a sequence",
    makeBatch({ producerId: 1, sequence: -1 }),
    "invalidRecord",
  ],
];

for (const [name, records, error] of faults) {
  test(`${name} is refused as ${error}`, async () => {
    assert.equal((await appended(records)).result.error, error);
  });
}

for (const [name, records] of faults.slice(0, 6)) {
  test(`${name} is found before the log is looked at, so no log start is told`, async () => {
    assert.equal((await appended(records)).result.logStartOffset, -1);
  });
}

test("LG1: a base offset is found at the log, whose start is told", async () => {
  const batch = broken((b) => b.writeBigInt64BE(5n, 0));
  assert.equal((await appended(batch)).result.logStartOffset, 0);
});

test("LG1: an incomplete tail behind a whole batch is ignored and not stored", async () => {
  const { result, stored } = await appended(Buffer.concat([good, good.subarray(0, 30)]));
  assert.equal(result.error, null);
  assert.equal(stored!.length, good.length);
});

test("LG2: batches over max.message.bytes and over segment.bytes are refused differently", async () => {
  const tooLarge = await appended(makeBatch(), { config: { maxMessageBytes: 20 } });
  assert.equal(tooLarge.result.error, "messageTooLarge");
  const tooLong = await appended(makeBatch(), { config: { segmentBytes: 20 } });
  assert.equal(tooLong.result.error, "recordListTooLarge");
});

test("LG3: LogAppendTime sets the timestamp, its bit, and a CRC that fits", async () => {
  const { result, stored } = await appended(makeBatch({ timestamps: [5] }), {
    config: { timestampType: "LogAppendTime" },
  });
  assert.ok(isLogAppendTime(stored!, 0) && isBatchCrcValid(stored!, 0));
  assert.equal(maxTimestamp(stored!, 0), result.appendTimeMs);
  assert.ok(Math.abs(result.appendTimeMs - Date.now()) < 60_000);
});

test("LG3: a wrong max timestamp is set right, and nothing else changes", async () => {
  const sent = makeBatch({ values: ["a", "b"], timestamps: [5, 9] });
  const lying = Buffer.from(sent);
  lying.writeBigInt64BE(77n, 35);
  stampCrc(lying, 0);
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, lying);
  const [read] = await engine.read(readRequest(id, 0, 0));
  assert.deepEqual(read!.records[0]!.subarray(16), sent.subarray(16));
});

for (const type of ["gzip", "snappy", "lz4", "zstd"] as const) {
  test(`LG4: compression.type ${type} recompresses, and back`, async () => {
    const { stored } = await appended(makeBatch({ values: ["a".repeat(500)] }), {
      config: { compressionType: type },
    });
    assert.notEqual(compressionId(stored!, 0), 0);
    assert.ok(isBatchCrcValid(stored!, 0) && stored!.length < 300);
    const plain = makeBatch({ values: ["b".repeat(500)] });
    const { stored: back } = await appended(recompressBatch(plain, 0, type), {
      config: { compressionType: "uncompressed" },
    });
    assert.deepEqual(back!.subarray(16), plain.subarray(16));
  });
}

test("LG4: zstd needs a producer that may use it", async () => {
  const { result } = await appended(recompressBatch(good, 0, "zstd"), {
    request: { allowsZstd: false },
  });
  assert.equal(result.error, "unsupportedCompression");
});

for (const compression of ["none", "lz4"] as const) {
  test(`LG5: timestamps out of bounds name the records at fault (${compression})`, async () => {
    const now = Date.now();
    const batch = makeBatch({ values: ["a", "b", "c"], timestamps: [now, now + 9_000_000, now] });
    const { result } = await appended(recompressBatch(batch, 0, compression));
    assert.equal(result.error, "invalidTimestamp");
    assert.deepEqual(
      result.recordErrors.map(({ index }) => index),
      [1],
    );
    assert.match(result.errorMessage!, /out of range/);
    const old = await appended(recompressBatch(makeBatch({ timestamps: [5] }), 0, compression), {
      config: { timestampBeforeMaxMs: 1000 },
    });
    assert.equal(old.result.error, "invalidTimestamp");
    const none = await appended(recompressBatch(makeBatch({ timestamps: [-1] }), 0, compression), {
      config: { timestampBeforeMaxMs: 1000 },
    });
    assert.equal(none.result.error, null);
  });

  test(`LG6: a compacted topic refuses records without a key (${compression})`, async () => {
    const batch = makeBatch({ values: ["a", "b"], keys: ["k", null] });
    const { result } = await appended(recompressBatch(batch, 0, compression), {
      config: { cleanupPolicy: { delete: false, compact: true } },
    });
    assert.equal(result.error, "invalidRecord");
    assert.deepEqual(
      result.recordErrors.map(({ index }) => index),
      [1],
    );
  });
}

test("LG10: acks=all needs min.insync.replicas copies", async () => {
  const { result } = await appended(good, { config: { minInsyncReplicas: 2 } });
  assert.equal(result.error, "notEnoughReplicas");
});

test("random bytes are refused, never stored, and crash nothing", async () => {
  const random = new SeededRandom(7);
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  for (let i = 0; i < 500; i++) {
    const bytes = random.bytes(random.integer(200));
    if (random.integer(2) === 0 && bytes.length >= 61) {
      bytes.writeInt32BE(bytes.length - 12, 8);
      bytes.writeInt8(2, 16);
      bytes.fill(0, 0, 8);
      bytes.writeInt16BE(random.integer(5), 21);
      bytes.writeInt32BE(1, 57);
      bytes.writeInt32BE(0, 23);
      stampCrc(bytes, 0);
    }
    assert.notEqual((await appendOne(engine, id, 0, bytes)).error, null);
  }
  assert.equal(engine.describe(id, 0)!.logEndOffset, 0);
});
