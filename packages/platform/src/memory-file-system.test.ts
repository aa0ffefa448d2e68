import assert from "node:assert/strict";
import { it } from "node:test";
import { fileSystemContract } from "./file-system-contract.test.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { SparseBytes } from "./sparse-bytes.ts";

fileSystemContract("MemoryFileSystem", async () => {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory("/data");
  return { fileSystem, root: "/data", close: async () => {} };
});

it("an allocated file costs memory only where bytes were written", () => {
  const content = new SparseBytes();
  content.resize(64 * 2 ** 20);
  content.write(Buffer.alloc(200_000), 1_000_000);
  assert.equal(content.heldBytes, 0);
  content.write(Buffer.from("x"), 50_000_000);
  assert.equal(content.heldBytes, 65_536);
  content.resize(0);
  assert.equal(content.heldBytes, 0);
});
