import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  FileSystemError,
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import { FileCache } from "./file-cache.ts";
import { LastBlocks } from "./last-blocks.ts";
import { noProbe } from "./probe.ts";
import { Segment } from "./segment.ts";
import {
  appendOne,
  appendRequest,
  config,
  makeBatch,
  openEngine,
  readAll,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const log = "/data/t-0/00000000000000000000.log";

test("a segment that is being written may end in padding; at rest it has none", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(1) });
  const clock = new SimulatedClock();
  await using engine = await openEngine({ fileSystem, clock });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const batch = makeBatch({ values: ["v".repeat(9000)] });
  const sizes: number[] = [];
  for (let i = 0; i < 100; i++) {
    await appendOne(engine, id, 0, Buffer.from(batch));
    sizes.push((await fileSystem.readFile(log))?.length ?? 0);
  }
  assert.ok(
    sizes.some((size) => size > 0 && size % batch.length !== 0 && size % 4096 === 0),
    "the journal filled up and a checkpoint left padding",
  );
  await clock.advanceAsync(30_000);
  const sizeAtRest = 100 * batch.length;
  for (let i = 0; i < 100 && (await fileSystem.readFile(log))?.length !== sizeAtRest; i++)
    await clock.advanceAsync(1);
  assert.equal((await fileSystem.readFile(log))?.length, sizeAtRest);
  assert.equal((await readAll(engine, id, 0)).length, 100);
});

test("segments of many partitions are written beside each other, and appends go on when they are", async () => {
  const memory = new MemoryFileSystem();
  let under = 0;
  let most = 0;
  const { passed, pass } = gate();
  const open = memory.open.bind(memory);
  memory.open = async (path, options) => {
    const handle = await open(path, options);
    if (!path.endsWith(".log") || !path.includes("/t-")) return handle;
    const write = handle.write.bind(handle);
    handle.write = async (...args) => {
      under++;
      most = Math.max(most, under);
      await passed;
      under--;
      return write(...args);
    };
    return handle;
  };
  await using engine = await openEngine({ fileSystem: memory, tailBytes: 65_536 });
  engine.openTopic({ topicId: id, name: "t", partitions: 32, config });
  const batch = makeBatch({ values: ["v".repeat(1000)] });
  const rounds = 20;
  const all = async () => {
    for (let i = 0; i < rounds; i++) {
      const partitions = Array.from({ length: 32 }, (_, partition) => {
        return { topicId: id, partition, records: Buffer.from(batch) };
      });
      const results = await engine.append(appendRequest(partitions));
      assert.ok(results.every(({ error }) => error === null));
    }
  };
  const appended = all();
  for (let turn = 0; turn < 1000 && under < 8; turn++) await setImmediate();
  assert.equal(most, 8, "as many as there is memory for");
  pass();
  await appended;
  for (let partition = 0; partition < 32; partition++) {
    assert.equal((await readAll(engine, id, partition)).length, rounds);
  }
});

test("what becomes durable while a segment is being written waits for the next write", async () => {
  const memory = new MemoryFileSystem();
  const { passed, pass } = gate();
  const writes: number[] = [];
  const open = memory.open.bind(memory);
  memory.open = async (path, options) => {
    const handle = await open(path, options);
    if (path !== log) return handle;
    const write = handle.write.bind(handle);
    handle.write = async (buffers, position) => {
      writes.push(position);
      await passed;
      return write(buffers, position);
    };
    return handle;
  };
  const engine = await openEngine({ fileSystem: memory, segmentWriteBytes: 1000 });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch({ values: ["v".repeat(2000)] }));
  for (let turn = 0; turn < 1000 && writes.length === 0; turn++) await setImmediate();
  await appendOne(engine, id, 0, makeBatch({ values: ["small"] }));
  pass();
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  assert.deepEqual(writes, [0]);
  await engine.close();
  assert.equal(writes.length, 2, "a stop writes the rest");
  await using reopened = await openEngine({ fileSystem: memory });
  reopened.openTopic({ topicId: id, name: "t", partitions: 1, config });
  assert.equal((await readAll(reopened, id, 0)).length, 2);
});

