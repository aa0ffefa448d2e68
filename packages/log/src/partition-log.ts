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
import { LeaderEpochs } from "./leader-epochs.ts";
import { type BatchHolder, PartitionTail } from "./partition-tail.ts";
import type { ProducerStates } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
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
  /** Nobody may use it any more; see topic-remover.ts for what is left to do. */
  isDeleted = false;

  constructor(id: string, name: string, ref: number, partitions: number, config: LogConfig) {
    this.id = id;
    this.name = name;
    this.ref = ref;
    this.partitions = partitions;
    this.config = config;
  }
}

/**
 * Its fields stand in the order in which they are needed together: what every append asks for, then what every commit does, then the rest. A
 * partition among a thousand is in no cache, and so is two or three misses rather than six.
 */
export class PartitionLog {
  readonly topic: Topic;
  readonly partition: number;
  /** The deletion of its topic is durable: nothing of it is written any more. */
  isDeleted = false;
  logEnd = 0;
  /** The last of its segments, which takes appends; null until the first. */
  #active: Segment | null = null;
  /** null until an idempotent producer writes. */
  producers: ProducerStates | null = null;
  /** The batches in memory. */
  readonly tail = new PartitionTail();
  /** Number of the group that gathers, when it has a batch of this partition; 0 otherwise. A reference would be one from old memory to new. */
  gatheringGroup = 0;
  /** Bytes staged since the gathering group took in its first batch of this partition. */
  gatheredBytes = 0;
  /** Which fill of a slab took in its newest batch. */
  newestFill = 0;
  readonly #segments: Segment[] = [];
  /** The leader epoch of the engine is the newest from the start on, so that appends need not look. */
  epochs = new LeaderEpochs();
  logStart = 0;
  highWatermark = 0;
  /** Durable bytes that are not in their segment yet. */
  unwrittenBytes = 0;
  /** Parked reads that look at this partition. */
  readers: Set<ReadWaiter> | null = null;
  /** The log start that holds after a crash; files of segments above it stay. At most `logStart`. */
  durableStart = 0;
  /** Segments below it whose files are still to be removed. Checkpoints describe them, so that a start removes what a crash leaves. */
  readonly removing: Segment[] = [];
  /** Changed since the last checkpoint. */
  isDirty = false;
  isQueuedForWrite = false;
  /** Everything below is in the segment files (not necessarily flushed). */
  writtenOffset = 0;
  /** The segment write under way. */
  writing: Promise<void> | null = null;
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

  /** Ascending; the last one is active. Empty until the first append. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get hasSegments(): boolean {
    return this.#active !== null;
  }

  /** Only of a partition that has segments. */
  get active(): Segment {
    return this.#active!;
  }

  /** Adds a segment behind the last. */
  addSegment(segment: Segment): void {
    this.#segments.push(segment);
    this.#active = segment;
  }

  /** Puts one segment in the place of `count` others. @returns those. */
  replaceSegments(at: number, count: number, segment: Segment): Segment[] {
    const replaced = this.#segments.splice(at, count, segment);
    this.#active = this.#segments.at(-1)!;
    return replaced;
  }

  get sizeBytes(): number {
    let size = 0;
    for (const segment of this.segments) size += segment.sizeBytes;
    return size;
  }

  /** First offset in memory; the log end when nothing is. */
  get tailOffset(): number {
    const { tail } = this;
    return tail.first < tail.end ? tail.baseOffset(tail.first) : this.logEnd;
  }

  /** Reads of each cache line what an append or its commit will read, and makes a number of it that means nothing. */
  touch(): number {
    return this.logEnd + this.newestFill + this.unwrittenBytes + (this.isDirty ? 1 : 0);
  }

  /** The same with what {@link touch} has read the addresses of. */
  touchParts(): number {
    const segment = this.#active;
    return this.tail.touch() + (segment === null ? 0 : segment.touch());
  }

  /** And with what {@link touchParts} has. */
  touchNumbers(): number {
    const segment = this.#active;
    return this.tail.touchNumbers() + (segment === null ? 0 : segment.touchNumbers());
  }

  /** Adds a batch behind the log end, in the active segment. `at` is where in its slab it is. */
  push(
    segment: Segment,
    position: number,
    sizeBytes: number,
    baseOffset: number,
    lastOffset: number,
    holder: BatchHolder,
    at: number,
  ): void {
    this.tail.push(segment, position, sizeBytes, baseOffset, lastOffset, holder, at);
    this.logEnd = lastOffset + 1;
  }

