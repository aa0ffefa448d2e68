/**
 * Open files, at most so many at once: the least recently used that nobody is using is closed when another is needed. When all are in
 * use more are opened; the number in use is bounded by the callers' concurrency.
 */
import type { FileHandle, FileSystem, OpenOptions } from "@ottla/platform";

interface CachedFile {
  readonly handle: Promise<FileHandle>;
  users: number;
}

export class FileCache {
  readonly #fileSystem: FileSystem;
  readonly #limit: number;
  readonly #options: OpenOptions;
  /** In order of last use. */
  readonly #files = new Map<string, CachedFile>();

  constructor(fileSystem: FileSystem, limit: number, options: OpenOptions) {
    this.#fileSystem = fileSystem;
    this.#limit = limit;
    this.#options = options;
  }

  /** Lends the open file for the duration of `use`. */
  async use<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    let file = this.#files.get(path);
    if (file === undefined) {
      await this.#makeRoom();
      file = this.#files.get(path);
    }
    if (file === undefined) {
      file = { handle: this.#fileSystem.open(path, this.#options), users: 0 };
    } else {
      this.#files.delete(path);
    }
    this.#files.set(path, file);
    file.users++;
    try {
      return await use(await file.handle);
    } catch (error) {
      // A handle that failed once may fail for ever; the next caller opens a new one.
      if (this.#files.get(path) === file) this.#files.delete(path);
      throw error;
    } finally {
      file.users--;
      if (this.#files.get(path) !== file && file.users === 0) await closeQuietly(file);
    }
  }

  /** Closes a file once nobody uses it; it is about to be removed or renamed. */
  async forget(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    if (file.users === 0) await closeQuietly(file);
  }

  async close(): Promise<void> {
    for (const [path, file] of [...this.#files]) {
      this.#files.delete(path);
      if (file.users === 0) await closeQuietly(file);
    }
  }

  async #makeRoom(): Promise<void> {
    if (this.#files.size < this.#limit) return;
    for (const [path, file] of this.#files) {
      if (file.users > 0) continue;
      this.#files.delete(path);
      await closeQuietly(file);
      return;
    }
  }
}

async function closeQuietly(file: CachedFile): Promise<void> {
  try {
    await (await file.handle).close();
  } catch {
    // It could not be opened, or not be closed: nothing is lost, what matters was flushed before.
  }
}
