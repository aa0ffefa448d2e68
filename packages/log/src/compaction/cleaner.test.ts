import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import {
  BatchBuilder,
  BatchWalker,
  baseOffset,
  isControl,
  lastOffset,
  RecordCursor,
  recordsCount,
} from "@ottla/protocol";
import type { LogConfig, ReadResult } from "../engine.ts";
import type { LocalLogEngine } from "../local-engine.ts";
import type { LocalLogOptions } from "../options.ts";
import { type CleaningRound, noProbe } from "../probe.ts";
import {
  appendMarker,
  appendOne,
  config,
  openEngine,
  readAll,
  readRequest,
  topicId,
} from "../test-support.ts";

const id = topicId(1);
/** One batch of one small record fills a segment. */
const compacted: LogConfig = {
  ...config,
  cleanupPolicy: { delete: false, compact: true },
  segmentBytes: 100,
  minCleanableDirtyRatio: 0,
  indexIntervalBytes: 1,
  retentionMs: -1,
};
const COORDINATOR = { origin: "coordinator", isTransactional: true } as const;

/** An engine that cleans only when told to, with one compacted topic. */
class Setup {
  readonly fileSystem: MemoryFileSystem | SimulatedFileSystem;
  readonly clock = new SimulatedClock(1_000_000);
  readonly rounds: CleaningRound[] = [];
  readonly uncleanable: string[] = [];
  engine!: LocalLogEngine;
  readonly #options: Partial<LocalLogOptions>;

  constructor(
    fileSystem: MemoryFileSystem | SimulatedFileSystem = new MemoryFileSystem(),
    options: Partial<LocalLogOptions> = {},
  ) {
    this.fileSystem = fileSystem;
    this.#options = options;
  }

  async open(topicConfig: LogConfig = compacted): Promise<this> {
    this.engine = await openEngine({
      fileSystem: this.fileSystem,
      clock: this.clock,
      random: new SeededRandom(1),
      probe: {
        ...noProbe,
        cleaned: (_topic, _partition, round) => this.rounds.push(round),
        uncleanable: (topic, partition) => this.uncleanable.push(`${topic}-${partition}`),
      },
      checkpointIntervalMs: 1e9,
      ...this.#options,
    });
    this.engine.openTopic({ topicId: id, name: "t", partitions: 1, config: topicConfig });
    return this;
  }

  /** Appends one record in a batch of its own; null deletes the key. */
  async put(
    key: string,
    value: string | null,
    options: { timestampMs?: number; producerId?: number; sequence?: number } = {},
  ): Promise<number> {
    const isTransactional = options.producerId !== undefined && options.sequence === undefined;
    const builder = new BatchBuilder({
      producerId: options.producerId ?? -1,
      producerEpoch: options.producerId === undefined ? -1 : 0,
      baseSequence: options.sequence ?? -1,
      isTransactional,
    });
    builder.append(options.timestampMs ?? this.clock.now(), key, value);
    const records = Buffer.from(builder.build());
    const request = isTransactional ? COORDINATOR : {};
    const result = await appendOne(this.engine, id, 0, records, request);
    assert.equal(result.error, null);
    return result.baseOffset;
  }

  async end(producerId: number, type: "commit" | "abort"): Promise<void> {
    const timestampMs = this.clock.now();
    const result = await appendMarker(this.engine, id, 0, producerId, {
      epoch: 0,
      type,
      timestampMs,
    });
    assert.equal(result.error, null);
  }

  /** `offset:key=value` of every record that a reader is given from `from` on. */
  async read(from = 0, isolation: "committed" | "uncommitted" = "uncommitted"): Promise<string[]> {
    const found: string[] = [];
    for (let offset = from; ; ) {
      const [result] = await this.engine.read(readRequest(id, 0, offset, { isolation }));
      assert.equal(result!.error, null);
      if (result!.sizeBytes === 0) return found;
      offset = visit(result!, (batch) => {
        if (isControl(batch, 0)) return;
        const cursor = new RecordCursor();
        cursor.start(batch, 0);
        while (cursor.next()) found.push(`${cursor.offset}:${cursor.key()}=${cursor.value()}`);
      });
    }
  }

  async names(ending: string): Promise<string[]> {
    const names = (await this.fileSystem.list("/data/t-0")).map(({ name }) => name);
    return names.filter((name) => name.endsWith(ending)).sort();
  }
}

