import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FileSystemError,
  type OpenOptions,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import {
  appendOne,
  appendRequest,
  config,
  makeBatch,
  openEngine,
  readAll,
  readRequest,
  staged,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "t", partitions: 2, config };
const isJournal = (path: string) => path.includes("commit-journal");

function open(fileSystem: SimulatedFileSystem, clock = new SimulatedClock()) {
  return openEngine({ fileSystem, clock, retryDelayMs: 1000 });
}

test("LG17: a failed journal write answers storage, loses nothing, and appends go on once writes work", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock();
  const engine = await open(disk, clock);
  engine.openTopic(topic);
  await appendOne(engine, id, 0, makeBatch({ values: ["a"], producerId: 1, sequence: 0 }));
  disk.inject({ operation: "write", code: "io", path: isJournal });
  const failed = await Promise.all([
    appendOne(engine, id, 0, makeBatch({ values: ["b"], producerId: 1, sequence: 1 })),
    appendOne(engine, id, 1, makeBatch({ values: ["c"] })),
  ]);
  assert.deepEqual(
    failed.map(({ error }) => error),
    ["storage", "storage"],
  );
  assert.equal(engine.describe(id, 0)!.logEndOffset, 1);
  assert.equal(
    (await appendOne(engine, id, 0, makeBatch())).error,
    "storage",
    "for a while nothing is tried",
  );
  assert.equal((await readAll(engine, id, 0)).length, 1, "reads go on");
  clock.advance(1000);
  const retried = await appendOne(
    engine,
    id,
    0,
    makeBatch({ values: ["b"], producerId: 1, sequence: 1 }),
  );
  assert.deepEqual([retried.error, retried.baseOffset], [null, 1]);
  const before = await readAll(engine, id, 0);
  await using again = await open(disk.crash());
  again.openTopic(topic);
  assert.deepEqual(await readAll(again, id, 0), before);
  assert.equal(again.describe(id, 1)!.logEndOffset, 0);
});

test("LG10 LG17: a group whose write failed, found by a start, is on stable storage before others follow it", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
    const killed = await open(disk);
    killed.openTopic(topic);
    assert.equal((await appendOne(killed, id, 0, makeBatch({ values: ["a"] }))).error, null);
    disk.inject({ operation: "write", code: "io", path: isJournal });
    assert.equal((await appendOne(killed, id, 0, makeBatch({ values: ["b"] }))).error, "storage");
    // The process is killed, the machine goes on; later it loses its power.
    const second = await open(disk);
    second.openTopic(topic);
    assert.equal((await appendOne(second, id, 1, makeBatch({ values: ["c"] }))).error, null);
    const seen = await readAll(second, id, 0);
    await using third = await open(disk.crash()).catch((error: Error) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    third.openTopic(topic);
    assert.equal((await readAll(third, id, 1)).length, 1, `seed ${seed}`);
    assert.deepEqual(await readAll(third, id, 0), seen, `seed ${seed}`);
  }
});

test("LG17: what was answered storage is not there after a clean stop, whatever of it the disk had got", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
    const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
    engine.openTopic(topic);
    assert.equal((await appendOne(engine, id, 0, makeBatch())).error, null);
    disk.inject({ operation: "write", code: "io", path: isJournal });
    assert.equal((await appendOne(engine, id, 0, makeBatch())).error, "storage");
    await engine.close();
    await using again = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
    again.openTopic(topic);
    assert.equal((await readAll(again, id, 0)).length, 1, `seed ${seed}`);
  }
});

