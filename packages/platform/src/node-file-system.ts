import fs from "node:fs";
import path from "node:path";
import { lockDirectory } from "./directory-lock.ts";
import type {
  DirectoryEntry,
  DirectoryLock,
  FileHandle,
  FileSystem,
  OpenOptions,
} from "./file-system.ts";
import { toFileSystemError } from "./node-errors.ts";
import { NodeFileHandle } from "./node-file-handle.ts";
import { writeFileAtomic } from "./write-file-atomic.ts";

/**
 * The operating system's files. Paths are the operating system's too. Handles work on plain file descriptors, which can be exchanged
 * when direct I/O turns out to be refused; a write costs what one of `fs.promises` costs.
 */
export class NodeFileSystem implements FileSystem {
  async open(file: string, options: OpenOptions): Promise<FileHandle> {
    return await NodeFileHandle.open(file, options);
  }

  async readFile(file: string): Promise<Buffer | null> {
    try {
      return await fs.promises.readFile(file);
    } catch (cause) {
      const error = toFileSystemError(file, cause);
      if (error.code === "not-found") {
        return null;
      }
      throw error;
    }
  }

  async writeFileAtomic(file: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomic(this, file, bytes);
  }

  async list(folder: string): Promise<readonly DirectoryEntry[]> {
    try {
      const entries = await fs.promises.readdir(folder, { withFileTypes: true });
      return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
    } catch (cause) {
      const error = toFileSystemError(folder, cause);
      if (error.code === "not-found") {
        return [];
      }
      throw error;
    }
  }

  async makeDirectory(folder: string): Promise<void> {
    await attempt(folder, makeWithParents(path.resolve(folder)));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, fs.promises.rename(from, to));
  }

  async remove(target: string): Promise<void> {
    await attempt(target, fs.promises.rm(target, { recursive: true, force: true }));
  }

  async syncDirectory(folder: string): Promise<void> {
    if (process.platform === "win32") {
      return; // A directory cannot be opened there; NTFS journals its entries.
    }
    const handle = await attempt(folder, fs.promises.open(folder, "r"));
    try {
      await attempt(folder, handle.sync());
    } finally {
      await handle.close();
    }
  }

  async lockDirectory(folder: string): Promise<DirectoryLock> {
    return await attempt(folder, lockDirectory(path.resolve(folder)));
  }

  async capacity(target: string): Promise<{ totalBytes: number; usableBytes: number }> {
    const { bsize, blocks, bavail } = await attempt(target, fs.promises.statfs(target));
    return { totalBytes: bsize * blocks, usableBytes: bsize * bavail };
  }
}

async function attempt<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw toFileSystemError(file, cause);
  }
}

/** Node's own `recursive` tries for ever where a folder that is there refuses to have folders with ENOENT, as those of /proc do. */
async function makeWithParents(folder: string): Promise<void> {
  try {
    await makeOrFind(folder);
  } catch (cause) {
    const parent = path.dirname(folder);
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT" || parent === folder) throw cause;
    await makeWithParents(parent);
    await makeOrFind(folder);
  }
}

async function makeOrFind(folder: string): Promise<void> {
  try {
    await fs.promises.mkdir(folder);
  } catch (cause) {
    const stats = await fs.promises.stat(folder).catch(() => null);
    if (stats?.isDirectory() !== true) throw cause;
  }
}
