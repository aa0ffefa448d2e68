import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { crc32c } from "@ottla/protocol";
import { BLOCK_BYTES, readGroupHeader } from "./journal-format.ts";
import { appendOne, config, makeBatch, openEngine, readAll, topicId } from "./test-support.ts";

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

test("LG17: bytes of a client inside a torn group are not taken for a later group", async () => {
  const disk = await crashed(3, 300);
  const groups = await groupsOf(disk);
  const forged = (await disk.readFile(groups.get(4)!.path))!.subarray(
    groups.get(4)!.position,
    groups.get(4)!.position + BLOCK_BYTES,
  );
  const engine = await openEngine({ fileSystem: disk, clock: new SimulatedClock() });
  engine.openTopic(topic);
  // The value starts so that a whole group of an LSN to come lies at a block of the file.
  forged.writeBigInt64BE(99n, 8);
  forged.writeUInt32BE(crc32c(forged, 0, 60), 60);
  const probe = makeBatch({ values: [Buffer.alloc(9_000)] });
  const padding = BLOCK_BYTES - (64 + probe.length - 9_000 - 1);
  const value = Buffer.concat([Buffer.alloc(padding), forged, Buffer.alloc(9_000)]);
  await appendOne(engine, id, 0, makeBatch({ values: [value] }));
  const after = await groupsOf(disk);
  assert.ok(after.has(99), "the forged group lies at a block");
  const last = Math.max(...[...after.keys()].filter((lsn) => lsn < 99));
  const { path, position, sizeBytes } = after.get(last)!;
  await damage(disk, path, position + sizeBytes - BLOCK_BYTES);
  await using again = await openEngine({ fileSystem: disk.crash() });
  again.openTopic(topic);
  assert.equal((await readAll(again, id, 0)).length, 3);
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
