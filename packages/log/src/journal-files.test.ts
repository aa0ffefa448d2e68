import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SeededRandom, SimulatedFileSystem } from "@ottla/platform";
import { JournalFiles } from "./journal-files.ts";

const sizes = {
  directory: "/data",
  firstFileBytes: 8_192,
  fileBytes: 8_192,
  maxBytes: 8_192,
  synchronous: true,
};

test("a file in which a start goes on is of use again when a checkpoint has covered it, though nothing more was written to it", async () => {
  const options = {
    ...sizes,
    fileSystem: new MemoryFileSystem(),
  };
  const before = new JournalFiles(options);
  await before.open(new Map());
  await before.waitForFree();
  await before.close();
  const files = new JournalFiles(options);
  await files.open(new Map());
  const full = files.claim(1, 5);
  assert.equal(files.take(4_096), null);
  files.release(6, null);
  assert.equal(files.take(4_096), full);
  await files.close();
});

test("a new file that cannot be opened does not stay", async () => {
  for (const operation of ["allocate", "syncDirectory", "open"] as const) {
    const fileSystem = new SimulatedFileSystem({ random: new SeededRandom(1) });
    const files = new JournalFiles({ ...sizes, fileSystem });
    await files.open(new Map());
    // What creates it is an open too.
    fileSystem.inject({ operation, code: "io", nth: operation === "open" ? 2 : 1 });
    await assert.rejects(files.waitForFree());
    assert.deepEqual(await fileSystem.list("/data"), []);
    await files.waitForFree();
    await files.close();
  }
});
