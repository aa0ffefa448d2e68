/**
 * Where in the files the next group goes: behind the last one while the file has room, then in another file, for which it waits when a
 * checkpoint must free one. The end of each file is kept for groups that may make room: on a full disk, where there is no other file and no checkpoint,
 * topics can still be deleted, and so can records. The caller writes one group at a time, and says whether it counts ({@link JournalWriter.advance}) or not.
 */
import { allocateAligned, type Clock } from "@ottla/platform";
import { InlineWrites } from "./inline-writes.ts";
import {
  type JournalCut,
  type JournalFile,
  type JournalFileOptions,
  JournalFiles,
} from "./journal-files.ts";
import { BLOCK_BYTES } from "./journal-format.ts";

/** How much of a file is kept for groups that may make room, which are of a block or a few. */
const RESERVE_FRACTION = 16;
const MOST_RESERVE_BYTES = 1_048_576;

function reserveOf({ sizeBytes }: JournalFile): number {
  const share = Math.floor(sizeBytes / RESERVE_FRACTION / BLOCK_BYTES) * BLOCK_BYTES;
  return Math.min(share, MOST_RESERVE_BYTES);
}

export class JournalWriter {
  readonly #files: JournalFiles;
  readonly #clock: Clock;
  /** Called when a checkpoint must free a file. */
  readonly #onFull: () => void;
  readonly #inlineWrites = new InlineWrites();
  #current: JournalFile | null = null;
  #position = 0;
  #isWaiting = false;
  /** Whether the group to be written next has been tried before. */
  #hasFailed = false;

  constructor(options: JournalFileOptions, clock: Clock, onFull: () => void) {
    this.#files = new JournalFiles(options);
    this.#clock = clock;
    this.#onFull = onFull;
  }

  /** Opens the files; writing goes on at `at`, or in a free file when that is null. */
  async open(at: JournalCut | null, lastLsns: ReadonlyMap<number, number>): Promise<void> {
    await this.#files.open(lastLsns);
    if (at !== null) {
      this.#current = this.#files.claim(at.fileNumber, at.lsn - 1);
      this.#position = at.position;
    }
  }

  /** The place behind the last group, as that of the group with this LSN. */
  cut(lsn: number): JournalCut {
    return { lsn, fileNumber: this.#current?.number ?? 0, position: this.#position };
  }

  /** A checkpoint that starts at `cut` is durable: files before it may be reused. */
  release(cut: JournalCut): void {
    this.#files.release(cut.lsn, this.#current);
  }

  /** Whether a group waits for a file, which a checkpoint may free. */
  get isWaiting(): boolean {
    return this.#isWaiting && !this.#files.hasFree;
  }

  /** What was written before is on stable storage, also with relaxed acks. */
  flush(): Promise<void> {
    return this.#files.flush();
  }

  /** A checkpoint could free nothing: what waits for a file fails. */
  refuseWaiting(): void {
    this.#files.refuseWaiting();
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  /** Whether a group of so many bytes would be written on the event loop's own thread. */
  writesInline(sizeBytes: number): boolean {
    return this.#inlineWrites.allows(sizeBytes);
  }

  /**
   * Writes a group behind the last one that counts.
   * @param makesRoom whether it may take what is kept for such groups. @returns how long it took, in ms.
   */
  async write(bytes: Uint8Array, makesRoom: boolean): Promise<number> {
    const startMs = this.#clock.monotonic();
    const sizeBytes = bytes.length;
    if (this.#current === null || !this.#fits(sizeBytes, this.#current, makesRoom)) {
      await this.blankFailed();
      this.#current = await this.#nextFile(sizeBytes);
      this.#position = 0;
    }
    const isInline = this.#inlineWrites.allows(sizeBytes);
    await this.#current.handle.write([bytes], this.#position, isInline);
    const tookMs = this.#clock.monotonic() - startMs;
    this.#inlineWrites.note(sizeBytes, tookMs);
    return tookMs;
  }

  #fits(sizeBytes: number, file: JournalFile, makesRoom: boolean): boolean {
    // A group may be as large as a file.
    const keptBytes = makesRoom || this.#position === 0 ? 0 : reserveOf(file);
    return this.#position + sizeBytes <= file.sizeBytes - keptBytes;
  }

  /** The group that was written last counts; the next goes behind it. */
  advance(lsn: number, sizeBytes: number): void {
    this.#hasFailed = false;
    this.#current!.lastLsn = lsn;
    this.#position += sizeBytes;
  }

  /** The group that was written last does not count; the next goes to its place. */
  fail(): void {
    this.#hasFailed = true;
  }

  /** Allocates the next file when this one is half full, to keep writers from waiting for it. */
  prepareNext(): void {
    if (this.#position > this.#current!.sizeBytes / 2) this.#files.prepare();
  }

  /**
   * The group that failed may be on disk all the same. Where its LSN goes to another file, or nothing is written any more, it must not be found
   * there. Nothing is done when the last write succeeded.
   */
  async blankFailed(): Promise<void> {
    const file = this.#current;
    if (!this.#hasFailed || file === null || this.#position + BLOCK_BYTES > file.sizeBytes) return;
    const block = new Uint8Array(allocateAligned(BLOCK_BYTES).buffer).subarray(0, BLOCK_BYTES);
    await file.handle.write([block], this.#position);
    this.#hasFailed = false;
  }

  async #nextFile(sizeBytes: number): Promise<JournalFile> {
    for (;;) {
      const file = this.#files.take(sizeBytes);
      if (file !== null) return file;
      if (!this.#files.mayGrow) this.#onFull();
      this.#isWaiting = true;
      try {
        await this.#files.waitForFree();
      } finally {
        this.#isWaiting = false;
      }
    }
  }
}
