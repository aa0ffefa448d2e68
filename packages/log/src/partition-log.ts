/**
 * One partition: its segments, the batches kept in memory, producers and epochs. Changes happen synchronously, between awaits
 * of the engine; nothing here does I/O.
 *
 * ```
 *  logStart        writtenOffset          highWatermark        logEnd
 *     │ ── segments ──▶│ ──── memory, in the journal ──▶│ ── memory, staged ──▶│
 *            │ ◀── memory tail, as far as the budget reaches ──────────────────▶│
 * ```
 *
 * Invariants: `logStart ≤ writtenOffset ≤ highWatermark ≤ logEnd` (writtenOffset may lag behind logStart); a batch leaves memory only
 * when it is in its segment; only durable batches are written to segments.
 */
import type { LogConfig } from "./engine.ts";
import type { Group } from "./journal-group.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { ProducerStates } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
import type { Slab } from "./slabs.ts";
import type { ReadWaiter } from "./waiters.ts";

/** A topic that is open. */
export class Topic {
  readonly id: string;
  readonly name: string;
  /** What journal entries call it. */
  readonly ref: number;
  config: LogConfig;
  partitions: number;
  /** By partition; empty until first used. */
  readonly logs: (PartitionLog | undefined)[] = [];
  /** Whether the journal was told what `ref` means. */
  isAnnounced = false;
  isDeleted = false;

  constructor(id: string, name: string, ref: number, partitions: number, config: LogConfig) {
    this.id = id;
    this.name = name;
    this.ref = ref;
    this.partitions = partitions;
    this.config = config;
  }
}

/** A batch in memory: in a slab, or in a buffer of its own when it was large or found at start-up. */
export class TailBatch {
  readonly log: PartitionLog;
  readonly segment: Segment;
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
  /** One of them holds its bytes; both are null once it left memory. */
  slab: Slab | null;
  own: Buffer | null;
  /** Where in the slab. */
  readonly at: number;

  constructor(
    log: PartitionLog,
    segment: Segment,
    position: number,
    sizeBytes: number,
    baseOffset: number,
    lastOffset: number,
    maxTimestamp: number,
    place: Buffer | Slab,
    at: number,
  ) {
    this.log = log;
    this.segment = segment;
    this.position = position;
    this.sizeBytes = sizeBytes;
    this.baseOffset = baseOffset;
    this.lastOffset = lastOffset;
    this.maxTimestamp = maxTimestamp;
    this.slab = Buffer.isBuffer(place) ? null : place;
    this.own = Buffer.isBuffer(place) ? place : null;
    this.at = at;
  }

  get isInMemory(): boolean {
    return this.slab !== null || this.own !== null;
  }

  /** Its bytes, while it is in memory: a view that holds until then, or for as long as a reader holds the slab. */
  get bytes(): Buffer {
    return this.own ?? this.slab!.bytes.subarray(this.at, this.at + this.sizeBytes);
  }
}

/** What memory a batch costs beside its bytes: its entry, its places in two queues, its share of a group's directory. */
export const TAIL_BATCH_OVERHEAD = 256;

export class PartitionLog {
  readonly topic: Topic;
  readonly partition: number;
  logStart = 0;
  logEnd = 0;
  highWatermark = 0;
  /** Everything below is in the segment files (not necessarily flushed). */
  writtenOffset = 0;
  /** Ascending; the last one is active. Empty until the first append. */
  segments: Segment[] = [];
  epochs = new LeaderEpochs();
  /** null until an idempotent producer writes. */
  producers: ProducerStates | null = null;
  /** Whether any segment may know of an aborted transaction. */
  hasAborted = false;
  /** How often cleaned segments have taken the place of others. */
  cleanings = 0;
  /** Everything below was compacted; −1 before the first time. */
  cleanedOffset = -1;
  /** A damaged batch keeps the cleaner away. */
  isUncleanable = false;
  /** Files of a cleaned segment have not got their names yet. */
  isMoving = false;
  /** The journal entry of a replacement failed; a crash may find it all the same. */
  hasFailedCleaning = false;
  /** Parked reads that look at this partition. */
  readers: Set<ReadWaiter> | null = null;
  /** The group that gathers, when it has a batch of this partition. */
  gatheringGroup: Group | null = null;
  /** Durable bytes that are not in their segment yet. */
  unwrittenBytes = 0;
  /** The segment write under way. */
  writing: Promise<void> | null = null;
  isQueuedForWrite = false;
  /** Changed since the last checkpoint. */
  isDirty = false;
  /** Its folder exists, with `partition.metadata`. */
  hasDirectory = false;
  /** Producer snapshots taken at rolls that are not in files yet, oldest first. */
  snapshots: { readonly offset: number; readonly bytes: Buffer }[] = [];
  /** Offset of the last producer snapshot taken by this run: one of an earlier run may be torn, as snapshots are not flushed. */
  snapshotOffset = -1;
  /** The newest epoch in its `leader-epoch-checkpoint`. */
  writtenEpoch = -1;
  /** How the last checkpoint described it; null when that no longer holds. */
  checkpointBytes: Buffer | null = null;
  /** Where a reader of files will probably go on. */
  readHint: {
    readonly segment: Segment;
    readonly offset: number;
    readonly position: number;
  } | null = null;
  isDeleted = false;
  /** Batches in memory, ascending; slots before `#head` are empty. */
  #tail: TailBatch[] = [];
  #head = 0;
  /** Where in the tail the first batch lies that is not in its segment, relative to the array. */
  #firstUnwritten = 0;

