import assert from "node:assert/strict";
import { test } from "node:test";
import { type FileHandle, MemoryFileSystem } from "@ottla/platform";
import { baseOffset, partitionLeaderEpoch } from "@ottla/protocol";
import type { LogEngine } from "./engine.ts";
import {
  appendOne,
  appendRequest,
  config,
  makeBatch,
  openEngine,
  readRequest,
  staged,
  topicId,
} from "./test-support.ts";

const id = topicId(1);

test("what was appended is read back with its offsets", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 2, config });
  const first = await appendOne(engine, id, 0, makeBatch({ values: ["a", "b"] }));
  const second = await appendOne(engine, id, 0, makeBatch({ values: ["c"] }));
  assert.deepEqual([first.error, first.baseOffset], [null, 0]);
  assert.deepEqual([second.error, second.baseOffset], [null, 2]);
  const [result] = await engine.read(readRequest(id, 0, 0));
  assert.equal(result!.highWatermark, 3);
  assert.deepEqual(
    result!.records.map((batch) => [baseOffset(batch, 0), partitionLeaderEpoch(batch, 0)]),
    [
      [0, 0],
      [2, 0],
    ],
  );
});

test("LG7: a read in the middle of a batch returns the whole batch", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch({ values: ["a", "b", "c"] }));
  const [result] = await engine.read(readRequest(id, 0, 2, { partitionMaxBytes: 1 }));
  assert.equal(result!.records.length, 1);
  assert.equal(baseOffset(result!.records[0]!, 0), 0);
});

test("LG9: a waiting read wakes when data becomes durable", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const waiting = engine.read(readRequest(id, 0, 0, { maxWaitMs: 60_000 }));
  await appendOne(engine, id, 0, makeBatch());
  const [result] = await waiting;
  assert.equal(result!.records.length, 1);
});

test("a defect met while an append is staged is that append's alone", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const defective = makeBatch();
  Object.defineProperty(defective, "length", {
    get: () => {
      throw new RangeError("a defect");
    },
  });
  const append = async (records: Buffer) =>
    (await engine.append(appendRequest([{ topicId: id, partition: 0, records }])))[0]!;
  const before = append(makeBatch());
  const failed = assert.rejects(append(defective), /a defect/);
  const behind = append(makeBatch());
  assert.deepEqual([(await before).baseOffset, (await behind).baseOffset], [0, 1]);
  await failed;
});

/** Memory of which the journal's writes wait for the test, and what happened in which order. */
function heldJournal() {
  const fileSystem = new MemoryFileSystem();
  const events: string[] = [];
  const held: (() => void)[] = [];
  let holds = false;
  const open = fileSystem.open.bind(fileSystem);
  fileSystem.open = async (path, options) => {
    const handle = await open(path, options);
    if (!path.includes("journal")) return handle;
    const write = handle.write.bind(handle);
    handle.write = async (...args: Parameters<FileHandle["write"]>) => {
      if (holds) {
        events.push("write");
        await new Promise<void>((resolve) => held.push(resolve));
      }
      return write(...args);
    };
    return handle;
  };
  const append = (engine: LogEngine, name: string, records: Buffer) => {
    const tell = () => void events.push(name);
    engine
      .append(appendRequest([{ topicId: id, partition: 0, records }]))
      .listen({ settled: tell, failed: tell });
  };
  return {
    fileSystem,
    events,
    append,
    hold: () => {
      holds = true;
    },
    release: () => {
      for (const resolve of held.splice(0)) resolve();
    },
  };
}

/** Enough turns of the event loop for all that waits for nothing else. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("the next group is being written when the waiters of the last are told", async () => {
  const journal = heldJournal();
  await using engine = await openEngine({ fileSystem: journal.fileSystem });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch());
  journal.hold();
  journal.append(engine, "a", makeBatch());
  await turns();
  // Larger than what is written on the event loop's own thread.
  journal.append(engine, "b", makeBatch({ values: ["x".repeat(20_000)] }));
  await staged();
  assert.deepEqual(journal.events, ["write"]);
  journal.release();
  await turns();
  assert.deepEqual(journal.events, ["write", "write", "a"]);
  journal.release();
  await turns();
  assert.deepEqual(journal.events, ["write", "write", "a", "b"]);
});

test("IP3: a batch that comes again when the first is durable but not answered is answered behind it", async () => {
  const journal = heldJournal();
  await using engine = await openEngine({ fileSystem: journal.fileSystem });
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const batch = () => makeBatch({ producerId: 7, sequence: 0 });
  journal.hold();
  journal.append(engine, "first", batch());
  await turns();
  journal.release();
  // Staged by what the engine does when the group is durable, before it tells anybody.
  for (let i = 0; i < 8; i++) {
    journal.append(engine, "again", batch());
    await Promise.resolve();
  }
  await turns();
  assert.deepEqual(journal.events.slice(0, 2), ["write", "first"]);
  assert.equal(journal.events.filter((event) => event === "again").length, 8);
});
