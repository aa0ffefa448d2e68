/**
 * Puts a cleaned segment in the place of those it was made of, whole or not at all.
 *
 *  1. The new files lie beside the old ones, flushed, under names of their own; so does their folder's knowledge of them.
 *  2. One journal entry says: the segments from here to there are this one now. When it is durable, so is the change.
 *  3. In the same step memory changes: readers of the old segments start again, batches of theirs leave memory.
 *  4. The new files take their names, replacing those of the first old segment; the files of the others are removed. Whoever wants to read the
 *     new segment waits for that, and so does the next checkpoint.
 *
 * A crash before 2 leaves the old segments, and files that nobody looks at until the next cleaning of this log removes them. A crash behind 2
 * leaves the entry, which replay applies to the segments as the checkpoint knows them; the start then does 4 again, each part of which
 * may have been done before. Replay writes nothing to a file that was replaced, because only segments that a checkpoint
 * calls finished are cleaned: the journal behind that checkpoint has no batch of theirs.
 *
 * Replacements of a log are numbered, and the checkpoint knows the last one it covers, so none is applied twice. A failed journal write may
 * still be found by a crash; the files therefore stay until another group was written in its place.
 */
import { type FileHandle, FileSystemError } from "@ottla/platform";
import type { EngineState } from "../engine-state.ts";
import { CorruptLog } from "../errors.ts";
import {
  type CleanedEntry,
  ENTRY_ROOM,
  encodeCleanedEntry,
  encodeTopicEntry,
} from "../journal-format.ts";
import type { PartitionFiles } from "../partition-files.ts";
import type { PartitionLog } from "../partition-log.ts";
import { Segment } from "../segment.ts";
import type { SegmentReader } from "../segment-reader.ts";
import type { SegmentWriter } from "../segment-writer.ts";
import { cleanedEnding, SEGMENT_ENDINGS } from "./cleaned-segment.ts";
import { sleep } from "./throttle.ts";

/** One replacement whose files may still have to be moved. */
export interface Replacement {
  readonly log: PartitionLog;
  readonly segment: Segment;
  /** Those it replaces, ascending; the first has its base offset. */
  readonly replaced: readonly Segment[];
  readonly cleaning: number;
}

/** Shortest time between attempts to move files. */
const SHORTEST_RETRY_MS = 100;

export class SegmentSwap {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #writer: SegmentWriter;
  readonly #reader: SegmentReader;
  readonly #closing = new AbortController();

  constructor(
    state: EngineState,
    files: PartitionFiles,
    writer: SegmentWriter,
    reader: SegmentReader,
  ) {
    this.#state = state;
    this.#files = files;
    this.#writer = writer;
    this.#reader = reader;
  }

  /**
   * Makes `segment`, whose files are complete, the successor of `replaced`. Resolves when readers may have it.
   * @returns false when the log has changed meanwhile, and nothing was done.
   * @throws {JournalFailed} when it may or may not have happened, or another error when it has but the files cannot be moved yet
   */
  async commit(
    log: PartitionLog,
    replaced: readonly Segment[],
    segment: Segment,
    cleanedOffset: number,
  ): Promise<boolean> {
    const { journal } = this.#state;
    const directory = this.#files.directory(log);
    await this.#state.options.fileSystem.syncDirectory(directory);
    while (!journal.hasRoom(ENTRY_ROOM)) await this.#state.whenDurable();
    const { topic } = log;
    if (topic.isDeleted || this.#state.isClosed || !isThere(log, replaced)) return false;
    const cleaning = log.cleanings + 1;
    if (!topic.isAnnounced) {
      journal.addEntry(encodeTopicEntry(topic.ref, topic.id, topic.name));
      topic.isAnnounced = true;
    }
    const end = nextBase(log, replaced[replaced.length - 1]!);
    let installed = Promise.resolve();
    const entry = describe(log, segment, { cleaning, cleanedOffset, end });
    journal.addEntry(encodeCleanedEntry(entry), () => {
      if (log.isDeleted) return;
      const replacement = replaceSegments(log, entry, segment);
      this.#state.tail.forget(log.takeBefore(end));
      this.#state.markDirty(log);
      installed = this.#install(replacement);
    });
    try {
      await this.#state.whenDurable();
    } catch (error) {
      // It may be in the journal: the files must stay.
      log.hasFailedCleaning = true;
      throw error;
    }
    await installed;
    return true;
  }

  /** Moves the files of a replacement that a start found in the journal. Tells what it could not find. */
  async recover({ log, segment, replaced, cleaning }: Replacement): Promise<void> {
    if (!log.isDeleted) await this.#move({ log, segment, replaced, cleaning });
  }

  /** Ends waiting for a disk that does not work: what is not moved by the next attempt stays so until the next start. */
  close(): void {
    this.#closing.abort();
  }

  /** Moves the files, again and again if it fails: there is no way back. Resolves or rejects with the first attempt. */
  #install(replacement: Replacement): Promise<void> {
    const first = this.#attempt(replacement);
    void this.#files.track(first.catch((error) => this.#retry(replacement, error)));
    return first;
  }