  /** Everything below `end` is durable, which is new for so many bytes. */
  advance(end: number, bytes: number): void {
    this.highWatermark = end;
    this.producers?.settle(end);
    this.unwrittenBytes += bytes;
  }

  /** Bytes of the batches in `[from, to)`; Infinity when memory does not reach that far back. */
  bytesBetween(from: number, to: number): number {
    if (from >= to) return 0;
    const { tail } = this;
    const start = tail.indexOf(from);
    if (start < 0) return Infinity;
    let bytes = 0;
    for (let index = start; index < tail.end && tail.baseOffset(index) < to; index++) {
      bytes += tail.sizeBytes(index);
    }
    return bytes;
  }

  /**
   * Bytes from a place in a segment up to the batch at `limitOffset`. Infinity when that is in a later segment, as Kafka has it, or when memory
   * does not reach back to it.
   */
  bytesUpTo(limitOffset: number, segment: Segment, position: number): number {
    const { tail } = this;
    if (limitOffset === this.logEnd) {
      return segment === this.active ? segment.sizeBytes - position : Infinity;
    }
    const limit = tail.indexOf(limitOffset);
    return limit >= 0 && tail.segment(limit) === segment
      ? tail.position(limit) - position
      : Infinity;
  }

  /** Takes the batches below `end` out of memory; they are in their segments. @returns how many. */
  takeBefore(end: number): number {
    const { tail } = this;
    let index = tail.first;
    while (index < tail.end && tail.lastOffset(index) < end) index++;
    return tail.dropBefore(index);
  }

  /** Index of the oldest durable batch that is not in its segment; −1 when there is none. */
  get nextToWrite(): number {
    const { tail } = this;
    const index = tail.firstUnwritten;
    return index < tail.end && tail.baseOffset(index) < this.highWatermark ? index : -1;
  }

  /** Everything below `nextOffset` is in its segment. */
  markWritten(nextOffset: number): void {
    this.unwrittenBytes -= this.tail.markWritten(nextOffset);
    this.writtenOffset = nextOffset;
  }

  /** Fills `target` with the bytes that precede a batch in its segment, if memory still has them. */
  copyBefore(index: number, target: Uint8Array): boolean {
    const { tail } = this;
    let end = target.length;
    for (let before = index - 1; end > 0; before--) {
      if (!tail.has(before) || tail.segment(before) !== tail.segment(index)) return false;
      const bytes = tail.bytes(before);
      const size = Math.min(end, bytes.length);
      target.set(bytes.subarray(bytes.length - size), end - size);
      end -= size;
    }
    return true;
  }

  /** Whether there are segments, or files of such, that lie wholly below the durable log start. */
  get hasRemovable(): boolean {
    const { segments, removing, durableStart } = this;
    return removing.length > 0 || (segments.length > 1 && segments[1]!.baseOffset <= durableStart);
  }

  /** Takes the segments that lie wholly below the durable log start off the log: they are {@link removing} now. @returns them. */
  takeRemovable(): Segment[] {
    const segments = this.#segments;
    const { durableStart } = this;
    let count = 0;
    while (count + 1 < segments.length && segments[count + 1]!.baseOffset <= durableStart) count++;
    const taken = segments.splice(0, count);
    this.removing.push(...taken);
    return taken;
  }

  /** Takes back everything above the high watermark. @returns how many batches, for {@link TailMemory.forget}. */
  rollBack(): number {
    const { tail, highWatermark: end } = this;
    let first = tail.end;
    while (tail.has(first - 1) && tail.baseOffset(first - 1) >= end) first--;
    const segment = tail.has(first) ? tail.segment(first) : null;
    const position = segment === null ? 0 : tail.position(first);
    const dropped = tail.dropFrom(first);
    this.logEnd = end;
    this.gatheredBytes = 0;
    while (this.segments.length > 1 && this.active.baseOffset > end) {
      this.#segments.pop();
      this.#active = this.#segments.at(-1)!;
    }
    if (this.segments.length > 0) {
      const { active } = this;
      active.truncateTo(active === segment ? position : active.sizeBytes, end);
      for (let i = tail.firstUnwritten; i < tail.end; i++) {
        if (tail.segment(i) === active) {
          active.keepTimestamp(tail.maxTimestamp(i), tail.lastOffset(i));
        }
      }
    }
    this.producers?.truncateTo(end);
    this.epochs.truncateTo(end);
    while (this.snapshots.length > 0 && this.snapshots.at(-1)!.offset > end) this.snapshots.pop();
    this.snapshotOffset = Math.min(this.snapshotOffset, end);
    return dropped;
  }
}