/** Returns the offset behind the last batch. */
function visit(result: ReadResult, see: (batch: Buffer) => void): number {
  let next = 0;
  for (const buffer of result.records) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      const batch = buffer.subarray(walker.position, walker.position + walker.size);
      see(batch);
      next = lastOffset(batch, 0) + 1;
    }
  }
  return next;
}

function open(topicConfig?: LogConfig, options?: Partial<LocalLogOptions>): Promise<Setup> {
  return new Setup(new MemoryFileSystem(), options).open(topicConfig);
}

test("LG13: the last record of each key is left, and what is active stays", async () => {
  const setup = await open();
  for (let i = 0; i < 10; i++) await setup.put(`k${i % 3}`, `v${i}`);
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["6:k0=v6", "7:k1=v7", "8:k2=v8", "9:k0=v9"]);
  assert.equal(setup.rounds.length, 1);
  assert.deepEqual([setup.rounds[0]!.recordsRead, setup.rounds[0]!.recordsKept], [9, 3]);
  await setup.engine.close();
});

test("LG13: a topic without compaction is left alone", async () => {
  const setup = await open({ ...compacted, cleanupPolicy: { delete: true, compact: false } });
  for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
  await setup.engine.maintain();
  assert.equal((await setup.read()).length, 5);
  await setup.engine.close();
});

test("LG13: the cleaner comes by itself after log.cleaner.backoff.ms, unless it is disabled", async () => {
  for (const isEnabled of [true, false]) {
    const cleaner = {
      isEnabled,
      dedupeBufferBytes: 1_000_000,
      ioBufferBytes: 4096,
      ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
      backoffMs: 500,
    };
    const setup = await open(compacted, { cleaner });
    for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
    await setup.clock.advanceAsync(499);
    assert.equal(setup.rounds.length, 0);
    await setup.clock.advanceAsync(1);
    await setup.engine.maintain();
    assert.deepEqual(await setup.read(), isEnabled ? ["3:k=v3", "4:k=v4"] : await setup.read());
    assert.equal((await setup.read()).length, isEnabled ? 2 : 5);
    await setup.engine.close();
  }
});

test("LG7: a reader that asks for a hole goes on behind it, from files and from memory", async () => {
  const setup = await open();
  for (let i = 0; i < 20; i++) await setup.put(i < 10 ? "a" : "b", `v${i}`);
  await setup.engine.maintain();
  for (const from of [0, 1, 9]) {
    assert.deepEqual(await setup.read(from), ["9:a=v9", "18:b=v18", "19:b=v19"]);
  }
  for (const from of [10, 15, 18]) {
    assert.deepEqual(await setup.read(from), ["18:b=v18", "19:b=v19"]);
  }
  await setup.engine.close();
});

test("LG7: the end of a round stays as an empty batch, so that a reader can tell that it passed it", async () => {
  const setup = await open();
  await setup.put("a", "1");
  await setup.put("b", "2");
  await setup.put("a", null);
  await setup.put("c", "3");
  await setup.engine.maintain();
  setup.clock.advance(86_400_000);
  await setup.put("d", "4");
  await setup.engine.maintain();
  // The tombstone is past its horizon and the last batch below the active one is "c".
  assert.deepEqual(await setup.read(), ["1:b=2", "3:c=3", "4:d=4"]);
  await setup.put("c", "5");
  await setup.put("d", "6");
  await setup.put("c", "7");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["1:b=2", "5:c=5", "6:d=6", "7:c=7"]);
  await setup.engine.close();
});

test("LG13: tombstones outlive delete.retention.ms from the first cleaning on", async () => {
  const setup = await open({ ...compacted, deleteRetentionMs: 1_000 });
  await setup.put("a", "1");
  await setup.put("a", null);
  await setup.put("x", "1");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["1:a=null", "2:x=1"]);
  setup.clock.advance(999);
  await setup.put("x", "2");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["1:a=null", "2:x=1", "3:x=2"]);
  setup.clock.advance(1);
  await setup.put("x", "3");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["3:x=2", "4:x=3"]);
  await setup.engine.close();
});

test("LG13 TX11: nothing at or behind the first open transaction is cleaned", async () => {
  const setup = await open();
  await setup.put("a", "1");
  await setup.put("a", "2");
  await setup.put("a", "3", { producerId: 7 });
  await setup.put("a", "4");
  await setup.put("a", "5");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["1:a=2", "2:a=3", "3:a=4", "4:a=5"]);
  await setup.end(7, "abort");
  await setup.put("a", "6");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(0, "committed"), ["4:a=5", "6:a=6"]);
  assert.deepEqual(await setup.read(), ["4:a=5", "6:a=6"]);
  await setup.engine.close();
});