  constructor(topic: Topic, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Everything below may be read by isolated readers (TX11): all its transactions have ended, durably. */
  get lastStableOffset(): number {
    const open = this.producers === null ? -1 : this.producers.firstOpenOffset;
    return open >= 0 && open < this.highWatermark
      ? Math.max(open, this.logStart)
      : this.highWatermark;
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1]!;
  }

  get sizeBytes(): number {
    let size = 0;
    for (const segment of this.segments) size += segment.sizeBytes;
    return size;
  }

  /** First offset in memory; the log end when nothing is. */
  get tailOffset(): number {
    return this.#head < this.#tail.length ? this.#tail[this.#head]!.baseOffset : this.logEnd;
  }

  /** Adds a batch behind the log end, in the active segment. */
  push(batch: TailBatch): void {
    this.#tail.push(batch);
    this.logEnd = batch.lastOffset + 1;
  }

  /** Everything below `end` is durable; returns the bytes that became so. */
  advance(end: number): number {
    let bytes = 0;
    for (let index = this.indexOf(this.highWatermark); ; index++) {
      const batch = this.at(index);
      if (batch === null || batch.baseOffset >= end) break;
      bytes += batch.sizeBytes;
    }
    this.highWatermark = end;
    this.producers?.settle(end);
    this.unwrittenBytes += bytes;
    return bytes;
  }

  /** Bytes of the batches in `[from, to)`; Infinity when memory does not reach that far back. */
  bytesBetween(from: number, to: number): number {
    if (from >= to) return 0;
    const start = this.indexOf(from);
    if (start < 0) return Infinity;
    let bytes = 0;
    for (let index = start; ; index++) {
      const batch = this.at(index);
      if (batch === null || batch.baseOffset >= to) return bytes;
      bytes += batch.sizeBytes;
    }
  }

  /** The oldest batch leaves memory. */
  shift(): void {
    this.#tail[this.#head] = undefined as unknown as TailBatch;
    this.#head++;
    if (this.#head > 32 && this.#head * 2 > this.#tail.length) {
      this.#tail.splice(0, this.#head);
      this.#firstUnwritten = Math.max(0, this.#firstUnwritten - this.#head);
      this.#head = 0;
    }
  }

  /** Takes the batches below `end` out of memory; they are in their segments. */
  takeBefore(end: number): TailBatch[] {
    const taken: TailBatch[] = [];
    for (let batch = this.oldest(); batch !== null; batch = this.oldest()) {
      if (batch.lastOffset >= end) break;
      taken.push(batch);
      this.shift();
    }
    return taken;
  }

  oldest(): TailBatch | null {
    return this.#tail[this.#head] ?? null;
  }

  /** The batch in memory that holds `offset`, as an index for {@link at}; −1 when memory does not reach that far back. */
  indexOf(offset: number): number {
    const tail = this.#tail;
    let low = this.#head;
    let high = tail.length - 1;
    if (low > high || tail[low]!.baseOffset > offset) return -1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (tail[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A batch in memory, null behind the last; indexes hold until the next await. */
  at(index: number): TailBatch | null {
    return index >= this.#head ? (this.#tail[index] ?? null) : null;
  }

  /** Index of the first batch that is not in its segment. */
  firstUnwrittenIndex(): number {
    return Math.max(this.#firstUnwritten, this.#head);
  }

  /** The oldest durable batch that is not in its segment. */
  firstUnwritten(): TailBatch | null {
    const batch = this.at(this.firstUnwrittenIndex());
    return batch === null || batch.baseOffset >= this.highWatermark ? null : batch;
  }

  /** Everything below `nextOffset` is in its segment. */
  markWritten(nextOffset: number): void {
    let index = this.firstUnwrittenIndex();
    while (index < this.#tail.length && this.#tail[index]!.baseOffset < nextOffset) {
      this.unwrittenBytes -= this.#tail[index]!.sizeBytes;
      index++;
    }
    this.#firstUnwritten = index;
    this.writtenOffset = nextOffset;
  }

  /** Fills `target` with the bytes that precede `batch` in its segment, if memory still has them. */
  copyBefore(batch: TailBatch, target: Uint8Array): boolean {
    let end = target.length;
    for (let index = this.indexOf(batch.baseOffset) - 1; end > 0; index--) {
      const before = this.at(index);
      if (before === null || before.segment !== batch.segment) return false;
      const { bytes } = before;
      const size = Math.min(end, bytes.length);
      target.set(bytes.subarray(bytes.length - size), end - size);
      end -= size;
    }
    return true;
  }

  /** Takes back everything above the high watermark. Returns the batches, for {@link TailMemory.drop}. */
  rollBack(): TailBatch[] {
    const dropped: TailBatch[] = [];
    const end = this.highWatermark;
    while (this.#tail.length > this.#head && this.#tail[this.#tail.length - 1]!.baseOffset >= end) {
      dropped.push(this.#tail.pop()!);
    }
    this.logEnd = end;
    while (this.segments.length > 1 && this.active.baseOffset > end) this.segments.pop();
    let sizeBytes = this.segments.length === 0 ? 0 : this.active.sizeBytes;
    for (const batch of dropped) {
      if (batch.segment === this.active) sizeBytes = Math.min(sizeBytes, batch.position);
    }
    if (this.segments.length > 0) this.active.truncateTo(sizeBytes, end);
    this.producers?.truncateTo(end);
    this.epochs.truncateTo(end);
    while (this.snapshots.length > 0 && this.snapshots.at(-1)!.offset > end) this.snapshots.pop();
    this.snapshotOffset = Math.min(this.snapshotOffset, end);
    return dropped;
  }

  /** Forgets all memory: the topic is deleted. */
  clear(): TailBatch[] {
    const dropped = this.#tail.slice(this.#head);
    this.#tail = [];
    this.#head = 0;
    this.#firstUnwritten = 0;
    return dropped;
  }
}
