/**
 * The segment that a group of segments becomes, written beside them: `%020d.log.<n>.cleaned` and likewise its indexes, where `n` numbers the
 * replacements of this log. Nobody reads these files before they have taken the place of the old ones (segment-swap.ts).
 */
import type { FileHandle, FileSystem } from "@ottla/platform";
import { batchSize, lastOffset, maxTimestamp, recordsCount } from "@ottla/protocol";
import type { Segment } from "../segment.ts";
import { type AbortedTransaction, encodeAborted } from "../transaction-index.ts";

/** Ending of files that nobody reads yet. */
export const CLEANED = /\.\d+\.cleaned$/;
export const SEGMENT_ENDINGS = ["log", "index", "timeindex", "txnindex"] as const;

const HELD_BYTES = 262_144;

export type SegmentEnding = (typeof SEGMENT_ENDINGS)[number];

export class CleanedSegment {
  readonly segment: Segment;
  readonly #fileSystem: FileSystem;
  readonly #pathOf: (ending: SegmentEnding) => string;
  readonly #indexIntervalBytes: number;
  #file: FileHandle | null = null;
  /** The end of what was appended: it waits here until it is worth a write. */
  readonly #held = Buffer.allocUnsafeSlow(HELD_BYTES);
  #heldBytes = 0;
  #writtenBytes = 0;

  /** `pathOf` names the files; `segment` is empty. */
  constructor(
    segment: Segment,
    fileSystem: FileSystem,
    pathOf: (ending: SegmentEnding) => string,
    indexIntervalBytes: number,
  ) {
    this.segment = segment;
    this.#fileSystem = fileSystem;
    this.#pathOf = pathOf;
    this.#indexIntervalBytes = indexIntervalBytes;
  }

  async open(): Promise<void> {
    const file = await this.#fileSystem.open(this.#pathOf("log"), {
      access: "write",
      create: true,
    });
    this.#file = file;
    await file.truncate(0);
  }

  /** Puts a list of whole batches, each one or more, behind those before. They are lent until it resolves. */
  async append(batches: readonly Buffer[]): Promise<void> {
    for (const some of batches) {
      this.#count(some);
      if (this.#heldBytes + some.length > HELD_BYTES) await this.#writeHeld();
      if (some.length > HELD_BYTES) await this.#writeOut(some);
      else this.#heldBytes += some.copy(this.#held, this.#heldBytes);
    }
  }

  /** Completes and flushes the files; the segment is as any finished one then. */
  async finish(aborted: readonly AbortedTransaction[]): Promise<void> {
    const { segment } = this;
    await this.#writeHeld();
    await this.#file!.sync();
    await this.#close();
    segment.addTimeEntry();
    await this.#write("index", segment.index.takePending(), false);
    await this.#write("timeindex", segment.timeIndex.takePending(), false);
    if (aborted.length > 0) await this.#write("txnindex", encodeAborted(aborted), true);
    segment.aborted.restore(aborted.length, []);
    segment.markWritten(segment.sizeBytes, segment.maxTimestamp, segment.maxTimestampOffset);
    segment.isFinished = true;
  }

  /** Removes the files. */
  async discard(): Promise<void> {
    await this.#close();
    for (const ending of SEGMENT_ENDINGS) await this.#fileSystem.remove(this.#pathOf(ending));
  }

  async #writeHeld(): Promise<void> {
    const bytes = this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    if (bytes.length > 0) await this.#writeOut(bytes);
  }

  async #writeOut(bytes: Buffer): Promise<void> {
    await this.#file!.write([bytes], this.#writtenBytes);
    this.#writtenBytes += bytes.length;
  }

  #count(batches: Buffer): void {
    const { segment } = this;
    for (let at = 0; at < batches.length; at += batchSize(batches, at)) {
      // A batch that is only a header holds no record with its timestamp.
      const timestamp = recordsCount(batches, at) === 0 ? -1 : maxTimestamp(batches, at);
      segment.append(
        lastOffset(batches, at),
        batchSize(batches, at),
        timestamp,
        this.#indexIntervalBytes,
      );
    }
  }

  /** Indexes are believed only as far as the log agrees, so they need no flush; aborted transactions do. */
  async #write(ending: SegmentEnding, bytes: Buffer, isFlushed: boolean): Promise<void> {
    const file = await this.#fileSystem.open(this.#pathOf(ending), {
      access: "write",
      create: true,
    });
    try {
      if (bytes.length > 0) await file.write([bytes], 0);
      await file.truncate(bytes.length);
      if (isFlushed) await file.sync();
    } finally {
      await file.close();
    }
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}

/** The name under which a file of a segment is written. */
export function cleanedEnding(ending: SegmentEnding, cleaning: number): string {
  return `${ending}.${cleaning}.cleaned`;
}
