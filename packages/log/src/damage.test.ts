import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MemoryFileSystem,
  SeededRandom,
  SimulatedClock,
  SimulatedFileSystem,
} from "@ottla/platform";
import { crc32c } from "@ottla/protocol";
import {
  alignUp,
  BLOCK_BYTES,
  directoryStart,
  encodeDeleteTopicEntry,
  GROUP_HEADER_BYTES,
  readGroupHeader,
  writeGroupHeader,
} from "./journal-format.ts";
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
const topic = { topicId: id, name: "t", partitions: 1, config };

/** A disk after a crash, with `count` acknowledged batches, each in a group of its own. */
async function crashed(count: number, valueBytes: number): Promise<SimulatedFileSystem> {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(8) });
  const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  engine.openTopic(topic);
  for (let i = 0; i < count; i++) {
    const result = await appendOne(engine, id, 0, makeBatch({ values: ["v".repeat(valueBytes)] }));
    assert.equal(result.error, null);
  }
  return disk.crash();
}

/** Where the groups of the journal are, by LSN. */
async function groupsOf(disk: SimulatedFileSystem) {
  const groups = new Map<number, { path: string; position: number; sizeBytes: number }>();
  for (const { name } of await disk.list("/data/commit-journal")) {
    const path = `/data/commit-journal/${name}`;
    const bytes = (await disk.readFile(path))!;
    for (let at = 0; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
      const header = readGroupHeader(bytes.subarray(at, at + BLOCK_BYTES), crc32c);
      if (header !== null)
        groups.set(header.lsn, { path, position: at, sizeBytes: header.sizeBytes });
    }
  }
  return groups;
}

async function damage(disk: SimulatedFileSystem, path: string, position: number): Promise<void> {
  const file = await disk.open(path, { access: "write" });
  await file.write([Buffer.alloc(60, 0xee)], position);
  await file.sync();
  await file.close();
}

for (const [what, at] of [
  ["header", 0],
  ["payload", 100],
] as const) {
  test(`LG17: a damaged ${what} amid the journal is reported, and nothing acknowledged is dropped`, async () => {
    const disk = await crashed(10, 300);
    const groups = await groupsOf(disk);
    const { path, position } = groups.get(5)!;
    await damage(disk, path, position + at);
    await assert.rejects(openEngine({ fileSystem: disk }), {
      name: "CorruptLog",
      path,
      position,
      message: /group 5 of the commit journal is damaged: group 6 follows it/,
    });
    await assert.rejects(openEngine({ fileSystem: disk }), { name: "CorruptLog" }, "again");
  });

  test(`LG17: a torn ${what} of the last group is the journal's end`, async () => {
    const disk = await crashed(10, 300);
    const groups = await groupsOf(disk);
    const { path, position } = groups.get(Math.max(...groups.keys()))!;
    await damage(disk, path, position + at);
    await using engine = await openEngine({ fileSystem: disk });
    engine.openTopic(topic);
    assert.equal((await readAll(engine, id, 0)).length, 9);
  });
}

test("LG17: damage at the start of a journal file is reported, at the end of the one before too", async () => {
  for (const back of [0, 1]) {
    const disk = await crashed(40, 9_000);
    const groups = await groupsOf(disk);
    const [lsn] = [...groups].find(([number, { position }]) => number > 1 && position === 0)!;
    const { path, position } = groups.get(lsn - back)!;
    await damage(disk, path, position);
    await assert.rejects(openEngine({ fileSystem: disk }), {
      name: "CorruptLog",
      message: new RegExp(`group ${lsn - back} of the commit journal is damaged`),
    });
  }
});

/** A whole group as anybody can make it who knows the format, but not the journal's key. */
function forgedGroup(lsn: number, entry: Buffer | null): Buffer {
  const directoryAt = directoryStart(0);
  const directoryBytes = entry?.length ?? 0;
  const group = Buffer.alloc(alignUp(directoryAt + directoryBytes));
  entry?.copy(group, directoryAt);
  writeGroupHeader(new DataView(group.buffer, group.byteOffset, group.length), 0, {
    sizeBytes: group.length,
    lsn,
    run: 1,
    payloadBytes: 0,
    directoryBytes,
    entries: entry === null ? 0 : 1,
    directoryCrc: crc32c(group, directoryAt, directoryAt + directoryBytes),
    key: 1,
  });
  group.writeUInt32BE(crc32c(group, 0, 60), 60);
  return group;
}

