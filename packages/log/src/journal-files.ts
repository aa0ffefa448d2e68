/**
 * The files of the commit journal: preallocated, so that a synchronous write inside them changes no metadata, and recycled once a
 * checkpoint has made what they hold redundant.
 *
 * The first file is small so that an engine starts quickly; while one fills, the next is allocated in the background, twice as large, up to
 * `fileBytes`; all of them together never exceed `maxBytes`. When no file is free the journal waits for a checkpoint.
 *
 * A file is free when every group in it precedes the last checkpoint. It is reused as it stands: its old groups carry lower
 * LSNs than anything that replay would accept there, and what clients wrote in them has not the journal's key.
 */
import { type FileHandle, type FileSystem, FileSystemError } from "@ottla/platform";
import { alignUp } from "./journal-format.ts";

export interface JournalFileOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly firstFileBytes: number;
  readonly fileBytes: number;
  readonly maxBytes: number;
  /** Whether a write is on stable storage when it resolves; off only for relaxed acks. */
  readonly synchronous: boolean;
}

export interface JournalFile {
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly handle: FileHandle;
  /** LSN of the last group written to it; 0 when it is free. */
  lastLsn: number;
}

/** Where replay of the journal starts. */
export interface JournalCut {
  readonly lsn: number;
  readonly fileNumber: number;
  readonly position: number;
}

const NAME = /^journal-(\d{6})\.bin$/;

export function journalFilePath(directory: string, number: number): string {
  return `${directory}/journal-${String(number).padStart(6, "0")}.bin`;
}

/** The numbers of the journal files of a folder, in order. */
export async function listJournalFiles(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly number[]> {
  const numbers: number[] = [];
  for (const entry of await fileSystem.list(directory)) {
    const match = NAME.exec(entry.name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

/** Puts on stable storage what an earlier run may only have handed to the system. */
export async function flushJournalFiles(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const number of await listJournalFiles(fileSystem, directory)) {
    const handle = await fileSystem.open(journalFilePath(directory, number), { access: "write" });
    await handle.sync().finally(() => handle.close());
  }
}

export class JournalFiles {
  readonly #options: JournalFileOptions;
  readonly #files: JournalFile[] = [];
  #free: JournalFile[] = [];
  #allocating: Promise<void> | null = null;
  #failure: Error | null = null;
  #nextNumber = 1;
  #closed = false;
  #onFree: (() => void) | null = null;

  constructor(options: JournalFileOptions) {
    this.#options = options;
  }

  /** Opens the files that are there. `lastLsns` says which still hold groups that a checkpoint has not covered. */
  async open(lastLsns: ReadonlyMap<number, number>): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await fileSystem.makeDirectory(directory);
    for (const number of await listJournalFiles(fileSystem, directory)) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      const file = await this.#openFile(number, lastLsns.get(number) ?? 0);
      if (file === null) continue;
      this.#files.push(file);
      if (file.lastLsn === 0) this.#free.push(file);
    }
  }

  get totalBytes(): number {
    let total = 0;
    for (const file of this.#files) total += file.sizeBytes;
    return total;
  }

  /** The file that the journal goes on in after a start, behind the group with this LSN, which counts as its own: it is free for nobody else, also when it is full. */
  claim(number: number, lastLsn: number): JournalFile | null {
    this.#free = this.#free.filter((file) => file.number !== number);
    const file = this.#files.find((other) => other.number === number) ?? null;
    if (file !== null) file.lastLsn = lastLsn;
    return file;
  }

  /** Whether the journal can move on when its current file is full. */
  get hasFree(): boolean {
    return this.#free.length > 0;
  }

  /** Whether a file could still be added. */
  get mayGrow(): boolean {
    return this.totalBytes < this.#options.maxBytes;
  }

  /** A free file that holds at least `sizeBytes`, smallest first; null when there is none now. */
  take(sizeBytes: number): JournalFile | null {
    this.#free.sort((a, b) => a.sizeBytes - b.sizeBytes);
    const index = this.#free.findIndex((file) => file.sizeBytes >= sizeBytes);
    return index < 0 ? null : (this.#free.splice(index, 1)[0] ?? null);
  }

  /**
   * Starts allocating a file unless one is free, one is being allocated, or the journal is as large as it may be.
   * @throws nothing: a failure is kept for {@link waitForFree}.
   */
  prepare(): void {
    if (this.#free.length > 0 || this.#allocating !== null || !this.mayGrow || this.#closed) return;
    this.#failure = null;
    this.#allocating = this.#allocate()
      .catch((error: Error) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#allocating = null;
        this.#onFree?.();
      });
  }

  /** Resolves once a file may be free; call {@link take} again. @throws when allocating failed, or after close. */
  async waitForFree(): Promise<void> {
    if (this.#free.length > 0) return;
    this.prepare();
    await new Promise<void>((resolve) => {
      this.#onFree = resolve;
      if (this.#closed) resolve();
    });
    this.#onFree = null;
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
    if (this.#closed) throw new FileSystemError("io", this.#options.directory);
  }

  /** Makes {@link waitForFree} fail now. */
  refuseWaiting(): void {
    this.#failure = new FileSystemError("no-space", this.#options.directory);
    this.#onFree?.();
  }

  /** Everything written so far is on stable storage when this resolves; with synchronous writes it is already. */
  async flush(): Promise<void> {
    if (this.#options.synchronous) return;
    for (const file of [...this.#files]) if (file.lastLsn !== 0) await file.handle.sync();
  }

  /** Frees every file whose groups all precede `lsn`, except `current`. */
  release(lsn: number, current: JournalFile | null): void {
    for (const file of this.#files) {
      if (file !== current && file.lastLsn !== 0 && file.lastLsn < lsn) {
        file.lastLsn = 0;
        this.#free.push(file);
      }
    }
    if (this.#free.length > 0) this.#onFree?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#onFree?.();
    await this.#allocating;
    for (const file of this.#files) await file.handle.close();
    this.#files.length = 0;
    this.#free.length = 0;
  }

  async #allocate(): Promise<void> {
    const { fileSystem, directory, firstFileBytes, fileBytes, maxBytes } = this.#options;
    const largest = this.#files.reduce((size, file) => Math.max(size, file.sizeBytes), 0);
    const wanted = largest === 0 ? firstFileBytes : Math.min(largest * 2, fileBytes);
    const sizeBytes = alignUp(
      Math.max(firstFileBytes, Math.min(wanted, maxBytes - this.totalBytes)),
    );
    const number = this.#nextNumber++;
    const path = journalFilePath(directory, number);
    try {
      const handle = await fileSystem.open(path, { access: "write", create: true, direct: true });
      await handle.allocate(sizeBytes).finally(() => handle.close());
      await fileSystem.syncDirectory(directory);
      const file = await this.#openFile(number, 0);
      if (file === null) return;
      this.#files.push(file);
      this.#free.push(file);
    } catch (error) {
      await fileSystem.remove(path).catch(() => {});
      throw error;
    }
  }

  async #openFile(number: number, lastLsn: number): Promise<JournalFile | null> {
    const path = journalFilePath(this.#options.directory, number);
    const handle = await this.#options.fileSystem.open(path, {
      access: "write",
      direct: true,
      synchronous: this.#options.synchronous,
    });
    const sizeBytes = await handle.size();
    // A crash may leave a file that was never filled with blocks.
    if (sizeBytes < this.#options.firstFileBytes && lastLsn === 0) {
      await handle.close();
      await this.#options.fileSystem.remove(path);
      return null;
    }
    return { number, path, sizeBytes, handle, lastLsn };
  }
}
