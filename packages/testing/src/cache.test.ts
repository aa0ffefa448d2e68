import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cachedDirectory } from "./cache.ts";

const outer = process.env.OTTLA_CACHE;
let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "ottla-cache-test-"));
  process.env.OTTLA_CACHE = root;
});
after(async () => {
  if (outer === undefined) delete process.env.OTTLA_CACHE;
  else process.env.OTTLA_CACHE = outer;
  await rm(root, { recursive: true });
});

test("a folder is filled once, and again for another recipe", async () => {
  let fills = 0;
  const fill = async (directory: string): Promise<void> => {
    await writeFile(join(directory, "file"), String(++fills));
  };
  const first = await cachedDirectory("thing", "recipe", fill);
  assert.equal(await cachedDirectory("thing", "recipe", fill), first);
  assert.equal(fills, 1);
  assert.notEqual(await cachedDirectory("thing", "another recipe", fill), first);
  assert.equal(fills, 2);
});

test("a folder that could not be filled leaves nothing behind", async () => {
  const names = await readdir(root);
  const failing = cachedDirectory("broken", "recipe", async (directory) => {
    await writeFile(join(directory, "half"), "");
    throw new Error("no network");
  });
  await assert.rejects(failing, /no network/);
  assert.deepEqual(await readdir(root), names);
});

test("two that fill at once end up with one folder", async () => {
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  const fill = async (): Promise<void> => {
    if (++waiting === 2) gate.resolve();
    await gate.promise;
  };
  const [one, two] = await Promise.all([
    cachedDirectory("raced", "recipe", fill),
    cachedDirectory("raced", "recipe", fill),
  ]);
  assert.equal(one, two);
  assert.ok(existsSync(one));
});
