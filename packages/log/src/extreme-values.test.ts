/** Numbers at the ends of their ranges, in settings and in batches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import { maxTimestamp, recompressBatch, stampCrc } from "@ottla/protocol";
import type { LogConfig } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import { noProbe } from "./probe.ts";
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

function open(engine: LocalLogEngine, change: Partial<LogConfig>) {
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config: { ...config, ...change } });
}

/** The header says nothing of what the second record's delta makes of the base timestamp. */
function lying(timestamp: bigint, producer = {}): Buffer {
  const batch = makeBatch({
    values: ["a", "b"],
    timestamps: [0, Number(timestamp)],
    ...producer,
  });
  batch.writeBigInt64BE(0n, 35);
  stampCrc(batch, 0);
  return batch;
}

for (const producer of [{}, { producerId: 5 }]) {
  test(`LG5: a record whose timestamp is no int64 does no harm to the log ${JSON.stringify(producer)}`, async () => {
    const failures: string[] = [];
    const probe = {
      ...noProbe,
      storageFailed: (error: Error) => failures.push(String(error.cause ?? error)),
    };
    const fileSystem = new MemoryFileSystem();
    const engine = await openEngine({ fileSystem, probe });
    open(engine, { timestampAfterMaxMs: Infinity, indexIntervalBytes: 0, segmentBytes: 1000 });
    const good = makeBatch({ values: ["x".repeat(100)] });
    const errors: unknown[] = [];
    for (let i = 0; i < 30; i++) {
      const batch = i === 3 ? lying(2n ** 68n, producer) : good;
      const result = await appendOne(engine, id, 0, batch).catch((error: unknown) => ({ error }));
      if (i !== 3) errors.push(result.error);
    }
    await engine.close().catch((error: unknown) => errors.push(error));
    assert.deepEqual(new Set(errors), new Set([null]));
    assert.deepEqual(failures, []);
    await using again = await openEngine({ fileSystem, probe });
    open(again, {});
    assert.ok((await readAll(again, id, 0)).length >= 29);
  });
}

test("LG5: a record whose timestamp is no int64 does not keep others from the journal", {
  timeout: 20_000,
}, async () => {
  const failures: string[] = [];
  const probe = {
    ...noProbe,
    storageFailed: (error: Error) => failures.push(String(error.cause ?? error)),
  };
  const fileSystem = new MemoryFileSystem();
  const other = topicId(2);
  const engine = await openEngine({ fileSystem, probe });
  open(engine, { timestampAfterMaxMs: Infinity, indexIntervalBytes: 0 });
  engine.openTopic({ topicId: other, name: "other", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch());
  await appendOne(engine, id, 0, lying(2n ** 68n));
  await appendOne(engine, id, 0, makeBatch());
  for (let i = 0; i < 150; i++) {
    const result = await appendOne(engine, other, 0, makeBatch({ values: ["x".repeat(20_000)] }));
    assert.equal(result.error, null, failures.join());
  }
  assert.deepEqual(failures, []);
  await engine.close();
});

test("LG5: a batch of bad records is not refused in hundreds of megabytes of words", async () => {
  await using engine = await openEngine({
    journalBufferBytes: 4_194_304,
    journalFirstFileBytes: 8_388_608,
    journalFileBytes: 8_388_608,
    journalMaxBytes: 67_108_864,
  });
  open(engine, {});
  const plain = makeBatch({
    values: new Array<string>(50_000).fill(""),
    timestamps: new Array<number>(50_000).fill(Date.now() + 86_400_000),
  });
  for (const batch of [plain, recompressBatch(plain, 0, "gzip")]) {
    const result = await appendOne(engine, id, 0, batch);
    assert.equal(result.error, "invalidTimestamp");
    assert.match(result.errorMessage!, /due to 50000 record errors/);
    assert.equal(result.recordErrors[0]!.index, 0);
    assert.ok(result.recordErrors.length <= 1_000, `${result.recordErrors.length} errors`);
  }
});

test("LG5: a record long before the first of its batch is not taken for one long after it", async () => {
  await using engine = await openEngine();
  open(engine, { timestampAfterMaxMs: Infinity });
  const base = 2 ** 52;
  const batch = makeBatch({ values: ["a", "b"], timestamps: [base, -5] });
  const result = await appendOne(engine, id, 0, batch);
  assert.equal(result.error, null);
  const [read] = await engine.read(readRequest(id, 0, 0));
  assert.equal(maxTimestamp(read!.records[0]!, 0), base);
});