test("LG9, LG17: what a failed group would have gained counts for no reader and for no segment write", async () => {
  let held: Promise<void> | undefined;
  const disk = new SimulatedFileSystem({ random: new SeededRandom(11), delay: async () => held });
  const clock = new SimulatedClock();
  const batch = makeBatch({ values: ["x".repeat(100)] });
  const size = batch.length;
  await using engine = await openEngine({
    fileSystem: disk,
    clock,
    retryDelayMs: 1000,
    segmentWriteBytes: 5 * size,
  });
  engine.openTopic(topic);
  assert.equal((await appendOne(engine, id, 0, Buffer.from(batch))).error, null);
  let answered = 0;
  const waiting = engine
    .read(readRequest(id, 0, 1, { minBytes: 3 * size, maxWaitMs: 60_000 }))
    .then((results) => {
      answered = results[0]!.sizeBytes;
    });
  disk.inject({ operation: "write", code: "io", path: isJournal });
  // One is being written, two gather behind it; all three are taken back.
  let release = () => {};
  held = new Promise((resolve) => {
    release = resolve;
  });
  const first = appendOne(engine, id, 0, Buffer.from(batch));
  await clock.advanceAsync(0);
  const behind = [1, 2].map(() => appendOne(engine, id, 0, Buffer.from(batch)));
  await staged();
  assert.equal(engine.describe(id, 0)!.logEndOffset, 4, "all three are staged");
  release();
  held = undefined;
  for (const { error } of await Promise.all([first, ...behind])) assert.equal(error, "storage");
  await clock.advanceAsync(2000);
  for (let gained = 0; gained < 2; gained++) {
    assert.equal((await appendOne(engine, id, 0, Buffer.from(batch))).error, null);
    await clock.advanceAsync(0);
  }
  assert.equal(answered, 0, "two batches are there, three were asked for");
  const segment = "/data/t-0/00000000000000000000.log";
  assert.equal(await disk.readFile(segment), null, "three are in the log, five were asked for");
  assert.equal((await appendOne(engine, id, 0, Buffer.from(batch))).error, null);
  await clock.advanceAsync(0);
  await waiting;
  assert.equal(answered, 3 * size);
});

test("LG17: appends that wait for memory go on when what filled it fails", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(7) });
  await using engine = await openEngine({ fileSystem: disk, tailBytes: 1000 });
  engine.openTopic(topic);
  disk.inject({ operation: "write", code: "io", path: isJournal });
  // Each fills a slab, which is as much as the tail may hold.
  const value = "x".repeat(60_000);
  const sent = Array.from({ length: 8 }, () =>
    appendOne(engine, id, 0, makeBatch({ values: [value] })),
  );
  const results = await Promise.all(sent);
  const failed = results.filter(({ error }) => error === "storage").length;
  assert.ok(failed > 0 && failed < 8, `${failed} failed`);
  assert.equal(engine.describe(id, 0)!.logEndOffset, 8 - failed);
});

test("LG10: nothing is answered before it is durable, also where what waited for room has nothing to add any more", async () => {
  let held: Promise<void> | undefined;
  const disk = new SimulatedFileSystem({ random: new SeededRandom(8), delay: async () => held });
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: disk, clock });
  engine.openTopic({ ...topic, partitions: 4 });
  const value = "x".repeat(30_000);
  const damaged = makeBatch({ values: [value] });
  damaged[100]! ^= 1;
  let answered = 0;
  const count = () => {
    answered++;
  };
  // From here on no write ever ends. A slab holds two of these batches.
  held = new Promise(() => {});
  const batches = [makeBatch({ values: [value] }), makeBatch({ values: [value] }), damaged];
  const partitions = batches.map((records, partition) => ({ topicId: id, partition, records }));
  void engine.append(appendRequest(partitions)).then(count);
  for (const sequence of [0, 1, 1]) {
    const records = makeBatch({ values: [value], producerId: 1, sequence });
    void appendOne(engine, id, 3, records).then(count);
  }
  for (let i = 0; i < 20; i++) await clock.advanceAsync(1);
  assert.equal(engine.describe(id, 0)!.highWatermark, 0);
  assert.equal(answered, 0);
});