test("TX12: the index of aborted transactions is that of what is left", async () => {
  const setup = await open({ ...compacted, deleteRetentionMs: 0 });
  await setup.put("a", "1", { producerId: 7 });
  await setup.end(7, "abort");
  await setup.put("b", "1");
  await setup.put("b", "2");
  await setup.engine.maintain();
  assert.deepEqual(await setup.names(".txnindex"), ["00000000000000000001.txnindex"]);
  for (let i = 0; i < 3; i++) {
    await setup.put("b", `again ${i}`, { producerId: 7 });
    await setup.end(7, "commit");
    await setup.put("b", `more ${i}`);
    await setup.put("b", `most ${i}`);
    await setup.engine.maintain();
  }
  assert.deepEqual(await setup.names(".txnindex"), []);
  assert.equal((await setup.read(0, "committed")).at(-1), "15:b=most 2");
  await setup.engine.close();
});

test("IP9: the last batch of a live producer stays, and its sequence goes on after a restart", async () => {
  const setup = await open();
  await setup.put("a", "1", { producerId: 5, sequence: 0 });
  await setup.put("a", "2", { producerId: 5, sequence: 1 });
  await setup.put("a", "3");
  await setup.put("a", "4");
  await setup.engine.maintain();
  const headers: number[][] = [];
  for (let offset = 0; offset < 4; ) {
    const [result] = await setup.engine.read(readRequest(id, 0, offset));
    offset = visit(result!, (batch) => {
      headers.push([baseOffset(batch, 0), recordsCount(batch, 0)]);
    });
  }
  assert.deepEqual(headers, [
    [1, 0],
    [2, 1],
    [3, 1],
  ]);
  await setup.engine.close();
  await setup.open();
  await setup.put("a", "5", { producerId: 5, sequence: 2 });
  await setup.engine.close();
});

test("LG13: cleaned segments are joined up to segment.bytes, and other tools find Kafka's files", async () => {
  const setup = await open({ ...compacted, segmentBytes: 800 });
  for (let i = 0; i < 60; i++) await setup.put(`k${i % 9}`, `v${i}`);
  const before = setup.engine.describe(id, 0)!.segments;
  await setup.engine.maintain();
  for (let i = 0; i < 12; i++) await setup.put(`k${i % 9}`, `w${i}`);
  await setup.engine.maintain();
  const { segments } = setup.engine.describe(id, 0)!;
  await setup.engine.close();
  assert.ok(segments < before, `${before} segments became ${segments}`);
  assert.equal((await setup.names(".log")).length, segments);
  assert.deepEqual(await setup.names(".cleaned"), []);
  const checkpoint = await setup.fileSystem.readFile("/data/cleaner-offset-checkpoint");
  assert.match(checkpoint!.toString(), /^0\n1\nt 0 \d+\n$/);
  await setup.open({ ...compacted, segmentBytes: 800 });
  assert.equal(
    new Set((await setup.read()).map((text) => text.split("=")[0]!.split(":")[1])).size,
    9,
  );
  await setup.engine.close();
});

test("LG13: what was cleaned is not cleaned again after a restart", async () => {
  const setup = await open();
  for (let i = 0; i < 10; i++) await setup.put(`k${i}`, "v");
  await setup.engine.maintain();
  assert.equal(setup.rounds.length, 1);
  await setup.engine.close();
  await setup.open();
  await setup.engine.maintain();
  assert.equal(setup.rounds.length, 1);
  await setup.engine.close();
});

test("LG13: a compaction lag that ends while nobody writes is noticed, also after a restart", async () => {
  const cleaner = {
    isEnabled: true,
    dedupeBufferBytes: 1_000_000,
    ioBufferBytes: 4096,
    ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
    backoffMs: 500,
  };
  const lagging = { ...compacted, minCompactionLagMs: 60_000 };
  const setup = await open(lagging, { cleaner });
  for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
  await setup.clock.advanceAsync(30_000);
  assert.equal(setup.rounds.length, 0);
  await setup.engine.close();
  await setup.open(lagging);
  await setup.clock.advanceAsync(31_000);
  await setup.engine.maintain();
  assert.equal(setup.rounds.length, 1);
  assert.deepEqual(await setup.read(), ["3:k=v3", "4:k=v4"]);
  await setup.clock.advanceAsync(1_000);
  await setup.engine.close();
});