for (const torn of ["first", "last"]) {
  test(`LG17: bytes of a client inside a group whose ${torn} block is torn are not taken for a later group`, async () => {
    const disk = await crashed(3, 300);
    const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
    engine.openTopic(topic);
    // The value starts so that a whole group of an LSN to come lies at a block of the file.
    const probe = makeBatch({ values: [Buffer.alloc(9_000)] });
    const padding = BLOCK_BYTES - (GROUP_HEADER_BYTES + probe.length - 9_000 - 1);
    const value = Buffer.concat([
      Buffer.alloc(padding),
      forgedGroup(99, encodeDeleteTopicEntry(id)),
      Buffer.alloc(9_000),
    ]);
    await appendOne(engine, id, 0, makeBatch({ values: [value] }));
    const after = await groupsOf(disk);
    assert.ok(after.has(99), "the forged group lies at a block");
    const last = Math.max(...[...after.keys()].filter((lsn) => lsn < 99));
    const { path, position, sizeBytes } = after.get(last)!;
    await damage(disk, path, position + (torn === "first" ? 0 : sizeBytes - BLOCK_BYTES));
    await using again = await openEngine({ fileSystem: disk.crash() });
    again.openTopic(topic);
    assert.equal((await readAll(again, id, 0)).length, 3);
  });
}

test("LG17: bytes of a client in a file that is used again are not taken for a later group", async () => {
  const disk = new MemoryFileSystem();
  const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  engine.openTopic(topic);
  // A header of an LSN to come at each block of the file that the value covers.
  const header = forgedGroup(2 ** 40, null).subarray(0, GROUP_HEADER_BYTES);
  const valueBytes = 56_000;
  const value = Buffer.alloc(valueBytes);
  const valueAt = GROUP_HEADER_BYTES + makeBatch({ values: [value] }).length - valueBytes - 1;
  for (let at = BLOCK_BYTES - valueAt; at + header.length <= valueBytes; at += BLOCK_BYTES) {
    header.copy(value, at);
  }
  // More than once through all files, so that old groups lie behind the end.
  for (let i = 0; i < 41; i++) await appendOne(engine, id, 0, makeBatch({ values: [value] }));
  await engine.close();
  await using again = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  again.openTopic(topic);
  assert.equal(again.describe(id, 0)!.logEndOffset, 41);
});

for (const stop of ["crash", "clean stop", "first crash"]) {
  test(`LG17: a group that the engine has not written is not replayed after a ${stop}`, async () => {
    let disk = await crashed(3, 300);
    if (stop !== "first crash") {
      const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
      engine.openTopic(topic);
      await engine.close();
    }
    if (stop === "crash") {
      const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
      engine.openTopic(topic);
      await appendOne(engine, id, 0, makeBatch());
      disk = disk.crash();
    }
    const groups = await groupsOf(disk);
    const last = Math.max(...groups.keys());
    const { path, position, sizeBytes } = groups.get(last)!;
    const file = await disk.open(path, { access: "write" });
    await file.write([forgedGroup(last + 1, encodeDeleteTopicEntry(id))], position + sizeBytes);
    await file.sync();
    await file.close();
    await using again = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
    again.openTopic(topic);
    assert.equal(again.describe(id, 0)!.logEndOffset, stop === "crash" ? 4 : 3);
  });
}

test("LG17: damage that spans whole runs of the engine is reported", async () => {
  let disk = await crashed(3, 300);
  for (let run = 0; run < 3; run++) {
    const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
    engine.openTopic(topic);
    await appendOne(engine, id, 0, makeBatch());
    disk = disk.crash();
  }
  const groups = await groupsOf(disk);
  assert.equal(Math.max(...groups.keys()), 10);
  for (let lsn = 4; lsn < 10; lsn++) {
    await damage(disk, groups.get(lsn)!.path, groups.get(lsn)!.position);
  }
  await assert.rejects(openEngine({ fileSystem: disk }), {
    name: "CorruptLog",
    message: /group 4 of the commit journal is damaged: group 10 follows it/,
  });
});

