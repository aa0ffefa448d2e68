/**
 * Open files, at most so many at once: the least recently used that nobody is using is closed when another is needed. When all are in
 * use more are opened; the number in use is bounded by the callers' concurrency. When the operating system refuses another, half of them are
 * closed and the limit is what is left.
 */
import {
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenOptions,
} from "@ottla/platform";

interface CachedFile {
  readonly handle: Promise<FileHandle>;
  users: number;
}

export class FileCache {
  readonly #fileSystem: FileSystem;
  #limit: number;
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
      file = { handle: this.#open(path), users: 0 };
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

  async #open(path: string): Promise<FileHandle> {
    try {
      return await this.#fileSystem.open(path, this.#options);
    } catch (error) {
      if (!(error instanceof FileSystemError) || error.code !== "too-many-open") throw error;
      this.#limit = Math.max(SMALLEST_LIMIT, this.#files.size >>> 1);
      await this.#makeRoom();
      return await this.#fileSystem.open(path, this.#options);
    }
  }

  async #makeRoom(): Promise<void> {
    const closing: Promise<void>[] = [];
    let excess = this.#files.size + 1 - this.#limit;
    for (const [path, file] of this.#files) {
      if (excess <= 0) break;
      if (file.users > 0) continue;
      this.#files.delete(path);
      closing.push(closeQuietly(file));
      excess--;
    }
    await Promise.all(closing);
  }
}

const SMALLEST_LIMIT = 8;

async function closeQuietly(file: CachedFile): Promise<void> {
  try {
    await (await file.handle).close();
  } catch {
    // It could not be opened, or not be closed: nothing is lost, what matters was flushed before.
  }
}