test("LG13: partitions that nobody has used since the start are cleaned too", async () => {
  const setup = await open({ ...compacted, cleanupPolicy: { delete: false, compact: false } });
  for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
  await setup.engine.close();
  await setup.open();
  await setup.engine.maintain();
  assert.equal(setup.rounds.length, 1);
  await setup.engine.close();
});

test("LG11: offsets by time and of the greatest time are found in cleaned segments", async () => {
  const setup = await open({ ...compacted, segmentBytes: 10_000, segmentMs: 1e12 });
  for (let i = 0; i < 200; i++) {
    await setup.put(`k${i % 20}`, `v${i}`, { timestampMs: 1_000_000 + i });
  }
  const find = async (timestampMs: number) => {
    const [answer] = await setup.engine.listOffsets([
      { topicId: id, partition: 0, timestampMs, currentLeaderEpoch: -1, isolation: "uncommitted" },
    ]);
    return [answer!.error, answer!.offset, answer!.timestampMs];
  };
  await setup.engine.maintain();
  const left = (await setup.read()).map((text) => Number.parseInt(text, 10));
  assert.ok(left.length < 200);
  for (let i = 0; i <= 200; i += 7) {
    const offset = left.find((other) => other >= i);
    const wanted = offset === undefined ? [null, -1, -1] : [null, offset, 1_000_000 + offset];
    assert.deepEqual(await find(1_000_000 + i), wanted, `at ${i}`);
  }
  assert.deepEqual(await find(-3), [null, 199, 1_000_199]);
  await setup.engine.close();
});

test("LG13 LG12: compact,delete does both; an empty segment does not keep the others", async () => {
  const both = { delete: true, compact: true };
  const setup = await open({ ...compacted, cleanupPolicy: both, retentionMs: 10_000 });
  for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["4:k=v4", "5:k=v5"]);
  setup.clock.advance(20_000);
  await setup.put("k", "v6");
  await setup.engine.maintain();
  assert.equal(setup.engine.describe(id, 0)!.logStartOffset, 6);
  assert.deepEqual(await setup.read(6), ["6:k=v6"]);
  await setup.engine.close();
});

test("LG14: records may be deleted from a cleaned log, and cleaning goes on from there", async () => {
  const both = { delete: true, compact: true };
  const setup = await open({ ...compacted, cleanupPolicy: both });
  for (let i = 0; i < 8; i++) await setup.put(`k${i % 2}`, `v${i}`);
  await setup.engine.maintain();
  const request = { topicId: id, partition: 0, beforeOffset: 6 };
  assert.deepEqual(await setup.engine.deleteRecords([request]), [{ error: null, lowWatermark: 6 }]);
  assert.deepEqual(await setup.read(6), ["6:k0=v6", "7:k1=v7"]);
  await setup.put("k0", "v8");
  await setup.put("k0", "v9");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(6), ["7:k1=v7", "8:k0=v8", "9:k0=v9"]);
  await setup.engine.close();
});

test("LG13: a damaged batch keeps the log from being cleaned, and the rest goes on", async () => {
  const setup = await open(compacted, { tailBytes: 0, segmentWriteBytes: 1 });
  for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
  await setup.engine.close();
  const path = "/data/t-0/00000000000000000001.log";
  const bytes = (await setup.fileSystem.readFile(path))!;
  bytes[bytes.length - 1]! ^= 1;
  await setup.fileSystem.writeFileAtomic(path, bytes);
  await setup.open();
  setup.engine.openTopic({ topicId: topicId(2), name: "u", partitions: 1, config: compacted });
  for (const value of ["1", "2", "3"]) {
    const builder = new BatchBuilder();
    builder.append(1, "k", value);
    await appendOne(setup.engine, topicId(2), 0, Buffer.from(builder.build()));
  }
  await setup.engine.maintain();
  assert.deepEqual(setup.uncleanable, ["t-0"]);
  assert.equal((await readAll(setup.engine, topicId(2), 0)).length, 2);
  await setup.engine.maintain();
  assert.deepEqual(setup.uncleanable, ["t-0"]);
  assert.deepEqual(await setup.names(".cleaned"), []);
  assert.equal(setup.engine.describe(id, 0)!.segments, 5);
  await setup.engine.close();
});

