/** The cleaner on disks that fail, fill up and stop. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Cancel,
  type FileSystemErrorCode,
  SeededRandom,
  SimulatedFileSystem,
} from "@ottla/platform";
import { readRequest } from "../test-support.ts";
import { compacted, id, Setup } from "./cleaner-setup.ts";

/** From now on until cancelled, no file of a cleaned segment can be made, or none can get its final name. */
function failCleaned(
  disk: SimulatedFileSystem,
  operation: "create" | "rename",
  code: FileSystemErrorCode,
): Cancel {
  return disk.inject({
    operation,
    code,
    count: Number.POSITIVE_INFINITY,
    path: (path) => path.endsWith(".cleaned"),
  });
}

test("LG17: when the disk is full the log stays as it was, and is cleaned when there is room", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const setup = await new Setup(disk).open();
  for (let i = 0; i < 6; i++) await setup.put("k", `v${i}`);
  const cancel = failCleaned(disk, "create", "no-space");
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
  const cancel = failCleaned(disk, "rename", "io");
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
  const cancel = failCleaned(disk, "rename", "io");
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

test("LG17: a start that stops before the files are moved leaves that to the next, also when a checkpoint is due at once", async () => {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(3) });
  const topicConfig = { ...compacted, segmentBytes: 400 };
  const setup = await new Setup(disk).open(topicConfig);
  for (let i = 0; i < 13; i++) await setup.put(i === 4 ? "a" : "k", `v${i}`);
  failCleaned(disk, "rename", "io");
  void setup.engine.maintain();
  await setup.clock.advanceAsync(50);
  assert.equal((await setup.names(".log.1.cleaned")).length, 1);
  const check = async (survivor: SimulatedFileSystem, when: string) => {
    const again = await new Setup(survivor).open(topicConfig);
    const left = await again.read();
    assert.ok(left.includes("4:a=v4") && left.includes("12:k=v12"), `${when}: ${left}`);
    assert.ok(!left.includes("1:k=v1"), `${when}: ${left}`);
    assert.deepEqual(await again.names(".cleaned"), []);
    await again.engine.close();
  };
  // The journal is over its limit with what replay reads.
  const eager = { checkpointBytes: 1, journalMaxBytes: 8_192 };
  for (let operation = 1; operation <= 60; operation++) {
    const crashed = disk.crash();
    const killed = new Promise<void>((resolve) => crashed.crashAt(operation, resolve));
    const starting = new Setup(crashed, eager);
    await Promise.race([starting.open(topicConfig).catch(() => {}), killed]);
    for (let i = 0; i < 20; i++) await starting.clock.advanceAsync(0);
    await check(crashed.crash(), `killed at operation ${operation}`);
  }
  const crashed = disk.crash();
  const cancel = failCleaned(crashed, "rename", "io");
  const refused = new Setup(crashed, eager);
  await assert.rejects(refused.open(topicConfig), { code: "io" });
  for (let i = 0; i < 50; i++) await refused.clock.advanceAsync(1);
  cancel();
  await check(crashed.crash(), "refused");
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
