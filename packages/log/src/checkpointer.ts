/**
 * Checkpoints: everything durable goes to its segments, the segments are flushed, and one file then says so; the journal before it is free.
 *
 *  1. Note the journal's cut: every group before it is durable, so its effects are below the high watermarks as they are now.
 *  2. Write each dirty partition up to its high watermark; then flush the files of each, and describe it before anything else is written to them.
 *  3. Wait for folders of deleted topics to have left their names and for cleaned segments to have got theirs; flush the folders with new names.
 *  4. Replace the checkpoint file. Partitions untouched since the last one are copied as they were described then. A topic
 *     is left out only when its deletion is durable.
 *  5. Release the journal before the cut.
 *
 * A start removes and moves files for the entries it replayed before its journal writes anything, so before any checkpoint.
 *
 * A crash between any two steps leaves the old checkpoint with a longer journal behind it; replay skips what it finds below a
 * partition's end. Appends go on all the while. What fails is reported, and everything is dirty as before for the next attempt.
 */
import type { Cancel } from "@ottla/platform";
import type { AbortedTransactions } from "./aborted-transactions.ts";
import {
  CHECKPOINT_FILE,
  type CheckpointTopic,
  encodeCheckpoint,
  encodePartition,
} from "./checkpoint-format.ts";
import type { EngineState } from "./engine-state.ts";
import { writeKafkaCheckpoints } from "./kafka-checkpoints.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import { encodeSnapshot } from "./producer-snapshot.ts";
import type { Segment } from "./segment.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import { Trouble } from "./trouble.ts";

/** Few, so that flushes do not take all of libuv's threads, of which segment writes take some too, while the journal wants one; at a stop nobody waits for it. */
const CONCURRENT_PARTITIONS = 2;
const CONCURRENT_PARTITIONS_AT_STOP = 4;
/** Shortest time between attempts after one failed. */
const RETRY_MS = 100;

/** `quick` leaves padding, `tidy` does not, `clean` finishes all files for a stop. */
type Kind = "quick" | "tidy" | "clean";

export class Checkpointer {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #writer: SegmentWriter;
  readonly #aborted: AbortedTransactions;
  #running: Promise<void> | null = null;
  readonly #trouble: Trouble;
  #isRetrying = false;
  #cancelRetry: Cancel | null = null;
  #isClosed = false;
  /** One that cuts off padding was asked for while another ran. */
  #isTidyDue = false;
  /** Where replay starts as of the last checkpoint that succeeded. */
  #lastCutLsn = 0;

  constructor(
    state: EngineState,
    files: PartitionFiles,
    writer: SegmentWriter,
    aborted: AbortedTransactions,
  ) {
    this.#state = state;
    this.#files = files;
    this.#writer = writer;
    this.#aborted = aborted;
    this.#trouble = new Trouble(state.clock);
  }

