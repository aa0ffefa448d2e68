/**
 * Writes what the journal made durable into segments, behind the appends: as one aligned write of many batches where there is enough, or
 * whatever there is when a checkpoint or the memory budget asks. Never flushes by itself; a checkpoint does.
 *
 * Direct I/O wants whole blocks. A write that starts within a block starts at the block instead and repeats its first bytes, taken from
 * memory or, when they have left it, from the file; one that ends within a block is padded with zeros, which the next write replaces, and
 * which are cut off when the partition comes to rest. After a crash they are found behind the size that
 * checkpoint and journal name, and overwritten.
 */
import { allocateAligned, type Cancel, DIRECT_ALIGNMENT, type FileHandle } from "@ottla/platform";
import type { Arena } from "./arena.ts";
import type { EngineState } from "./engine-state.ts";
import { CorruptLog } from "./errors.ts";
import { FileCache } from "./file-cache.ts";
import { LastBlocks } from "./last-blocks.ts";
import { OFFSET_ENTRY_BYTES } from "./offset-index.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { PartitionTail } from "./partition-tail.ts";
import { rewriteUnflushed } from "./rewrite-unflushed.ts";
import type { Segment } from "./segment.ts";
import { type StagedPiece, StagingMemory } from "./staging-memory.ts";
import { TIME_ENTRY_BYTES } from "./time-index.ts";

/** Shortest time between attempts at writing segments after one failed. */
const RETRY_MS = 100;
/** An index is written at a checkpoint once it has gained this many entries; before, it is soon made again by a scan. */
const INDEX_ENTRIES_PER_WRITE = 256;

export class SegmentWriter {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #handles: FileCache;
  readonly #lastBlocks = new LastBlocks();
  readonly #queue: PartitionLog[] = [];
  #running = 0;
  #isPaused = false;
  #cancelPause: Cancel | null = null;