  async #attempt(replacement: Replacement): Promise<void> {
    const { log, segment } = replacement;
    log.isMoving = true;
    const moved = this.#writer.exclusively(log, () => this.#move(replacement));
    // Readers wait for an attempt, not for all.
    moved.catch(() => {});
    segment.moving = moved;
    await moved;
    segment.moving = null;
    log.isMoving = false;
  }

  async #retry(replacement: Replacement, failure: Error): Promise<void> {
    const state = this.#state;
    const delayMs = Math.max(SHORTEST_RETRY_MS, state.options.retryDelayMs);
    for (let error = failure; !replacement.log.isDeleted; ) {
      state.probe.storageFailed(error);
      if (this.#closing.signal.aborted) {
        state.hasUnmovedSegment = true;
        return;
      }
      await sleep(state.clock, delayMs, this.#closing.signal);
      try {
        await this.#attempt(replacement);
        return;
      } catch (next) {
        error = next as Error;
      }
    }
  }

  async #move({ log, segment, replaced, cleaning }: Replacement): Promise<void> {
    const { fileSystem } = this.#state.options;
    await this.#state.journal.flush();
    const base = segment.baseOffset;
    // Retention or another cleaning may have been there since.
    const isCurrent = log.segments.includes(segment);
    for (const ending of SEGMENT_ENDINGS) {
      const from = this.#files.segmentPath(log, base, cleanedEnding(ending, cleaning));
      const to = this.#files.segmentPath(log, base, ending);
      if (!isCurrent) await fileSystem.remove(from);
      else if (ending === "txnindex" && segment.aborted.size === 0) await fileSystem.remove(to);
      else await renameIfThere(from, to, (a, b) => fileSystem.rename(a, b));
    }
    if (isCurrent) {
      await this.#writer.forgetSegment(log, segment);
      await this.#reader.forgetSegment(log, segment);
      await this.#check(log, segment);
    }
    for (const old of replaced) {
      if (old.baseOffset === base) continue;
      await this.#writer.forgetSegment(log, old);
      await this.#reader.forgetSegment(log, old);
      await this.#files.removeSegment(log, old.baseOffset);
    }
    this.#files.noteNewName(this.#files.directory(log));
  }

  /** The file must be the one that was written. */
  async #check(log: PartitionLog, segment: Segment): Promise<void> {
    const path = this.#files.segmentPath(log, segment.baseOffset, "log");
    let file: FileHandle | null = null;
    try {
      file = await this.#state.options.fileSystem.open(path, { access: "read" });
      const size = await file.size();
      if (size === segment.sizeBytes) return;
      throw new CorruptLog(
        path,
        size,
        `a cleaned segment of ${segment.sizeBytes} bytes is missing`,
      );
    } finally {
      await file?.close();
    }
  }
}

/**
 * Applies a replacement to the partition in memory: live, and in replay, where `segment` is made from the entry.
 */
export function replaceSegments(
  log: PartitionLog,
  entry: CleanedEntry,
  segment: Segment = segmentOf(entry),
): Replacement {
  const at = log.segments.findIndex(({ baseOffset }) => baseOffset >= entry.base);
  let count = 0;
  while (at + count < log.segments.length && log.segments[at + count]!.baseOffset < entry.end) {
    count++;
  }
  const replaced = log.replaceSegments(at, count, segment);
  for (const old of replaced) old.isReplaced = true;
  log.cleanings = entry.cleaning;
  log.cleanedOffset = entry.cleanedOffset;
  log.readHint = null;
  return { log, segment, replaced, cleaning: entry.cleaning };
}

function describe(
  log: PartitionLog,
  segment: Segment,
  change: { readonly cleaning: number; readonly cleanedOffset: number; readonly end: number },
): CleanedEntry {
  return {
    type: "cleaned",
    topicRef: log.topic.ref,
    partition: log.partition,
    base: segment.baseOffset,
    sizeBytes: segment.sizeBytes,
    maxTimestamp: segment.maxTimestamp,
    maxTimestampOffset: segment.maxTimestampOffset,
    firstTimestamp: segment.firstTimestamp,
    createdMs: segment.createdMs,
    offsetEntries: segment.index.persisted,
    timeEntries: segment.timeIndex.persisted,
    abortedEntries: segment.aborted.persisted,
    ...change,
  };
}

function segmentOf(entry: CleanedEntry): Segment {
  const { base: baseOffset, ...state } = entry;
  const segment = new Segment({ ...state, baseOffset, isFinished: true }, 0);
  segment.aborted.restore(entry.abortedEntries, []);
  segment.isCheckpointed = true;
  return segment;
}

function isThere(log: PartitionLog, wanted: readonly Segment[]): boolean {
  const at = log.segments.indexOf(wanted[0]!);
  if (at < 0 || at + wanted.length >= log.segments.length) return false;
  // Behind a log start within or behind them the first ones are about to be removed.
  if (wanted.length > 1 && wanted[1]!.baseOffset <= log.logStart) return false;
  if (log.segments[at + wanted.length]!.baseOffset <= log.logStart) return false;
  return wanted.every((segment, i) => log.segments[at + i] === segment);
}

function nextBase(log: PartitionLog, segment: Segment): number {
  return log.segments[log.segments.indexOf(segment) + 1]!.baseOffset;
}

/** Not being there means that it was renamed before. */
async function renameIfThere(
  from: string,
  to: string,
  rename: (from: string, to: string) => Promise<void>,
): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof FileSystemError && error.code === "not-found")) throw error;
  }
}