  /**
   * Starts a checkpoint unless one is running. Never rejects: the probe hears of failures. With `tidy` it also cuts off the padding of
   * segments, which a partition that is being written would have again at once.
   */
  request(tidy = false): void {
    if (this.#isClosed) return;
    if (tidy) this.#isTidyDue = true;
    if (this.#running !== null || (this.#isRetrying && !this.#state.isClosed)) return;
    const isTidy = this.#isTidyDue;
    this.#isTidyDue = false;
    this.#running = this.#run(isTidy ? "tidy" : "quick")
      .catch((error: Error) => {
        if (isTidy && !this.#state.isClosed) this.#isTidyDue = true;
        this.#retryLater(error);
      })
      .finally(() => {
        this.#running = null;
        this.#helpJournal();
        if (this.#isTidyDue) this.request();
      });
  }

  /** The checkpoint that ran may have begun before the journal filled up, and so have freed nothing. */
  #helpJournal(): void {
    const { journal } = this.#state;
    if (!journal.isWaiting || this.#isRetrying) return;
    if (journal.cut().lsn > this.#lastCutLsn) this.request();
    else journal.refuseWaiting();
  }

  /** The journal may be waiting for this checkpoint, so it is tried until it succeeds; but nobody is kept waiting for ever. */
  #retryLater(error: Error): void {
    const { probe, clock, options, journal } = this.#state;
    probe.storageFailed(error);
    if (this.#state.isClosed) {
      void this.#state.journal.giveUp();
      return;
    }
    this.#isRetrying = true;
    this.#trouble.note();
    if (this.#trouble.isLasting && journal.isWaiting) journal.refuseWaiting();
    this.#cancelRetry = clock.schedule(Math.max(RETRY_MS, options.retryDelayMs), () => {
      this.#isRetrying = false;
      this.request();
    });
  }

  /** Resolves when a checkpoint that began after the call has succeeded, or failed and been reported. */
  async tryNow(): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => {});
    this.request();
    await this.#running;
  }

  /** A checkpoint of everything that is durable now. `isClean` also finishes all files, for a stop. */
  async run(isClean: boolean): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => {});
    this.#running = this.#run(isClean ? "clean" : "tidy").finally(() => {
      this.#running = null;
    });
    await this.#running;
  }

  /** Begins no further checkpoint: the directory may be another engine's from here on. Resolves when none runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    while (this.#running !== null) await this.#running.catch(() => {});
  }

  /** The checkpoint of an engine that has nothing yet, before its journal gets the first group. */
  async writeFirst(): Promise<void> {
    const { options, leaderEpoch, nextTopicRef, journalKey } = this.#state;
    const cut = { lsn: 1, fileNumber: 0, position: 0 };
    const header = { isClean: true, cut, leaderEpoch, nextTopicRef, journalKey };
    const bytes = encodeCheckpoint(header, []);
    await options.fileSystem.writeFileAtomic(`${options.directory}/${CHECKPOINT_FILE}`, bytes);
  }

  async #run(kind: Kind): Promise<void> {
    const isClean = kind === "clean";
    const state = this.#state;
    const { journal, clock, journalKey } = state;
    const startMs = clock.monotonic();
    const cut = journal.cut();
    const bytesBefore = journal.bytesSinceCut;
    const logs = [...state.dirtyLogs];
    const finished: Segment[] = [];
    for (const log of logs) log.isDirty = false;
    state.dirtyLogs.clear();
    state.busyPartitions = logs.length;
    try {
      await this.#writeAll(logs, kind, finished);
      await this.#files.settled();
      if (state.hasUnmovedSegment) throw new Error("a cleaned segment has not got its name yet");
      await this.#files.syncDirectories();
      for (const log of logs) if (log.isDeleted) log.checkpointBytes = null;
      const { leaderEpoch, nextTopicRef } = state;
      const bytes = encodeCheckpoint(
        { isClean, cut, leaderEpoch, nextTopicRef, journalKey },
        describeTopics(state),
      );
      await state.options.fileSystem.writeFileAtomic(
        `${state.options.directory}/${CHECKPOINT_FILE}`,
        bytes,
      );
    } catch (error) {
      for (const log of logs) if (!log.isDeleted) state.markDirty(log);
      throw error;
    }
    for (const segment of finished) segment.isCheckpointed = true;
    for (const log of logs) {
      if (!log.isDeleted && log.segments.length > 0 && log.active.isPadded) state.markDirty(log);
    }
    state.onSegmentsWritten();
    this.#trouble.end();
    this.#lastCutLsn = cut.lsn;
    journal.release(cut, bytesBefore);
    if (isClean) await writeKafkaCheckpoints(state);
    state.probe.checkpointed(logs.length, clock.monotonic() - startMs);
  }

  /**
   * Writes all before it flushes the first: a flush of one file makes a file system commit what it noted of all others, whose own flushes then are
   * quick. Adds the segments that are described as finished to `finished`.
   */
  async #writeAll(logs: readonly PartitionLog[], kind: Kind, finished: Segment[]): Promise<void> {
    await this.#each(logs, kind, (log) => this.#writer.write(log));
    await this.#each(logs, kind, (log) => this.#flushLog(log, kind, finished));
  }

  async #each(
    logs: readonly PartitionLog[],
    kind: Kind,
    task: (log: PartitionLog) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    const work = async () => {
      while (next < logs.length) {
        const log = logs[next++]!;
        if (log.isDeleted) continue;
        try {
          await task(log);
        } catch (error) {
          // Deleted meanwhile: its files went from under the write.
          if (!log.isDeleted) throw error;
        }
      }
    };
    const workers: Promise<void>[] = [];
    const count = kind === "clean" ? CONCURRENT_PARTITIONS_AT_STOP : CONCURRENT_PARTITIONS;
    for (let i = 0; i < count; i++) workers.push(work());
    const outcomes = await Promise.allSettled(workers);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #flushLog(log: PartitionLog, kind: Kind, finished: Segment[]): Promise<void> {
    const writer = this.#writer;
    if (log.segments.length === 0) {
      log.checkpointBytes = encodePartition(log);
      return;
    }
    await writer.exclusively(log, async () => {
      // While this waited for other writes; the folder is about to leave its name.
      if (log.isDeleted) return;
      await writer.finishRolled(log);
      await this.#aborted.persist(log);
      const { active } = log;
      if (kind === "clean") {
        active.addTimeEntry();
        await writer.finish(log, active);
        await this.#writeCleanFiles(log);
      } else {
        if (kind === "tidy") await writer.cutPadding(log, active);
        await writer.writeIndexes(log, active);
      }
      if (
        log.epochs.latest !== log.writtenEpoch &&
        log.epochs.entries.at(-1)! < log.writtenOffset
      ) {
        await this.#files.writeLeaderEpochs(log);
        log.writtenEpoch = log.epochs.latest;
      }
      // Described before anybody writes again: what is written later is not flushed yet, and replay would skip it.
      await writer.sync(log);
      log.checkpointBytes = encodePartition(log);
      for (const segment of log.segments) {
        if (segment.isFinished && !segment.isCheckpointed) finished.push(segment);
      }
    });
  }

  async #writeCleanFiles(log: PartitionLog): Promise<void> {
    const { producers } = log;
    if (producers === null || producers.size === 0 || log.snapshotOffset === log.logEnd) return;
    await this.#files.writeSnapshot(
      log,
      log.logEnd,
      encodeSnapshot(producers.entries(), log.logEnd),
    );
    log.snapshotOffset = log.logEnd;
  }
}

/** All topics the journal or the segments know, with each partition as it was last written. */
function describeTopics(state: EngineState): CheckpointTopic[] {
  const topics: CheckpointTopic[] = [];
  for (const topic of state.allTopics()) {
    const partitions = [...describePartitions(state, topic)];
    if (partitions.length > 0 || topic.isAnnounced) {
      topics.push({ ref: topic.ref, topicId: topic.id, name: topic.name, partitions });
    }
  }
  return topics;
}

function* describePartitions(state: EngineState, topic: Topic): Iterable<Buffer> {
  yield* state.recovered.bytesOf(topic.id);
  for (const log of topic.logs) {
    if (log !== undefined && log.checkpointBytes !== null) yield log.checkpointBytes;
  }
}
