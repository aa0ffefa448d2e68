/**
 * One segment of a partition as the engine sees it: `%020d.log` with its indexes, named after its first offset.
 *
 * Three sizes: `sizeBytes` counts every batch appended, `writtenBytes` those that are in the file, and the file itself may be longer: direct I/O
 * writes whole blocks, so the last one is padded with zeros until the segment is finished or the engine stops cleanly.
 * Nothing behind `writtenBytes` is ever read.
 */
import { OFFSET_ENTRY_BYTES, OffsetIndex } from "./offset-index.ts";
import { TIME_ENTRY_BYTES, TimeIndex } from "./time-index.ts";
import { TransactionIndex } from "./transaction-index.ts";

export interface SegmentState {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly maxTimestamp: number;
  readonly maxTimestampOffset: number;
  readonly firstTimestamp: number;
  readonly createdMs: number;
  readonly isFinished: boolean;
  readonly offsetEntries: number;
  readonly timeEntries: number;
}

/** To V8 a double, so that a field with it holds doubles from the start: one that begins as an integer changes the shape of all segments later. */
const NO_TIME = Number.NaN;

/** What every append asks for stands first, as in a partition. Each field begins with what it will hold, a small integer or a double. */
export class Segment {
  readonly baseOffset: number = 0;
  sizeBytes = 0;
  bytesSinceIndex = 0;
  /** What the larger of its indexes would take with one entry more. Kept apart, as every append asks for it. */
  nextIndexBytes = 0;
  /** Greatest timestamp, and the last offset of the first batch that has it. −1 when there is none. */
  maxTimestamp = NO_TIME;
  maxTimestampOffset = -1;
  /** Max timestamp of the first batch; rolling by time counts from it. */
  firstTimestamp = NO_TIME;
  readonly jitterMs: number = 0;
  readonly createdMs: number = NO_TIME;
  readonly index: OffsetIndex;
  readonly timeIndex: TimeIndex;
  writtenBytes = 0;
  /** As `maxTimestamp` and its offset, of what is in the file. */
  #writtenMaxTimestamp = NO_TIME;
  #writtenMaxTimestampOffset = -1;
  /** Trimmed to its true size, with complete indexes. */
  isFinished = false;
  /** Written since the last flush of the file. */
  isUnsynced = false;
  /** How much of the file, up to the end of a batch, the last flush that succeeded made durable. */
  flushedBytes = 0;
  /** A flush failed: the system may call what lies behind `flushedBytes` written although the disk never got it. */
  isSuspect = false;
  /** Whether the file may carry padding behind `writtenBytes`. */
  isPadded = false;
  /** A checkpoint on disk knows it as finished: replay never writes to its file. */
  isCheckpointed = false;
  /** A cleaned segment has its place: its files are others' now, or gone. */
  isReplaced = false;
  /** While its files are taking their names, after cleaning. */
  moving: Promise<void> | null = null;
  /** The aborted transactions whose markers are here. */
  readonly aborted = new TransactionIndex();

  constructor(state: SegmentState, jitterMs: number) {
    this.baseOffset = state.baseOffset;
    this.sizeBytes = state.sizeBytes;
    this.writtenBytes = state.sizeBytes;
    this.flushedBytes = state.sizeBytes;
    this.maxTimestamp = state.maxTimestamp;
    this.maxTimestampOffset = state.maxTimestampOffset;
    this.#writtenMaxTimestamp = state.maxTimestamp;
    this.#writtenMaxTimestampOffset = state.maxTimestampOffset;
    this.firstTimestamp = state.firstTimestamp;
    this.createdMs = state.createdMs;
    this.jitterMs = jitterMs;
    this.isFinished = state.isFinished;
    this.index = new OffsetIndex(state.offsetEntries);
    this.timeIndex = new TimeIndex(
      state.timeEntries,
      state.timeEntries > 0 ? state.maxTimestamp : -1,
    );
    this.nextIndexBytes = this.#measureIndexes();
  }