  constructor(state: EngineState, files: PartitionFiles) {
    this.#state = state;
    this.#files = files;
    this.#handles = new FileCache(state.options.fileSystem, state.options.maxOpenFiles, {
      access: "write",
      create: true,
      direct: true,
    });
  }

  /**
   * Writes the partition in the background, soon. Failures are reported, and met again by the next checkpoint.
   * @returns whether another may be written beside it.
   */
  enqueue(log: PartitionLog): boolean {
    if (this.#isPaused) return false;
    if (!log.isQueuedForWrite && !log.isDeleted) {
      log.isQueuedForWrite = true;
      this.#queue.push(log);
      if (this.#running < StagingMemory.pieces) void this.#work();
    }
    return this.#running < StagingMemory.pieces;
  }

  /** Resolves once everything durable now is in segments. Calls for one partition share their work. */
  async write(log: PartitionLog): Promise<void> {
    const target = log.highWatermark;
    while (!log.isDeleted && log.writtenOffset < target) {
      log.writing ??= this.#writeAll(log).finally(() => {
        log.writing = null;
      });
      await log.writing;
    }
  }

  /** Does `task` while no write of the partition is under way. */
  async exclusively(log: PartitionLog, task: () => Promise<void>): Promise<void> {
    while (log.writing !== null) await log.writing.catch(() => {});
    log.writing = task().finally(() => {
      log.writing = null;
    });
    await log.writing;
  }

  /**
   * Flushes the segments written since their last flush. After a flush that failed, flushing again proves nothing: the system has forgotten
   * that those pages were to be written. So they are written again first ({@link rewriteUnflushed}). Only while writing exclusively.
   */
  async sync(log: PartitionLog): Promise<void> {
    for (const segment of [...log.segments]) {
      if (!segment.isUnsynced || segment.isReplaced || log.isDeleted) continue;
      segment.isUnsynced = false;
      const { writtenBytes } = segment;
      try {
        await this.#useLog(log, segment, async (handle) => {
          if (segment.isSuspect) {
            await rewriteUnflushed(
              handle,
              segment,
              this.#files.segmentPath(log, segment.baseOffset, "log"),
            );
          }
          await handle.sync();
        });
      } catch (error) {
        segment.isUnsynced = true;
        segment.isSuspect = true;
        throw error;
      }
      segment.isSuspect = false;
      segment.flushedBytes = writtenBytes;
    }
  }

  /** Cuts off padding and completes the indexes, at a roll or a clean stop. */
  async finish(log: PartitionLog, segment: Segment): Promise<void> {
    await this.cutPadding(log, segment);
    await this.writeIndexes(log, segment, 1);
  }

  /** Zeros behind the last batch look like corruption to other tools, so they do not stay when a partition is at rest. */
  async cutPadding(log: PartitionLog, segment: Segment): Promise<void> {
    if (!segment.isPadded) return;
    await this.#useLog(log, segment, (handle) => handle.truncate(segment.writtenBytes));
    segment.isPadded = false;
    segment.isUnsynced = true;
  }

  /** Appends pending index entries to their files when there are at least so many. */
  async writeIndexes(
    log: PartitionLog,
    segment: Segment,
    minimum = INDEX_ENTRIES_PER_WRITE,
  ): Promise<void> {
    const { index, timeIndex } = segment;
    const isEmpty = index.pending.length === 0 && timeIndex.pending.length === 0;
    if (isEmpty || (index.pending.length / 2 < minimum && timeIndex.pending.length / 2 < minimum)) {
      return;
    }
    await this.#files.ensureDirectory(log);
    await this.#appendIndex(
      log,
      segment,
      "index",
      index.persisted * OFFSET_ENTRY_BYTES,
      index.takePending(segment.writtenBytes),
    );
    await this.#appendIndex(
      log,
      segment,
      "timeindex",
      timeIndex.persisted * TIME_ENTRY_BYTES,
      timeIndex.takePending(log.writtenOffset - segment.baseOffset),
    );
  }

  /** Closes the files of a partition that is about to be renamed or removed. */
  async forget(log: PartitionLog): Promise<void> {
    await log.writing?.catch(() => {});
    for (const segment of log.segments) await this.forgetSegment(log, segment);
  }

  async forgetSegment(log: PartitionLog, segment: Segment): Promise<void> {
    this.#lastBlocks.forget(segment);
    await this.#handles.forget(this.#files.segmentPath(log, segment.baseOffset, "log"));
  }

  /** Begins no further write, and waits for what is under way: the directory may be another engine's from here on. */
  async close(): Promise<void> {
    this.#isPaused = true;
    this.#cancelPause?.();
    this.#queue.length = 0;
    for (const log of this.#state.usedLogs()) {
      while (log.writing !== null) await log.writing.catch(() => {});
    }
    await this.#handles.close();
  }

  async #work(): Promise<void> {
    this.#running++;
    try {
      for (let log = this.#queue.shift(); log !== undefined; log = this.#queue.shift()) {
        try {
          await this.write(log).finally(() => {
            log.isQueuedForWrite = false;
          });
        } catch (error) {
          // Of a deleted partition there is nothing to write again; whoever waits for memory has got its.
          if (!log.isDeleted) {
            this.#pause(error as Error);
            continue;
          }
        }
        this.#state.onSegmentsWritten();
      }
    } finally {
      this.#running--;
    }
  }

  /** A write failed. The bytes are safe in the journal; memory asks again after a while. */
  #pause(error: Error): void {
    const state = this.#state;
    state.probe.storageFailed(error);
    if (state.isClosed) return;
    state.segmentTrouble.note();
    if (!this.#isPaused) {
      this.#isPaused = true;
      const delayMs = Math.max(RETRY_MS, state.options.retryDelayMs);
      this.#cancelPause = state.clock.schedule(delayMs, () => {
        this.#isPaused = false;
        state.onSegmentsWritten();
      });
    }
    // Who waits for memory hears of it.
    state.onSegmentsWritten();
  }

  async #writeAll(log: PartitionLog): Promise<void> {
    await this.#files.ensureDirectory(log);
    // What becomes durable meanwhile is left for later: it is little, and costs a write all the same.
    const target = log.highWatermark;
    while (log.writtenOffset < target) {
      const first = log.isDeleted ? -1 : log.nextToWrite;
      if (first < 0) break;
      const segment = log.tail.segment(first);
      if (!log.segments.includes(segment)) {
        // Retention took the segment before it was written.
        log.markWritten(log.tail.lastOffset(first) + 1);
        continue;
      }
      await this.#useLog(log, segment, (handle) => this.#writeRun(log, segment, handle));
    }
    await this.finishRolled(log);
  }

  /** Finishes the segments that were rolled and are in their files, and writes the snapshots taken then. Only while writing exclusively. */
  async finishRolled(log: PartitionLog): Promise<void> {
    for (const segment of log.segments.slice(0, -1)) {
      if (log.isDeleted) return;
      if (segment.isFinished || segment.writtenBytes < segment.sizeBytes) continue;
      await this.finish(log, segment);
      segment.isFinished = true;
      this.#lastBlocks.forget(segment);
      this.#state.markDirty(log);
    }
    while (log.snapshots.length > 0 && log.snapshots[0]!.offset <= log.writtenOffset) {
      const snapshot = log.snapshots[0]!;
      await this.#files.writeSnapshot(log, snapshot.offset, snapshot.bytes);
      if (log.snapshots[0] === snapshot) log.snapshots.shift();
    }
  }

  /** One write: the batches not yet written that lie in `segment`, as many as fit into a piece of memory; a larger one gets its own for once. */
  async #writeRun(log: PartitionLog, segment: Segment, handle: FileHandle): Promise<void> {
    const { staging, arena, probe, clock } = this.#state;
    const piece = await staging.take(log.unwrittenBytes + 2 * DIRECT_ALIGNMENT);
    const memory = piece.bytes;
    const { tail } = log;
    try {
      const first = log.isDeleted ? -1 : log.nextToWrite;
      if (first < 0 || tail.segment(first) !== segment) return;
      const blockBytes = handle.direct ? DIRECT_ALIGNMENT : 1;
      const position = tail.position(first);
      const start = position - (position % blockBytes);
      const headBytes = position - start;
      const head = memory.subarray(0, headBytes);
      if (
        headBytes > 0 &&
        !log.copyBefore(first, head) &&
        !this.#lastBlocks.copy(segment, start, head)
      ) {
        // Bytes of the block have left memory: they are in the file.
        if ((await handle.read(memory.subarray(0, blockBytes), start)) < headBytes) {
          const path = this.#files.segmentPath(log, segment.baseOffset, "log");
          throw new CorruptLog(path, start, "the file is shorter than what was written to it");
        }
        if (log.isDeleted || log.nextToWrite !== first) return;
      }
      const run = findRun(log, segment, first, memory.length - headBytes - blockBytes);
      const sizeBytes = headBytes + run.sizeBytes;
      const paddedBytes = Math.ceil(sizeBytes / blockBytes) * blockBytes;
      let target = memory;
      if (paddedBytes <= memory.length) {
        gatherRun(arena, tail, first, run.end, piece, headBytes);
      } else {
        target = new Uint8Array(allocateAligned(paddedBytes).buffer);
        target.set(head);
        tail.copyTo(first, target, headBytes);
      }
      target.fill(0, sizeBytes, paddedBytes);
      const newest = findNewest(tail, segment, first, run);
      const startMs = clock.monotonic();
      segment.isUnsynced = true;
      if (paddedBytes > sizeBytes) segment.isPadded = true;
      await handle.write([target.subarray(0, paddedBytes)], start);
      this.#state.segmentTrouble.end();
      probe.segmentWritten(paddedBytes, clock.monotonic() - startMs);
      // A flush that began before the write ended does not count.
      segment.isUnsynced = true;
      segment.markWritten(position + run.sizeBytes, newest.maxTimestamp, newest.lastOffset);
      log.markWritten(run.nextOffset);
      if (paddedBytes > sizeBytes) {
        const lastStart = paddedBytes - blockBytes;
        this.#lastBlocks.keep(segment, start + lastStart, target.subarray(lastStart, sizeBytes));
      }
    } finally {
      staging.give(piece);
    }
  }

  async #appendIndex(
    log: PartitionLog,
    segment: Segment,
    ending: string,
    position: number,
    bytes: Buffer,
  ): Promise<void> {
    const path = this.#files.segmentPath(log, segment.baseOffset, ending);
    const handle = await this.#state.options.fileSystem.open(path, {
      access: "write",
      create: true,
    });
    try {
      if (bytes.length > 0) await handle.write([bytes], position);
      await handle.truncate(position + bytes.length);
    } finally {
      await handle.close();
    }
  }

  async #useLog<T>(
    log: PartitionLog,
    segment: Segment,
    use: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    return this.#handles.use(this.#files.segmentPath(log, segment.baseOffset, "log"), (handle) => {
      // Not before the file is open: a checkpoint might flush the folder before the file is in it.
      if (segment.writtenBytes === 0) this.#files.noteNewName(this.#files.directory(log));
      return use(handle);
    });
  }
}