test("LG17: of a request staged over several groups, what was taken back with the first is not answered as success", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(9) });
  const engine = await openEngine({ fileSystem: disk, retryDelayMs: 1000 });
  const wide = { ...topic, partitions: 10 };
  engine.openTopic(wide);
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, null);
  disk.inject({ operation: "write", code: "io", path: isJournal });
  const partitions = Array.from({ length: 10 }, (_, partition) => ({
    topicId: id,
    partition,
    records: makeBatch({ values: ["x".repeat(30_000)] }),
  }));
  const results = await engine.append(appendRequest(partitions));
  assert.ok(results.some(({ error }) => error === "storage"));
  await engine.close();
  await using again = await openEngine({ fileSystem: disk.crash() });
  again.openTopic(wide);
  for (const [partition, { error, baseOffset }] of results.entries()) {
    const there = (await readAll(again, id, partition)).length;
    assert.equal(there, (partition === 0 ? 1 : 0) + (error === null ? 1 : 0), `${partition}`);
    if (error === null) assert.ok(baseOffset < again.describe(id, partition)!.highWatermark);
  }
});

test("LG17: failing flushes of segments free no journal and lose nothing", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const clock = new SimulatedClock();
  const engine = await openEngine({
    fileSystem: disk,
    clock,
    checkpointIntervalMs: 10,
    segmentWriteBytes: 1000,
  });
  engine.openTopic(topic);
  const cancel = disk.inject({
    operation: "sync",
    code: "io",
    count: Number.POSITIVE_INFINITY,
    path: (path) => path.endsWith(".log"),
  });
  for (let i = 0; i < 30; i++) {
    assert.equal(
      (await appendOne(engine, id, 0, makeBatch({ values: [`${i}`.repeat(300)] }))).error,
      null,
    );
    await clock.advanceAsync(20);
  }
  const before = await readAll(engine, id, 0);
  cancel();
  await using again = await openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
  again.openTopic(topic);
  assert.deepEqual(await readAll(again, id, 0), before);
});

test("corrupt bytes in a segment are reported with file and position, and not skipped", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(4) });
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  for (let i = 0; i < 50; i++)
    await appendOne(first, id, 0, makeBatch({ values: ["v".repeat(100)] }));
  await first.close();
  const path = "/data/t-0/00000000000000000000.log";
  const file = await disk.open(path, { access: "write" });
  await file.write([Buffer.alloc(70, 0xff)], 1000);
  await file.close();
  const reports: string[] = [];
  const { noProbe } = await import("./probe.ts");
  await using second = await openEngine({
    fileSystem: disk,
    probe: {
      ...noProbe,
      corrupted: (where, position, detail) => reports.push(`${where} ${position} ${detail}`),
    },
  });
  second.openTopic(topic);
  let offset = 0;
  let error: string | null = null;
  while (error === null && offset < 50) {
    const [result] = await second.read(readRequest(id, 0, offset, { partitionMaxBytes: 1 }));
    error = result!.error;
    offset++;
  }
  assert.equal(error, "storage");
  assert.match(reports[0]!, /00000000000000000000\.log \d+ no record batch starts here/);
});

test("a damaged checkpoint is reported, not ignored", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(5) });
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  await appendOne(first, id, 0, makeBatch());
  await first.close();
  const file = await disk.open("/data/log-checkpoint", { access: "write" });
  await file.write([Buffer.from([0xff])], 30);
  await file.close();
  await assert.rejects(openEngine({ fileSystem: disk }), {
    name: "CorruptLog",
    path: "/data/log-checkpoint",
  });
});

