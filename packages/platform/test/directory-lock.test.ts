import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, it } from "node:test";
import { FileSystemError } from "../src/file-system.ts";
import { NodeFileSystem } from "../src/node-file-system.ts";

const HOLDER = `
  import { NodeFileSystem } from ${JSON.stringify(new URL("../src/node-file-system.ts", import.meta.url).href)};
  await new NodeFileSystem().lockDirectory(process.argv[1]);
  process.stdout.write("held");
  process.stdin.resume();
`;

let folder: string;

before(async () => {
  folder = await fs.promises.mkdtemp(path.join(os.tmpdir(), "ottla-lock-"));
});
after(() => fs.promises.rm(folder, { recursive: true }));

it("NW: the lock of a folder excludes other processes and is free once its holder was killed", async () => {
  const fileSystem = new NodeFileSystem();
  const holder = await startHolder();
  try {
    await assert.rejects(
      fileSystem.lockDirectory(folder),
      (error) => error instanceof FileSystemError && error.code === "locked",
    );
  } finally {
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
  const lock = await fileSystem.lockDirectory(folder);
  const other = startHolder();
  await assert.rejects(other);
  await lock.release();
});

/** A process that holds the lock; rejects when it ends without. */
async function startHolder(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, folder], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const held = once(child.stdout, "data").then(() => true);
  const ended = once(child, "exit").then(() => false);
  if (!(await Promise.race([held, ended]))) {
    throw new Error("the holder ended without the lock");
  }
  return child;
}