interface Run {
  /** Index behind the last batch. */
  readonly end: number;
  readonly sizeBytes: number;
  readonly nextOffset: number;
}

/** The durable batches in `segment` from `first` on, at most `maxBytes` but at least one. */
function findRun(log: PartitionLog, segment: Segment, first: number, maxBytes: number): Run {
  const { tail, highWatermark } = log;
  let sizeBytes = 0;
  let end = first;
  for (; end < tail.end && tail.baseOffset(end) < highWatermark; end++) {
    const batchBytes = tail.sizeBytes(end);
    if (end > first && sizeBytes + batchBytes > maxBytes) break;
    if (tail.segment(end) !== segment) break;
    sizeBytes += batchBytes;
  }
  return { end, sizeBytes, nextOffset: tail.lastOffset(end - 1) + 1 };
}

/** The greatest timestamp in a run, or in what was written before it; and the last offset of the first batch that has it. */
function findNewest(tail: PartitionTail, segment: Segment, first: number, run: Run) {
  if (segment.maxTimestampOffset < run.nextOffset) {
    return { maxTimestamp: segment.maxTimestamp, lastOffset: segment.maxTimestampOffset };
  }
  let newest = first;
  let greatest = -1;
  for (let index = first; index < run.end; index++) {
    const timestamp = tail.maxTimestamp(index);
    if (timestamp <= greatest) continue;
    greatest = timestamp;
    newest = index;
  }
  return { maxTimestamp: greatest, lastOffset: tail.lastOffset(newest) };
}

/** Copies batches one behind the other into the piece, from `at` on. */
function gatherRun(
  arena: Arena,
  tail: PartitionTail,
  first: number,
  end: number,
  piece: StagedPiece,
  at: number,
): void {
  let gathered = at;
  let next = at;
  const gather = () => {
    if (gathered < next) arena.gather(piece.address + gathered);
    gathered = next;
  };
  for (let index = first; index < end; index++) {
    const sizeBytes = tail.sizeBytes(index);
    const address = tail.address(index);
    if (address < 0) {
      gather();
      tail.copyTo(index, piece.bytes, next);
      next += sizeBytes;
      gathered = next;
    } else {
      const hasRoom = arena.addPiece(address, sizeBytes);
      next += sizeBytes;
      if (!hasRoom) gather();
    }
  }
  gather();
}