test("an index that is missing or wrong is made again", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(6) });
  const first = await openEngine({ fileSystem: disk });
  first.openTopic({ ...topic, config: { ...config, indexIntervalBytes: 200 } });
  for (let i = 0; i < 100; i++)
    await appendOne(first, id, 0, makeBatch({ values: ["v".repeat(100)] }));
  await first.close();
  for (const damage of ["remove", "overwrite"] as const) {
    const path = "/data/t-0/00000000000000000000.index";
    if (damage === "remove") await disk.remove(path);
    else {
      const file = await disk.open(path, { access: "write" });
      for (let at = 4; at < (await file.size()); at += 8) {
        const position = Buffer.alloc(4);
        position.writeInt32BE(at * 3 + 1);
        await file.write([position], at);
      }
      await file.close();
    }
    const engine = await openEngine({ fileSystem: disk });
    engine.openTopic({ ...topic, config: { ...config, indexIntervalBytes: 200 } });
    for (const offset of [0, 37, 99]) {
      const [result] = await engine.read(readRequest(id, 0, offset, { partitionMaxBytes: 1 }));
      assert.equal(result!.records[0]!.readBigInt64BE(0), BigInt(offset));
    }
    await engine.close();
  }
});

test("LG17: a group that failed but reached the disk does not hide its successor in another file", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(9) });
  let lies = false;
  const lying = new Proxy(disk, {
    get(target, name) {
      if (name !== "open") {
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      }
      return async (path: string, options: OpenOptions) => {
        const handle = await target.open(path, options);
        if (!isJournal(path)) return handle;
        const write = handle.write.bind(handle);
        handle.write = async (parts, position) => {
          await write(parts, position);
          if (!lies) return;
          lies = false;
          throw new FileSystemError("io", path);
        };
        return handle;
      };
    },
  });
  const engine = await openEngine({ fileSystem: lying, clock: new SimulatedClock() });
  engine.openTopic(topic);
  // The first file holds 32 blocks: the start of the run, thirty groups, and one more.
  for (let i = 0; i < 30; i++) await appendOne(engine, id, 0, makeBatch());
  lies = true;
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, "storage");
  const large = makeBatch({ values: ["x".repeat(9_000)] });
  assert.equal((await appendOne(engine, id, 0, large)).error, null);
  assert.equal((await appendOne(engine, id, 0, makeBatch())).error, null);
  await using again = await openEngine({ fileSystem: disk.crash() });
  again.openTopic(topic);
  const sizes = (await readAll(again, id, 0)).map(({ body }) => body.length);
  assert.equal(sizes.length, 32);
  assert.ok(
    sizes[30]! > 9_000,
    "the group that was acknowledged is found, not the one that failed",
  );
});

test("LG17: a segment whose flush failed once is written again before it counts as flushed", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) });
    const clock = new SimulatedClock();
    const engine = await openEngine({
      fileSystem: disk,
      clock,
      checkpointIntervalMs: 1000,
      segmentWriteBytes: 300,
      tailBytes: 8_388_608,
      journalFileBytes: 4_194_304,
      journalMaxBytes: 33_554_432,
    });
    const large = { ...topic, config: { ...config, maxMessageBytes: 2_000_000 } };
    engine.openTopic(large);
    // Some fit a block, some do not, and one does not fit what is read at once.
    for (const bytes of [60, 5000, 60, 300, 1_100_000, 60, 9000, 60]) {
      const value = `${seed}`.padEnd(bytes, ".");
      assert.equal((await appendOne(engine, id, 0, makeBatch({ values: [value] }))).error, null);
    }
    const before = await readAll(engine, id, 0);
    const isSegment = (path: string) => path.endsWith(".log");
    disk.inject({ operation: "sync", code: "io", path: isSegment });
    for (let i = 0; i < 10; i++) await clock.advanceAsync(1000);
    await using again = await openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
    again.openTopic(large);
    assert.deepEqual(await readAll(again, id, 0), before, `seed ${seed}`);
  }
});

