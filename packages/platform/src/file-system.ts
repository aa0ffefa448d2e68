/**
 * The seam to stable storage. Three implementations stand behind it: the operating system's files,
 * files in memory, and a simulated disk that loses unflushed bytes, tears writes and fails on command.
 *
 * Durability: bytes written through a handle opened with `synchronous` are on stable storage when
 * `write` resolves; other bytes are after the next `sync` of that handle. A new, renamed or removed
 * name is durable after `syncDirectory` of its folder.
 */
export interface FileSystem {
  /** @throws {FileSystemError} when the file is missing (without `create`) or cannot be opened. */
  open(path: string, options: OpenOptions): Promise<FileHandle>;
  /** The whole file in a buffer of its own, or null when there is no such file. */
  readFile(path: string): Promise<Buffer | null>;
  /** Replaces the file in one step: written beside, flushed, renamed over it, folder flushed. */
  writeFileAtomic(path: string, bytes: Uint8Array): Promise<void>;
  /** Names in a folder in no particular order, or an empty list when there is no such folder. */
  list(path: string): Promise<readonly DirectoryEntry[]>;
  /** Creates the folder and its parents; an existing one is fine. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all it holds; nothing there is fine. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes the exclusive lock of a folder for the life of this process. A process killed at any
   * instant leaves it free.
   * @throws {FileSystemError} with code `locked` when another holder, in any process, has it.
   */
  lockDirectory(path: string): Promise<DirectoryLock>;
  /** Total and usable bytes of the volume that holds `path`. */
  capacity(path: string): Promise<{ readonly totalBytes: number; readonly usableBytes: number }>;
}

export interface OpenOptions {
  /** `read` only, or read and `write`. */
  readonly access: "read" | "write";
  /** Create the file when it is missing. */
  readonly create?: boolean;
  /** Every write is on stable storage before it resolves (O_DSYNC). */
  readonly synchronous?: boolean;
  /**
   * Ask for I/O around the page cache (O_DIRECT): buffers, positions and sizes must then be multiples of
   * {@link DIRECT_ALIGNMENT}, buffers taken from {@link allocateAligned}. Where the file system refuses
   * it the handle is buffered and its `direct` is false.
   */
  readonly direct?: boolean;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/** An open file. Positions and sizes are in bytes. Concurrent calls are allowed; overlapping writes are not ordered. */
export interface FileHandle {
  /** Whether this handle goes around the page cache. */
  readonly direct: boolean;
  /** Fills `target` from `position`; resolves to the bytes read, fewer than asked for only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /**
   * Writes all the bytes of all `parts`, one after the other, at `position`. The parts are borrowed until it resolves. With `inline` the calling
   * thread may do it, which blocks it but saves two switches of threads: for small writes that are known to be quick.
   */
  write(parts: readonly Uint8Array[], position: number, inline?: boolean): Promise<void>;
  /** Flushes data and size (fdatasync). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Extends the file to `size` bytes with real blocks, so that later writes within it need no metadata flush. */
  allocate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export type FileSystemErrorCode =
  | "not-found"
  | "exists"
  | "no-space"
  | "io"
  | "locked"
  | "access"
  | "too-many-open";

/** A failed call on a {@link FileSystem}, with the path it was about and the cause underneath. */
export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  readonly code: FileSystemErrorCode;
  readonly path: string;

  constructor(code: FileSystemErrorCode, path: string, cause?: unknown) {
    super(`${code}: ${path}`, { cause });
    this.code = code;
    this.path = path;
  }
}

/** What buffers, positions and sizes of direct I/O must be a multiple of, in bytes. */
export const DIRECT_ALIGNMENT = 4096;

/**
 * A `WebAssembly.Memory`. Not by that name, which Node's own types lack: declarations with it would ask users for those of browsers.
 */
export interface AlignedMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/**
 * `size` zeroed bytes, rounded up to a multiple of 64 KiB, in memory whose address is a multiple of {@link DIRECT_ALIGNMENT}: the
 * pages of a `WebAssembly.Memory` are, and Node has no other way to such an address.
 */
export function allocateAligned(size: number): AlignedMemory {
  const pages = Math.max(1, Math.ceil(size / 65_536));
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}