test("LG13: records without a key, from before the topic was compacted, go", async () => {
  const setup = await open({ ...compacted, cleanupPolicy: { delete: true, compact: false } });
  const builder = new BatchBuilder();
  builder.append(setup.clock.now(), null, "no key");
  await appendOne(setup.engine, id, 0, Buffer.from(builder.build()));
  setup.engine.alterTopic(id, { config: compacted });
  await setup.put("k", "1");
  await setup.put("k", "2");
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["1:k=1", "2:k=2"]);
  assert.deepEqual(setup.uncleanable, []);
  await setup.engine.close();
});

test("LG13: readers go on while segments are replaced under them", async () => {
  const options = { tailBytes: 0, segmentWriteBytes: 1 };
  const setup = await open({ ...compacted, segmentBytes: 900 }, options);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 60; i++) await setup.put(`k${i % 7}`, `${round}/${i}`);
    const cleaning = setup.engine.maintain();
    const last = new Map<string, string>();
    for (let offset = 0; ; ) {
      const [result] = await setup.engine.read(
        readRequest(id, 0, offset, { partitionMaxBytes: 200 }),
      );
      assert.equal(result!.error, null);
      if (result!.sizeBytes === 0) break;
      offset = visit(result!, (batch) => {
        const cursor = new RecordCursor();
        cursor.start(batch, 0);
        while (cursor.next()) last.set(`${cursor.key()}`, `${cursor.value()}`);
      });
    }
    await cleaning;
    for (let i = 53; i < 60; i++) assert.equal(last.get(`k${i % 7}`), `${round}/${i}`);
  }
  await setup.engine.close();
});

/** The same files, but whoever opens one that `isSlow` matches gets it only when `release` was called. */
function slowToOpen(
  fileSystem: MemoryFileSystem,
  isSlow: (path: string, access: string) => boolean,
): { readonly fileSystem: MemoryFileSystem; waiting: number; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = {
    waiting: 0,
    release: resolve,
    fileSystem: new Proxy(fileSystem, {
      get(target, key) {
        if (key !== "open") {
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (...[path, options]: Parameters<MemoryFileSystem["open"]>) => {
          if (isSlow(path, options.access)) {
            slow.waiting++;
            await promise;
          }
          return target.open(path, options);
        };
      },
    }),
  };
  return slow;
}

test("LG13: a reader that opens the file of a segment just when it is replaced starts again", async () => {
  let isReading = false;
  const slow = slowToOpen(new MemoryFileSystem(), (path, access) => {
    if (!isReading || access !== "read" || !path.endsWith("00000000000000000000.log")) return false;
    isReading = false;
    return true;
  });
  const options = { tailBytes: 0, segmentWriteBytes: 1 };
  const setup = await new Setup(slow.fileSystem, options).open({ ...compacted, segmentBytes: 900 });
  for (let i = 0; i < 30; i++) await setup.put(i === 8 ? "only" : "k", `v${i}`);
  isReading = true;
  const reading = setup.read(7);
  while (slow.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  await setup.engine.maintain();
  slow.release();
  assert.deepEqual((await reading)[0], "8:only=v8");
  assert.deepEqual(await setup.read(), await setup.read(7));
  await setup.engine.close();
});

test("LG17: when the disk is full the log stays as it was, and is cleaned when there is room", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const setup = await new Setup(disk).open();
  for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
  const cancel = disk.inject({
    operation: "create",
    code: "no-space",
    count: Number.POSITIVE_INFINITY,
    path: (path) => path.endsWith(".cleaned"),
  });
  await setup.engine.maintain();
  assert.equal((await setup.read()).length, 6);
  assert.deepEqual(setup.uncleanable, []);
  assert.deepEqual(await setup.names(".cleaned"), []);
  cancel();
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["4:k=v4", "5:k=v5"]);
  await setup.engine.close();
});

test("LG17: a replacement whose journal write fails is made again, whatever the crash finds", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    let disk = new SimulatedFileSystem({ random });
    const setup = await new Setup(disk).open();
    for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
    // The first maintenance has its checkpoint; then the journal fails once.
    const cancel = disk.inject({
      operation: "write",
      code: "io",
      path: (path) => path.includes("commit-journal"),
    });
    await setup.engine.maintain();
    cancel();
    assert.equal((await setup.names(".log.1.cleaned")).length, 1);
    if (seed % 2 === 0) {
      await setup.engine.maintain();
      assert.equal((await setup.read()).length, 2);
      assert.deepEqual(await setup.names(".cleaned"), []);
    }
    disk = disk.crash();
    const again = await new Setup(disk).open();
    assert.deepEqual((await again.read()).slice(-2), ["4:k=v4", "5:k=v5"]);
    await again.engine.maintain();
    assert.deepEqual(await again.read(), ["4:k=v4", "5:k=v5"]);
    await again.engine.close();
  }
});