test("LG17: a segment that cannot be read back after a failed flush frees no journal", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(5) });
  const clock = new SimulatedClock();
  const options = { fileSystem: disk, clock, checkpointIntervalMs: 1000, segmentWriteBytes: 300 };
  const engine = await openEngine(options);
  engine.openTopic(topic);
  for (let i = 0; i < 20; i++) {
    await appendOne(engine, id, 0, makeBatch({ values: [`value ${i}`.padEnd(60, ".")] }));
  }
  const before = await readAll(engine, id, 0);
  let path = "";
  disk.inject({
    operation: "sync",
    code: "io",
    path: (candidate) => {
      if (!candidate.endsWith(".log")) return false;
      path = candidate;
      return true;
    },
  });
  await clock.advanceAsync(1000);
  const file = await disk.open(path, { access: "write" });
  await file.write([Buffer.alloc(100, 0xdb)], 50);
  await file.close();
  for (let i = 0; i < 10; i++) await clock.advanceAsync(1000);
  await using again = await openEngine({ fileSystem: disk.crash(), clock: new SimulatedClock() });
  again.openTopic(topic);
  assert.deepEqual(await readAll(again, id, 0), before);
});

/** A partition with a batch of timestamp 10, and `before` bytes, behind which a group with batches of `sizeBytes` failed. */
async function afterFailure(timestamps: readonly number[], sizeBytes: number, before = 10) {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock(1_000_000);
  const engine = await openEngine({ fileSystem: disk, clock });
  engine.openTopic(topic);
  const put = async (timestampMs: number, valueBytes: number) => {
    const values = [Buffer.alloc(valueBytes)];
    return (await appendOne(engine, id, 0, makeBatch({ values, timestamps: [timestampMs] }))).error;
  };
  const ask = async (timestampMs: number, of = engine) => {
    const query = { topicId: id, partition: 0, timestampMs, currentLeaderEpoch: -1 };
    const [found] = await of.listOffsets([{ ...query, isolation: "uncommitted" }]);
    return [found!.offset, found!.timestampMs];
  };
  assert.equal(await put(10, before), null);
  disk.inject({ operation: "write", code: "io", path: isJournal });
  const failed = await Promise.all(timestamps.map((time) => put(time, sizeBytes)));
  assert.deepEqual(
    failed,
    timestamps.map(() => "storage"),
  );
  return { disk, engine, put, ask };
}

for (const sizeBytes of [10, 5000]) {
  test(`LG11: a time is found exactly behind a failed journal write of batches of ${sizeBytes} bytes`, async () => {
    const { disk, engine, put, ask } = await afterFailure([20, 30, 40, 50, 100], sizeBytes);
    for (const time of [90, 91, 150]) assert.equal(await put(time, 5000), null);
    for (const time of [151, 152, 153]) assert.equal(await put(time, 10), null);
    const times = [11, 91, 92, 120, 151, 153, 154, -3];
    const expected = [
      [1, 90],
      [2, 91],
      [3, 150],
      [3, 150],
      [4, 151],
      [6, 153],
      [-1, -1],
      [6, 153],
    ];
    const found = async (of = engine) => {
      const answers: number[][] = [];
      for (const time of times) answers.push(await ask(time, of));
      return answers;
    };
    assert.deepEqual(await found(), expected);
    await engine.close();
    await using again = await open(disk.crash());
    again.openTopic(topic);
    assert.deepEqual(await found(again), expected);
  });
}

for (const before of [10, 5000]) {
  test(`LG11: the greatest timestamp is that of a record that is there, behind a failed journal write and ${before} bytes`, async () => {
    const { engine, put, ask } = await afterFailure([100, 90], 5000, before);
    assert.deepEqual(await ask(-3), [0, 10]);
    assert.equal(await put(5, 5000), null);
    assert.deepEqual(await ask(-3), [0, 10]);
    assert.deepEqual(await ask(6), [0, 10]);
    assert.equal(await put(20, 10), null);
    assert.deepEqual(await ask(-3), [2, 20]);
    assert.deepEqual(await ask(20), [2, 20]);
    assert.deepEqual(await ask(21), [-1, -1]);
    await engine.close();
  });
}