  static empty(baseOffset: number, createdMs: number, jitterMs: number): Segment {
    return new Segment(
      {
        baseOffset,
        sizeBytes: 0,
        maxTimestamp: -1,
        maxTimestampOffset: -1,
        firstTimestamp: -1,
        createdMs,
        isFinished: false,
        offsetEntries: 0,
        timeEntries: 0,
      },
      jitterMs,
    );
  }

  /** As that of a partition. */
  touch(): number {
    return this.sizeBytes + this.jitterMs;
  }

  /** V8 keeps doubles in places of their own. */
  touchNumbers(): number {
    return this.maxTimestamp + this.firstTimestamp;
  }

  /** Counts a batch appended at the end. Index entries are made every `indexIntervalBytes`. */
  append(
    lastOffset: number,
    sizeBytes: number,
    maxTimestamp: number,
    indexIntervalBytes: number,
  ): void {
    const position = this.sizeBytes;
    if (position === 0) this.firstTimestamp = maxTimestamp;
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp;
      this.maxTimestampOffset = lastOffset;
    }
    if (this.bytesSinceIndex > indexIntervalBytes) {
      this.index.add(lastOffset - this.baseOffset, position);
      this.addTimeEntry();
      this.bytesSinceIndex = 0;
    }
    this.bytesSinceIndex += sizeBytes;
    this.sizeBytes = position + sizeBytes;
  }

  /** Notes the greatest timestamp so far in the time index, as each roll and clean stop does. */
  addTimeEntry(): void {
    if (this.maxTimestamp >= 0) {
      this.timeIndex.add(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset);
    }
    this.nextIndexBytes = this.#measureIndexes();
  }

  get writtenMaxTimestamp(): number {
    return this.#writtenMaxTimestamp;
  }

  get writtenMaxTimestampOffset(): number {
    return this.#writtenMaxTimestampOffset;
  }

  /** Everything before `writtenBytes` is in the file; the greatest timestamp of what is new there, and the last offset of the first batch that has it. */
  markWritten(writtenBytes: number, maxTimestamp: number, maxTimestampOffset: number): void {
    this.writtenBytes = writtenBytes;
    if (maxTimestamp <= this.#writtenMaxTimestamp) return;
    this.#writtenMaxTimestamp = maxTimestamp;
    this.#writtenMaxTimestampOffset = maxTimestampOffset;
  }

  /** A batch that stays behind {@link truncateTo}. */
  keepTimestamp(maxTimestamp: number, lastOffset: number): void {
    if (maxTimestamp <= this.maxTimestamp) return;
    this.maxTimestamp = maxTimestamp;
    this.maxTimestampOffset = lastOffset;
  }

  /**
   * Takes back what was appended behind `sizeBytes` and never became durable. The greatest timestamp is that of what is in the file, until
   * {@link keepTimestamp} was told of each batch that is not but stays.
   */
  truncateTo(sizeBytes: number, nextOffset: number): void {
    this.sizeBytes = sizeBytes;
    this.index.truncateTo(sizeBytes);
    this.timeIndex.truncateTo(nextOffset - this.baseOffset);
    this.aborted.truncateTo(nextOffset);
    this.nextIndexBytes = this.#measureIndexes();
    this.bytesSinceIndex = 0;
    this.maxTimestamp = this.#writtenMaxTimestamp;
    this.maxTimestampOffset = this.#writtenMaxTimestampOffset;
    if (sizeBytes === 0) this.firstTimestamp = -1;
  }

  /** The indexes were made again by a scan. */
  replaceIndexes(offsetEntries: number[], timeEntries: number[]): void {
    this.index.replace(offsetEntries);
    this.timeIndex.replace(timeEntries);
    this.nextIndexBytes = this.#measureIndexes();
  }

  #measureIndexes(): number {
    return Math.max(
      (this.index.entries + 1) * OFFSET_ENTRY_BYTES,
      (this.timeIndex.entries + 1) * TIME_ENTRY_BYTES,
    );
  }
}

/** The name, without its ending, of the files of a segment. */
export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0");
}
