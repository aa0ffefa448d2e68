import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import { BatchBuilder, baseOffset, RecordCursor, recordsCount } from "@ottla/protocol";
import type { LogConfig } from "../engine.ts";
import type { LocalLogOptions } from "../options.ts";
import { appendOne, readAll, readRequest, topicId } from "../test-support.ts";
import { compacted, id, Setup, visit } from "./cleaner-setup.ts";

/** A cleaner that comes by itself. */
const cleaner = {
  isEnabled: true,
  dedupeBufferBytes: 1_000_000,
  ioBufferBytes: 4096,
  ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
  backoffMs: 500,
};

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
    const setup = await open(compacted, { cleaner: { ...cleaner, isEnabled } });
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

test("LG13: a log for which there is no memory now is cleaned later", async () => {
  let hasMemory = false;
  const scarce = {
    ...cleaner,
    get dedupeBufferBytes() {
      if (!hasMemory) Buffer.allocUnsafeSlow(2 ** 46);
      return cleaner.dedupeBufferBytes;
    },
  };
  const setup = await open(compacted, { cleaner: scarce });
  for (let i = 0; i < 5; i++) await setup.put("k", `v${i}`);
  await setup.engine.maintain();
  assert.equal((await setup.read()).length, 5);
  assert.deepEqual(setup.uncleanable, []);
  hasMemory = true;
  await setup.clock.advanceAsync(cleaner.backoffMs);
  await setup.engine.maintain();
  assert.deepEqual(await setup.read(), ["3:k=v3", "4:k=v4"]);
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

test("LG13: a stop does not wait for a slow round, nor does a topic's deletion", async () => {
  const slow = { ...cleaner, ioBufferBytes: 1024, ioMaxBytesPerSecond: 10, backoffMs: 1 };
  for (const isDeletion of [false, true]) {
    const setup = await open(compacted, { cleaner: slow });
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