test("LG17: files that cannot get their names keep readers waiting no longer than an attempt", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const setup = await new Setup(disk, { tailBytes: 0, segmentWriteBytes: 1 }).open({
    ...compacted,
    segmentBytes: 400,
  });
  await setup.put("a", "1");
  for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
  const cancel = disk.inject({
    operation: "rename",
    code: "io",
    count: Number.POSITIVE_INFINITY,
    path: (path) => path.endsWith(".cleaned"),
  });
  const cleaning = setup.engine.maintain();
  await setup.clock.advanceAsync(50);
  const [result] = await setup.engine.read(readRequest(id, 0, 0));
  assert.equal(result!.error, "storage");
  cancel();
  await setup.clock.advanceAsync(200);
  await cleaning;
  assert.deepEqual(await setup.read(), ["0:a=1", "4:k=v3", "5:k=v4", "6:k=v5"]);
  await setup.engine.close();
});

test("LG17: a stop does not wait for a disk that cannot rename; the next start does what is left", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const setup = await new Setup(disk).open();
  for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
  const cancel = disk.inject({
    operation: "rename",
    code: "io",
    count: Number.POSITIVE_INFINITY,
    path: (path) => path.endsWith(".cleaned"),
  });
  await setup.engine.maintain();
  await setup.engine.close();
  assert.equal((await setup.names(".log.1.cleaned")).length, 1);
  cancel();
  await setup.open();
  assert.deepEqual(await setup.names(".log.1.cleaned"), []);
  assert.deepEqual((await setup.read()).slice(-2), ["4:k=v4", "5:k=v5"]);
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["4:k=v4", "5:k=v5"]);
  await setup.engine.close();
});

test("LG17: with relaxed acks a power failure leaves old segments or new ones, too", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
    const relaxed = { relaxedAcks: true };
    const setup = await new Setup(disk, relaxed).open({ ...compacted, segmentBytes: 400 });
    for (let i = 0; i < 20; i++) await setup.put(i === 2 ? "a" : "k", `v${i}`);
    await setup.engine.close();
    await setup.open({ ...compacted, segmentBytes: 400 });
    disk.crashAt(1 + (seed % 20) * 2);
    await setup.engine.maintain();
    const again = await new Setup(disk.crash(), relaxed).open();
    const left = await again.read();
    assert.ok(left.includes("2:a=v2") && left.includes("19:k=v19"), `seed ${seed}: ${left}`);
    await again.engine.close();
  }
});

test("LG17: nothing waits for a machine that has stopped", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const disk = new SimulatedFileSystem({ random });
    const setup = await new Setup(disk).open();
    for (let i = 0; i < 6; i++) await setup.put(`k${i % 2}`, `v${i}`);
    disk.crashAt(1 + random.integer(40));
    await setup.engine.maintain();
    await setup.engine.close();
    const again = await new Setup(disk.crash()).open();
    assert.deepEqual((await again.read()).slice(-2), ["4:k0=v4", "5:k1=v5"]);
    await again.engine.close();
  }
});

test("LG13: a stop does not wait for a slow round, nor does a topic's deletion", async () => {
  const cleaner = {
    isEnabled: true,
    dedupeBufferBytes: 1_000_000,
    ioBufferBytes: 1024,
    ioMaxBytesPerSecond: 10,
    backoffMs: 1,
  };
  for (const isDeletion of [false, true]) {
    const setup = await open(compacted, { cleaner });
    for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
    const cleaning = setup.engine.maintain();
    await setup.clock.advanceAsync(1);
    if (isDeletion) {
      await setup.engine.deleteTopic(id);
      await setup.clock.advanceAsync(100_000);
      await cleaning;
      assert.deepEqual(setup.uncleanable, []);
    }
    await setup.engine.close();
    await cleaning;
    await setup.open();
    if (!isDeletion) assert.equal((await setup.read()).length, 6);
    await setup.engine.close();
  }
});