for (const clean of [false, true]) {
  test(`LG17: a checkpoint that is missing after a ${clean ? "clean stop" : "crash"} is reported, not taken for a new log`, async () => {
    let disk = await crashed(10, 300);
    if (clean) {
      const engine = await openEngine({ fileSystem: disk });
      await engine.close();
      disk = disk.crash();
    }
    await disk.remove("/data/log-checkpoint");
    const missing = { name: "CorruptLog", path: "/data/log-checkpoint" };
    await assert.rejects(openEngine({ fileSystem: disk }), missing);
    if (clean) {
      await disk.remove("/data/commit-journal");
      await assert.rejects(openEngine({ fileSystem: disk }), {
        ...missing,
        message: /the checkpoint is missing, but not \/data\/t-0\/partition.metadata/,
      });
    }
  });
}

test("a first start that is killed at any point is no missing checkpoint", async () => {
  for (let operations = 1; operations < 20; operations++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(operations) });
    let isOver = false;
    const killed = new Promise<void>((resolve) => {
      disk.crashAt(operations, () => {
        isOver = true;
        resolve();
      });
    });
    const opening = openEngine({ fileSystem: disk }).catch((error) => {
      if (!isOver) throw error;
    });
    await Promise.race([opening, killed]);
    await using engine = await openEngine({ fileSystem: disk.crash() });
    engine.openTopic(topic);
    assert.equal((await appendOne(engine, id, 0, makeBatch())).baseOffset, 0);
  }
});

/** A segment of ten batches of one size in which batch 3 says that its length is another; `lengthOf` is told the size of a batch. */
async function withWrongLength(lengthOf: (sizeBytes: number) => number) {
  const disk = new MemoryFileSystem();
  const first = await openEngine({ fileSystem: disk });
  first.openTopic(topic);
  for (let i = 0; i < 10; i++) await appendOne(first, id, 0, makeBatch());
  await first.close();
  const path = "/data/t-0/00000000000000000000.log";
  const size = (await disk.readFile(path))!.length / 10;
  const length = Buffer.alloc(4);
  length.writeInt32BE(lengthOf(size) - 12);
  const file = await disk.open(path, { access: "write" });
  await file.write([length], 3 * size + 8);
  await file.close();
  const damages: number[] = [];
  const corrupted = (_: string, position: number) => damages.push(position / size);
  const engine = await openEngine({ fileSystem: disk, probe: { ...noProbe, corrupted } });
  engine.openTopic(topic);
  return { engine, damages };
}

for (const [what, lengthOf, foundAt] of [
  ["goes beyond the segment", () => 0x7f00_0000, 3],
  ["goes just beyond the segment", (size: number) => 7 * size + 1, 3],
  ["leaves less than a batch at the end of the segment", (size: number) => 7 * size - 20, null],
] as const) {
  test(`LG17: a batch whose length ${what} is reported to whoever needs it or what follows`, async () => {
    for (const offset of [3, 5, 9]) {
      const { engine, damages } = await withWrongLength(lengthOf);
      const [asked] = await engine.read(readRequest(id, 0, offset, { partitionMaxBytes: 1 }));
      if (foundAt === null && offset === 3) assert.equal(asked!.error, null, "a client sees it");
      else {
        assert.equal(asked!.error, "storage", `${offset}`);
        assert.equal(damages.length, 1);
        if (foundAt !== null) assert.equal(damages[0], foundAt);
      }
      asked!.release?.();
      await engine.close();
    }
  });
}

test("LG17: records before a damaged batch are read", async () => {
  const { engine, damages } = await withWrongLength(() => 0x7f00_0000);
  const [before] = await engine.read(readRequest(id, 0, 0));
  assert.deepEqual([before!.error, before!.sizeBytes > 0], [null, true]);
  assert.deepEqual(damages, []);
  before!.release?.();
  await engine.close();
});
