import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import { JournalFiles } from "./journal-files.ts";

test("a file in which a start goes on is of use again when a checkpoint has covered it, though nothing more was written to it", async () => {
  const options = {
    fileSystem: new MemoryFileSystem(),
    directory: "/data",
    firstFileBytes: 8_192,
    fileBytes: 8_192,
    maxBytes: 8_192,
    synchronous: true,
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
