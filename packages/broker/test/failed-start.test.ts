import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "@ottla/broker";
import {
  type FileHandle,
  type OpenOptions,
  SeededRandom,
  SimulatedFileSystem,
} from "@ottla/platform";

/** Knows which files are open. */
class WatchedFileSystem extends SimulatedFileSystem {
  readonly opened = new Set<FileHandle>();

  override async open(path: string, options: OpenOptions): Promise<FileHandle> {
    const handle = await super.open(path, options);
    const close = handle.close.bind(handle);
    handle.close = async () => {
      this.opened.delete(handle);
      await close();
    };
    this.opened.add(handle);
    return handle;
  }
}

for (const operation of ["open", "read", "write", "syncDirectory"] as const) {
  test(`NW: a start that fails in a call of ${operation} leaves no file open, and the next one succeeds`, async () => {
    const fileSystem = new WatchedFileSystem({ random: new SeededRandom(1) });
    const start = () => startOn(fileSystem);
    await (await start()).close();
    let failures = 0;
    for (let nth = 1, hasFailed = true; hasFailed && nth < 100; nth++) {
      const heal = fileSystem.inject({ operation, code: "no-space", nth, count: Infinity });
      const broker = await start().catch(() => null);
      await broker?.close();
      hasFailed = broker === null;
      if (hasFailed) failures++;
      assert.equal(fileSystem.opened.size, 0, `${operation} ${nth}`);
      heal();
      await (await start()).close();
    }
    assert.ok(failures > 0, "no start failed");
  });
}

test("a first start that is killed at any call of the disk is followed by one that keeps its cluster", async () => {
  for (let at = 1, wasCut = true; wasCut; at++) {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(at) });
    disk.crashAt(at);
    const first = await startOn(disk).catch(() => null);
    wasCut = disk.isCrashed;
    // Who was told of a cluster finds it again.
    const told = first?.clusterId;
    const left = disk.crash();
    await first?.close().catch(() => {});
    const second = await startOn(left);
    const { clusterId } = second;
    assert.equal(clusterId, told ?? clusterId, `killed at call ${at}`);
    const leftAgain = left.crash();
    await second.close();
    await using third = await startOn(leftAgain);
    assert.equal(third.clusterId, clusterId, `killed at call ${at}`);
    assert.ok(at < 200, "a start has an end");
  }
});

function startOn(fileSystem: SimulatedFileSystem) {
  return startBroker({ fileSystem, dataDirectory: "/data" });
}
