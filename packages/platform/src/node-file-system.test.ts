import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { allocateAligned, FileSystemError } from "./file-system.ts";
import { fileSystemContract } from "./file-system-contract.test.ts";
import { NodeFileSystem } from "./node-file-system.ts";

fileSystemContract("NodeFileSystem", async () => {
  const root = await fs.promises.mkdtemp(path.join(os.tmpdir(), "ottla-platform-"));
  const close = () => fs.promises.rm(root, { recursive: true });
  return { fileSystem: new NodeFileSystem(), root, close };
});

describe("NodeFileSystem", () => {
  const fileSystem = new NodeFileSystem();
  let root: string;

  before(async () => {
    root = await fs.promises.mkdtemp(path.join(os.tmpdir(), "ottla-platform-"));
  });
  after(() => fs.promises.rm(root, { recursive: true }));

  it("allocates real blocks", { skip: process.platform === "win32" }, async () => {
    const file = path.join(root, "allocated");
    const handle = await fileSystem.open(file, { access: "write", create: true, direct: true });
    await handle.allocate(3_000_000);
    await handle.close();
    const { size, blocks } = await fs.promises.stat(file);
    assert.equal(size, 3_000_000);
    assert.ok(blocks * 512 >= size, `${blocks} blocks`);
  });

  it("makes no folder, and comes back, where none can be", async (t) => {
    if (process.platform !== "linux") return t.skip("there is no /proc");
    await assert.rejects(fileSystem.makeDirectory("/proc/ottla/data"), FileSystemError);
  });

  it("refuses unaligned direct writes instead of going on buffered", async (t) => {
    const file = path.join(root, "unaligned");
    const handle = await fileSystem.open(file, { access: "write", create: true, direct: true });
    try {
      if (!handle.direct) {
        t.skip("no direct I/O here");
        return;
      }
      const bytes = new Uint8Array(allocateAligned(4096).buffer, 0, 4096);
      await assert.rejects(handle.write([bytes.subarray(0, 100)], 0));
      assert.ok(handle.direct);
      await handle.write([bytes], 4096);
      assert.ok(handle.direct);
    } finally {
      await handle.close();
    }
  });

  it("writes more parts than one system call takes", async () => {
    const file = path.join(root, "parts");
    const handle = await fileSystem.open(file, { access: "write", create: true });
    const parts = Array.from({ length: 5000 }, (_, i) => Buffer.from([i & 0xff, i >> 8]));
    await handle.write(parts, 1);
    await handle.close();
    assert.ok(Buffer.concat([Buffer.alloc(1), ...parts]).equals(fs.readFileSync(file)));
  });

  it("names the path and keeps the cause of a failure", async () => {
    const file = path.join(root, "none");
    await assert.rejects(fileSystem.open(file, { access: "read" }), (error) => {
      assert.ok(error instanceof FileSystemError);
      assert.equal(error.path, file);
      assert.equal((error.cause as NodeJS.ErrnoException).code, "ENOENT");
      return true;
    });
  });
});
