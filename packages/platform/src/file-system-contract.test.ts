import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import {
  allocateAligned,
  DIRECT_ALIGNMENT,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type FileSystemErrorCode,
} from "./file-system.ts";

/** A file system and an existing empty folder on it, for the length of one suite. */
export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  readonly root: string;
  close(): Promise<void>;
}

/** What every {@link FileSystem} does. */
export function fileSystemContract(name: string, open: () => Promise<FileSystemUnderTest>): void {
  describe(`${name} as a FileSystem`, () => {
    let subject: FileSystemUnderTest;
    let fileSystem: FileSystem;
    let lastFolder = 0;

    before(async () => {
      subject = await open();
      fileSystem = subject.fileSystem;
    });
    after(() => subject.close());

    async function newFolder(): Promise<string> {
      lastFolder += 1;
      const folder = path.join(subject.root, `folder-${lastFolder}`);
      await fileSystem.makeDirectory(folder);
      return folder;
    }

    async function names(folder: string): Promise<string[]> {
      return (await fileSystem.list(folder)).map((entry) => entry.name).sort();
    }

    async function writeNew(file: string, text: string): Promise<void> {
      const handle = await fileSystem.open(file, { access: "write", create: true });
      await handle.write([Buffer.from(text)], 0);
      await handle.close();
    }

    it("reads what was written, from several parts at any position", async () => {
      const file = path.join(await newFolder(), "a");
      const handle = await fileSystem.open(file, { access: "write", create: true });
      await handle.write([Buffer.from("hello, "), Buffer.alloc(0), Buffer.from("world")], 0);
      await handle.write([Buffer.from("W")], 7);
      await handle.sync();
      assert.equal(await readText(handle, 0, 12), "hello, World");
      assert.equal(await readText(handle, 7, 100), "World");
      assert.equal(await readText(handle, 12, 4), "");
      assert.equal(await readText(handle, 99, 4), "");
      assert.equal(await handle.size(), 12);
      await handle.close();
      assert.equal(String(await fileSystem.readFile(file)), "hello, World");
    });

    it("fills a gap left by a write beyond the end with zeros", async () => {
      const file = path.join(await newFolder(), "gap");
      const handle = await fileSystem.open(file, { access: "write", create: true });
      await handle.write([Buffer.from("x")], 200_000);
      const bytes = Buffer.alloc(200_001, 7);
      assert.equal(await handle.read(bytes, 0), 200_001);
      assert.ok(bytes.subarray(0, 200_000).every((byte) => byte === 0));
      await handle.close();
    });

    it("cuts and extends with truncate", async () => {
      const file = path.join(await newFolder(), "a");
      const handle = await fileSystem.open(file, { access: "write", create: true });
      await handle.write([Buffer.from("hello")], 0);
      await handle.truncate(2);
      await handle.truncate(4);
      assert.equal(await readText(handle, 0, 9), "he\0\0");
      await handle.close();
    });

    it("allocates zeros behind what is there and never shrinks", async () => {
      const file = path.join(await newFolder(), "a");
      const handle = await fileSystem.open(file, { access: "write", create: true });
      await handle.write([Buffer.from("hello")], 0);
      await handle.allocate(1_500_000);
      assert.equal(await handle.size(), 1_500_000);
      assert.equal(await readText(handle, 0, 6), "hello\0");
      assert.equal(await readText(handle, 1_499_999, 6), "\0");
      await handle.allocate(10);
      assert.equal(await handle.size(), 1_500_000);
      await handle.close();
    });

    it("serves direct and synchronous handles from aligned memory", async () => {
      const file = path.join(await newFolder(), "direct");
      const handle = await fileSystem.open(file, {
        access: "write",
        create: true,
        direct: true,
        synchronous: true,
      });
      await handle.allocate(4 * DIRECT_ALIGNMENT);
      const bytes = new Uint8Array(allocateAligned(2 * DIRECT_ALIGNMENT).buffer, 0, 8192);
      bytes.fill(65, 0, 4096).fill(66, 4096);
      await handle.write([bytes.subarray(4096), bytes.subarray(0, 4096)], DIRECT_ALIGNMENT);
      const target = new Uint8Array(allocateAligned(65_536).buffer);
      assert.equal(await handle.read(target, 0), 4 * DIRECT_ALIGNMENT);
      assert.deepEqual(
        [target[4095], target[4096], target[8191], target[8192], target[12_288]],
        [0, 66, 66, 65, 0],
      );
      await handle.close();
      assert.equal((await fileSystem.readFile(file))?.length, 4 * DIRECT_ALIGNMENT);
    });

    it("lets two handles see one file", async () => {
      const file = path.join(await newFolder(), "a");
      const writer = await fileSystem.open(file, { access: "write", create: true });
      const reader = await fileSystem.open(file, { access: "read" });
      await writer.write([Buffer.from("one")], 0);
      assert.equal(await readText(reader, 0, 9), "one");
      await writer.close();
      await reader.close();
    });

    it("keeps a removed file usable for who has it open", async () => {
      const folder = await newFolder();
      const handle = await fileSystem.open(path.join(folder, "a"), {
        access: "write",
        create: true,
      });
      await handle.write([Buffer.from("one")], 0);
      await fileSystem.remove(path.join(folder, "a"));
      assert.deepEqual(await names(folder), []);
      assert.equal(await readText(handle, 0, 9), "one");
      await handle.close();
    });

    it("says not-found for a missing file or folder, and null or nothing where that is an answer", async () => {
      const folder = await newFolder();
      const missing = path.join(folder, "missing");
      const below = path.join(missing, "a");
      await rejectsWith("not-found", fileSystem.open(missing, { access: "write" }));
      await rejectsWith("not-found", fileSystem.open(below, { access: "write", create: true }));
      await rejectsWith("not-found", fileSystem.rename(missing, path.join(folder, "b")));
      await rejectsWith("not-found", fileSystem.writeFileAtomic(below, Buffer.from("x")));
      await rejectsWith("not-found", fileSystem.syncDirectory(missing));
      assert.equal(await fileSystem.readFile(missing), null);
      assert.deepEqual(await fileSystem.list(missing), []);
      await fileSystem.remove(missing);
    });

    it("refuses to write through a handle opened for reading", async () => {
      const file = path.join(await newFolder(), "a");
      await writeNew(file, "one");
      const handle = await fileSystem.open(file, { access: "read" });
      await assert.rejects(handle.write([Buffer.from("x")], 0), FileSystemError);
      await handle.close();
      await handle.close();
    });

    it("replaces a file in one step and leaves nothing beside it", async () => {
      const folder = await newFolder();
      const file = path.join(folder, "a");
      await fileSystem.writeFileAtomic(file, Buffer.from("a long first version"));
      await fileSystem.writeFileAtomic(file, Buffer.from("second"));
      assert.equal(String(await fileSystem.readFile(file)), "second");
      assert.deepEqual(await names(folder), ["a"]);
    });

    it("lists files and folders", async () => {
      const folder = await newFolder();
      await fileSystem.makeDirectory(path.join(folder, "x", "y"));
      await fileSystem.makeDirectory(path.join(folder, "x"));
      await writeNew(path.join(folder, "f"), "");
      const entries = [...(await fileSystem.list(folder))];
      entries.sort((a, b) => a.name.localeCompare(b.name));
      assert.deepEqual(entries, [
        { name: "f", isDirectory: false },
        { name: "x", isDirectory: true },
      ]);
      await rejectsWith("exists", fileSystem.makeDirectory(path.join(folder, "f")));
    });

    it("renames files over files, and folders", async () => {
      const folder = await newFolder();
      const [a, b] = [path.join(folder, "a"), path.join(folder, "b")];
      await writeNew(a, "one");
      await writeNew(b, "two");
      await fileSystem.rename(a, b);
      assert.deepEqual(await names(folder), ["b"]);
      assert.equal(String(await fileSystem.readFile(b)), "one");
      await fileSystem.makeDirectory(path.join(folder, "x"));
      await writeNew(path.join(folder, "x", "f"), "in");
      await fileSystem.rename(path.join(folder, "x"), path.join(folder, "y"));
      await fileSystem.syncDirectory(folder);
      assert.equal(String(await fileSystem.readFile(path.join(folder, "y", "f"))), "in");
      assert.deepEqual(await names(folder), ["b", "y"]);
    });

    it("removes a folder with all it holds", async () => {
      const folder = await newFolder();
      await fileSystem.makeDirectory(path.join(folder, "x", "y"));
      await writeNew(path.join(folder, "x", "y", "f"), "");
      await fileSystem.remove(path.join(folder, "x"));
      assert.deepEqual(await names(folder), []);
      assert.equal(await fileSystem.readFile(path.join(folder, "x", "y", "f")), null);
    });

    it("NW: gives the lock of a folder to one holder at a time", async () => {
      const folder = await newFolder();
      const lock = await fileSystem.lockDirectory(folder);
      await rejectsWith("locked", fileSystem.lockDirectory(folder));
      const other = await fileSystem.lockDirectory(await newFolder());
      await lock.release();
      await lock.release();
      const again = await fileSystem.lockDirectory(folder);
      await rejectsWith("locked", fileSystem.lockDirectory(folder));
      await again.release();
      await other.release();
    });

    it("knows the size of the volume", async () => {
      const { totalBytes, usableBytes } = await fileSystem.capacity(subject.root);
      assert.ok(usableBytes > 0 && totalBytes >= usableBytes);
    });

    it("behaves as an array of bytes under any writes, cuts and extensions", async () => {
      const folder = await newFolder();
      let run = 0;
      const position = fc.integer({ min: 0, max: 150_000 });
      const step = fc.oneof(
        fc.record({ kind: fc.constant("write" as const), at: position, size: fc.nat(70_000) }),
        fc.record({ kind: fc.constant("truncate" as const), at: position }),
        fc.record({ kind: fc.constant("allocate" as const), at: position }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          run += 1;
          const file = path.join(folder, String(run));
          const handle = await fileSystem.open(file, { access: "write", create: true });
          let model = Buffer.alloc(0);
          for (const one of steps) {
            if (one.kind === "write") {
              const bytes = randomBytes(one.size);
              await handle.write([bytes.subarray(0, 9), bytes.subarray(9)], one.at);
              if (one.size > 0) {
                model = resized(model, Math.max(model.length, one.at + one.size));
                bytes.copy(model, one.at);
              }
            } else if (one.kind === "truncate") {
              await handle.truncate(one.at);
              model = resized(model, one.at);
            } else {
              await handle.allocate(one.at);
              model = resized(model, Math.max(model.length, one.at));
            }
          }
          await handle.close();
          assert.ok(model.equals((await fileSystem.readFile(file))!));
          await fileSystem.remove(file);
        }),
        { numRuns: 30 },
      );
    });
  });
}

async function readText(handle: FileHandle, position: number, size: number): Promise<string> {
  const target = Buffer.alloc(size);
  return target.toString("latin1", 0, await handle.read(target, position));
}

async function rejectsWith(code: FileSystemErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof FileSystemError && error.code === code);
}

function resized(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const copy = Buffer.alloc(size);
  bytes.copy(copy);
  return copy;
}