test("LG17: the folder of a new segment is flushed after the segment's file is in it", async () => {
  const memory = new MemoryFileSystem();
  const events: string[] = [];
  const gates = { flush: gate(), open: gate() };
  const syncDirectory = memory.syncDirectory.bind(memory);
  memory.syncDirectory = (path) => {
    events.push(`flush ${path}`);
    return syncDirectory(path);
  };
  const open = memory.open.bind(memory);
  memory.open = async (path, options) => {
    const isSegment = path.endsWith(".log");
    if (isSegment && path.includes("/t-1/")) {
      events.push("opening");
      await gates.open.passed;
    }
    const handle = await open(path, options);
    if (isSegment) events.push(`open ${path}`);
    if (isSegment && path.includes("/t-0/")) {
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        events.push("flushing");
        await gates.flush.passed;
        return sync();
      };
    }
    return handle;
  };
  const clock = new SimulatedClock();
  const engine = await openEngine({ fileSystem: memory, clock, segmentWriteBytes: 1000 });
  engine.openTopic({ topicId: id, name: "t", partitions: 2, config });
  const batch = () => makeBatch({ values: ["v".repeat(2000)] });
  const until = async (event: string) => {
    for (let i = 0; i < 1000 && !events.includes(event); i++) await clock.advanceAsync(0);
    assert.ok(events.includes(event), event);
  };
  await appendOne(engine, id, 0, batch());
  await clock.advanceAsync(30_000);
  await until("flushing");
  // The checkpoint under way does not know of this partition; its folder is flushed while the file is being made.
  await appendOne(engine, id, 1, batch());
  await until("opening");
  gates.flush.pass();
  await until("flush /data/t-0");
  gates.open.pass();
  await engine.close();
  const made = events.indexOf("open /data/t-1/00000000000000000000.log");
  assert.ok(made >= 0);
  assert.ok(events.lastIndexOf("flush /data/t-1") > made, events.join("\n"));
});

test("segment writes that fail together are tried again together, and nobody waits for ever", async () => {
  const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(5) });
  const clock = new SimulatedClock();
  const failures: string[] = [];
  await using engine = await openEngine({
    fileSystem,
    clock,
    tailBytes: 65_536,
    probe: { ...noProbe, storageFailed: (error) => failures.push(error.message) },
  });
  engine.openTopic({ topicId: id, name: "t", partitions: 32, config });
  fileSystem.inject({
    operation: "write",
    code: "io",
    count: 12,
    path: (path) => path.endsWith(".log") && path.includes("/t-"),
  });
  const batch = makeBatch({ values: ["v".repeat(1000)] });
  const sent = Array.from({ length: 20 }, () =>
    engine.append(
      appendRequest(
        Array.from({ length: 32 }, (_, partition) => {
          return { topicId: id, partition, records: Buffer.from(batch) };
        }),
      ),
    ),
  );
  let isDone = false;
  const answers = Promise.all(sent).finally(() => {
    isDone = true;
  });
  for (let i = 0; i < 1000 && !isDone; i++) await clock.advanceAsync(100);
  for (const results of await answers) assert.ok(results.every(({ error }) => error === null));
  assert.ok(failures.length > 0);
  for (let partition = 0; partition < 32; partition++) {
    assert.equal((await readAll(engine, id, partition)).length, 20);
  }
});

test("the last block of a segment is known until many others have been written", () => {
  const blocks = new LastBlocks();
  const make = () => Segment.empty(0, 0, 0);
  const segment = make();
  blocks.keep(segment, 8192, Buffer.from("beginning"));
  const target = Buffer.alloc(5);
  assert.equal(blocks.copy(segment, 4096, target), false, "another block");
  assert.equal(blocks.copy(make(), 8192, target), false, "another segment");
  assert.equal(blocks.copy(segment, 8192, target), true);
  assert.equal(target.toString(), "begin");
  blocks.keep(segment, 12_288, Buffer.from("later"));
  assert.equal(blocks.copy(segment, 8192, target), false);
  assert.equal(blocks.size, 1);
  for (let i = 0; i < 2048; i++) blocks.keep(make(), 0, target);
  assert.equal(blocks.size, 2048);
  assert.equal(blocks.copy(segment, 12_288, target), false);
});

test("when the operating system refuses to open another file, others are closed", async () => {
  const memory = new MemoryFileSystem();
  let opened = 0;
  let most = 0;
  const open = memory.open.bind(memory);
  memory.open = async (path, options) => {
    if (opened === 20) throw new FileSystemError("too-many-open", path);
    const handle = await open(path, options);
    opened++;
    most = Math.max(most, opened);
    const close = handle.close.bind(handle);
    handle.close = () => {
      opened--;
      return close();
    };
    return handle;
  };
  const cache = new FileCache(memory, 1000, { access: "write", create: true });
  for (let i = 0; i < 100; i++) {
    await cache.use(`/${i % 30}`, (handle) => handle.write([Buffer.from([i])], 0));
  }
  assert.equal(most, 20);
  assert.equal((await memory.readFile("/9"))?.[0], 99);
  await cache.close();
  assert.equal(opened, 0);
});

function gate(): { readonly passed: Promise<void>; pass(): void } {
  let pass: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { passed, pass: () => pass() };
}
