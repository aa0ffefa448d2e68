/**
 * The engine for one machine. All partitions stand behind one commit journal (journal.ts), which makes appends durable; their segments, in
 * Kafka's format, are written behind it (segment-writer.ts) and a checkpoint (checkpointer.ts) then frees the journal. Reads are served from memory
 * as far as it reaches back (tail-memory.ts), from segments before that (segment-reader.ts). Start-up: recovery.ts.
 *
 * Flush policy (LG17): an append is answered when its group is on stable storage, whatever its acks; the high watermark is the
 * durable end of a partition (LG10). With `relaxedAcks` the group is only handed to the operating system. When the journal cannot be
 * written, appends are answered `storage`, everything above the high watermarks is taken back, reads go on, and after a second the
 * next append tries again. When segments cannot be written, the journal holds what they lack until it is full; then appends
 * wait for a checkpoint to succeed.
 */
import { dirname } from "node:path";
import type { Later } from "@ottla/platform";
import { AbortedTransactions } from "./aborted-transactions.ts";
import { Appender } from "./appender.ts";
import { Checkpointer } from "./checkpointer.ts";
import { LogCleaner } from "./compaction/cleaner.ts";
import { SegmentSwap } from "./compaction/segment-swap.ts";
import type {
  AppendRequest,
  AppendResult,
  DeleteRecordsRequest,
  DeleteRecordsResult,
  EpochAnswer,
  EpochQuery,
  LogConfig,
  LogEngine,
  OffsetAnswer,
  OffsetQuery,
  PartitionDescription,
  ProducerDescription,
  ReadRequest,
  ReadResult,
  TopicLog,
} from "./engine.ts";
import { EngineState } from "./engine-state.ts";
import type { JournalFailed } from "./errors.ts";
import { Journal } from "./journal.ts";
import { flushJournalFiles } from "./journal-files.ts";
import { encodeStartEntry } from "./journal-format.ts";
import type { Group } from "./journal-group.ts";
import { OffsetLookup } from "./offset-lookup.ts";
import { defaultOptions, type LocalLogOptions, type ResolvedOptions } from "./options.ts";
import { PartitionFiles } from "./partition-files.ts";
import type { Topic } from "./partition-log.ts";
import { noProbe } from "./probe.ts";
import { describeProducers } from "./producer-state.ts";
import { epochError, Reader } from "./reader.ts";
import { type Recovered, Recovery } from "./recovery.ts";
import { Retention } from "./retention.ts";
import { Schedule } from "./schedule.ts";
import { SegmentReader } from "./segment-reader.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { TailMemory } from "./tail-memory.ts";
import { TopicRemover } from "./topic-remover.ts";

const JOURNAL_DIRECTORY = "commit-journal";
/** A checkpoint flushes every partition that was written, so with many of them it waits until the journal holds this much for each. */
const CHECKPOINT_BYTES_PER_PARTITION = 524_288;

export class LocalLogEngine implements LogEngine {
  readonly #state: EngineState;
  readonly #writer: SegmentWriter;
  readonly #segments: SegmentReader;
  readonly #checkpointer: Checkpointer;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #lookup: OffsetLookup;
  readonly #retention: Retention;
  readonly #remover: TopicRemover;
  readonly #swap: SegmentSwap;
  readonly #cleaner: LogCleaner;
  readonly #checkpoints: Schedule;
  readonly #maintenance: Schedule;
  /** Before, segments may stand for files that a later entry of the journal removes: nothing is written to them in the background. */
  #hasReplayed = false;
  #closing: Promise<void> | null = null;

  private constructor(options: ResolvedOptions) {
    const state = new EngineState(options);
    const files = new PartitionFiles(options.fileSystem, options.directory, (topicId) =>
      state.hasTopic(topicId),
    );
    this.#state = state;
    this.#writer = new SegmentWriter(state, files);
    this.#segments = new SegmentReader(state, files);
    const aborted = new AbortedTransactions(state, files);
    this.#checkpointer = new Checkpointer(state, files, this.#writer, aborted);
    this.#appender = new Appender(state);
    this.#reader = new Reader(state, this.#segments, aborted);
    this.#lookup = new OffsetLookup(state, this.#segments);
    this.#retention = new Retention(state, files, this.#writer, this.#segments);
    this.#remover = new TopicRemover(state, files, this.#writer, this.#segments);
    this.#swap = new SegmentSwap(state, files, this.#writer, this.#segments);
    this.#cleaner = new LogCleaner(state, files, aborted, this.#checkpointer, this.#swap);
    this.#checkpoints = new Schedule(options.clock, options.checkpointIntervalMs, () =>
      this.#checkpointer.request(true),
    );
    this.#maintenance = new Schedule(
      options.clock,
      options.retentionCheckMs,
      () =>
        void this.maintain()
          .catch((error: Error) => state.probe.storageFailed(error))
          .then(() => this.#maintainLater(state.topics.values())),
    );
    state.tail = new TailMemory(
      options.tailBytes,
      state.slabs,
      (log) => this.#hasReplayed && this.#writer.enqueue(log),
    );
    state.onSegmentsWritten = () => {
      state.tail.trim();
      if (!state.tail.isFull || state.segmentTrouble.isLasting) this.#appender.resume();
    };
  }

  /**
   * Opens the engine of a directory, recovering what a crash left.
   * @throws {CorruptLog} when what is on disk contradicts itself.
   */
  static async open(options: LocalLogOptions): Promise<LocalLogEngine> {
    const resolved: ResolvedOptions = { probe: noProbe, ...defaultOptions, ...options };
    const engine = new LocalLogEngine(resolved);
    try {
      await engine.#start();
    } catch (cause) {
      await engine.#abandon();
      throw cause;
    }
    return engine;
  }

  /** Lets go of everything and writes nothing: the start has failed, and the next one finds what this one found. */
  async #abandon(): Promise<void> {
    const state = this.#state;
    state.isClosed = true;
    this.#checkpoints.stop();
    this.#maintenance.stop();
    this.#swap.close();
    this.#remover.close();
    const closing = [this.#checkpointer.close(), state.journal?.abandon()];
    await Promise.allSettled(closing);
    await Promise.allSettled([this.#writer.close(), this.#segments.close()]);
  }

  async #start(): Promise<void> {
    const state = this.#state;
    const { options } = state;
    const journalDirectory = `${options.directory}/${JOURNAL_DIRECTORY}`;
    const recovery = new Recovery(state, journalDirectory, {
      writeSegments: async () => {
        for (const log of state.dirtyLogs) {
          // A failure keeps the batches in memory. The folder or the file may be gone because a later group deletes the topic or moves its
          // log start; else the background writes meet the failure again.
          await this.#writer.write(log).catch(() => {});
        }
        state.tail.trim();
      },
      setAside: (topic) =>
        this.#remover.setAside(topic, async () => {
          if (options.relaxedAcks) await flushJournalFiles(options.fileSystem, journalDirectory);
        }),
    });
    const recovered = await recovery.run();
    // Not before: Apache Kafka does not start on a directory of its own that has a folder of this name.
    await options.fileSystem.makeDirectory(journalDirectory);
    await options.fileSystem.syncDirectory(options.directory);
    await options.fileSystem.syncDirectory(dirname(options.directory));
    this.#hasReplayed = true;
    if (!recovered.isFresh && !recovered.wasClean) state.leaderEpoch++;
    // From here on a missing checkpoint is one that was lost.
    if (recovered.isFresh) await this.#checkpointer.writeFirst();
    // Appends rely on it. Also those that replay has met and left empty, as after a crash amid a batch in parts.
    for (const { logs } of state.allTopics()) {
      for (const log of logs) log?.epochs.assign(state.leaderEpoch, log.logEnd);
    }
    const run = options.random.integer(2 ** 48 - 1);
    await this.#openJournal(journalDirectory, recovered, run);
    // Before the first group, which may ask for a checkpoint: that would describe segments whose files are not there yet.
    await this.#finishFiles(recovered);
    state.journal.addEntry(encodeStartEntry(state.leaderEpoch, run));
    await state.whenDurable();
    state.tail.trim();
    if (state.dirtyLogs.size > 0) this.#checkpoints.start();
    if (!recovered.isFresh) {
      this.#maintenance.start();
      void this.#remover
        .removeLeftovers()
        .catch((error: Error) => state.probe.storageFailed(error));
    }
  }

  /** Removes and moves the files that the last run left behind what the journal says. */
  async #finishFiles({ removed, replacements }: Recovered): Promise<void> {
    for (const { log, segment } of removed) await this.#retention.removeSegment(log, segment);
    for (const replacement of replacements) await this.#swap.recover(replacement);
  }

  async #openJournal(directory: string, recovered: Recovered, run: number): Promise<void> {
    const state = this.#state;
    const { options } = state;
    state.journal = new Journal(
      {
        fileSystem: options.fileSystem,
        directory,
        firstFileBytes: options.journalFirstFileBytes,
        fileBytes: options.journalFileBytes,
        maxBytes: options.journalMaxBytes,
        synchronous: !options.relaxedAcks,
        slabs: state.slabs,
        checkpointBytes: () =>
          Math.max(options.checkpointBytes, state.partitionsInUse * CHECKPOINT_BYTES_PER_PARTITION),
        retryDelayMs: options.retryDelayMs,
        run,
        key: state.journalKey,
        clock: options.clock,
        probe: options.probe,
      },
      {
        durable: (group) => this.#durable(group),
        failed: (groups, error) => this.#failed(groups, error),
        room: () => this.#appender.resume(),
        full: () => this.#checkpointer.request(),
      },
      recovered.lastLsn,
    );
    await state.journal.open(recovered.end, recovered.lastLsns);
    state.journal.countReplayed(recovered.replayedBytes);
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch;
  }

  openTopic(topic: TopicLog): void {
    const opened = this.#state.openTopic(topic);
    this.#maintainLater([opened]);
    if (topic.config.cleanupPolicy.compact) this.#cleaner.noticeTopic();
  }

  alterTopic(topicId: string, change: { partitions?: number; config?: LogConfig }): void {
    const topic = this.#state.findTopic(topicId);
    if (topic === null) return;
    if (change.partitions !== undefined) {
      topic.partitions = Math.max(topic.partitions, change.partitions);
    }
    if (change.config === undefined) return;
    topic.config = change.config;
    this.#maintainLater([topic]);
    if (topic.config.cleanupPolicy.compact) this.#cleaner.noticeTopic();
  }

  deleteTopic(topicId: string): Promise<void> {
    return this.#remover.delete([topicId]);
  }

  removeUnknownTopics(): Promise<void> {
    return this.#remover.delete([...this.#state.recoveredTopics.keys()]);
  }

  append(request: AppendRequest): Later<readonly AppendResult[]> {
    return this.#appender.append(request);
  }

  read(request: ReadRequest): Promise<readonly ReadResult[]> {
    return this.#reader.read(request);
  }

  listOffsets(queries: readonly OffsetQuery[]): Promise<readonly OffsetAnswer[]> {
    return this.#lookup.list(queries);
  }

  async endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]> {
    return queries.map((query) => this.#endOffset(query));
  }

  async deleteRecords(
    requests: readonly DeleteRecordsRequest[],
  ): Promise<readonly DeleteRecordsResult[]> {
    const results = await this.#retention.deleteRecords(requests);
    const topics = requests.map(({ topicId }) => this.#state.findTopic(topicId));
    this.#maintainLater(topics.filter((topic) => topic !== null));
    return results;
  }

  describe(topicId: string, partition: number): PartitionDescription | null {
    const topic = this.#state.findTopic(topicId);
    const log = topic === null ? null : this.#state.findLog(topic, partition);
    if (log === null) return null;
    return {
      logStartOffset: log.logStart,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logEndOffset: log.logEnd,
      sizeBytes: log.sizeBytes,
      segments: log.segments.length,
    };
  }

  describeProducers(topicId: string, partition: number): readonly ProducerDescription[] | null {
    const topic = this.#state.findTopic(topicId);
    const log = topic === null ? null : this.#state.findLog(topic, partition);
    if (log === null) return null;
    return log.producers === null ? [] : describeProducers(log.producers);
  }

  capacity(): Promise<{ readonly totalBytes: number; readonly usableBytes: number }> {
    return this.#state.options.fileSystem.capacity(this.#state.options.directory);
  }

  async maintain(): Promise<void> {
    await this.#retention.maintain();
    await this.#cleaner.runOverAll();
  }

  /** An engine in which nothing waits to become old has no timer for that. */
  #maintainLater(topics: Iterable<Topic>): void {
    if (this.#retention.waitsForTime(topics)) this.#maintenance.start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const state = this.#state;
    // What was asked for before the close is no worse off than if it had come a moment earlier.
    this.#appender.hurry();
    this.#appender.resume();
    state.isClosed = true;
    this.#checkpoints.stop();
    this.#maintenance.stop();
    this.#swap.close();
    this.#remover.close();
    state.waiters.finishAll("closed");
    this.#appender.resume();
    try {
      if (state.journal.isWaiting) this.#checkpointer.request();
      await state.journal.drain();
      await this.#cleaner.close();
      await state.journal.blankFailed();
      for (const log of state.usedLogs()) state.markDirty(log);
      await this.#checkpointer.run(true);
    } catch (error) {
      // Whatever could not be written is in the journal, and the next start takes it from there.
      state.probe.storageFailed(error as Error);
    }
    await state.journal.close();
    await this.#checkpointer.close();
    await this.#writer.close();
    await this.#segments.close();
  }

  #endOffset(query: EpochQuery): EpochAnswer {
    const state = this.#state;
    const topic = state.findTopic(query.topicId);
    if (topic === null) return { error: "unknownTopic", leaderEpoch: -1, endOffset: -1 };
    const log = state.findLog(topic, query.partition);
    if (log === null) return { error: "unknownPartition", leaderEpoch: -1, endOffset: -1 };
    const error = epochError(query.currentLeaderEpoch, state.leaderEpoch);
    if (error !== null) return { error, leaderEpoch: -1, endOffset: -1 };
    const end = log.epochs.endOf(query.leaderEpoch, log.highWatermark);
    return { error: null, leaderEpoch: end.epoch, endOffset: end.endOffset };
  }

  /** The group is on stable storage: high watermarks move and readers wake. */
  #durable(group: Group): void {
    const state = this.#state;
    const { waiters, probe, tail, options } = state;
    let topic: Topic | null = null;
    let topicBytes = 0;
    let topicRecords = 0;
    for (let i = 0; i < group.touched.length; i++) {
      const log = group.touched[i]!;
      if (log.isDeleted) continue;
      const from = log.highWatermark;
      const stableFrom = log.lastStableOffset;
      const end = group.ends[i]!;
      const bytes = group.bytes[i]!;
      log.advance(end, bytes);
      const stableEnd = log.lastStableOffset;
      const isStable = stableFrom === from && stableEnd === end;
      if (log.topic !== topic) {
        if (topic !== null) probe.appended(topic.name, topicBytes, topicRecords);
        topic = log.topic;
        topicBytes = 0;
        topicRecords = 0;
      }
      topicBytes += bytes;
      topicRecords += end - from;
      state.markDirty(log);
      waiters.gained(log, bytes, isStable ? bytes : log.bytesBetween(stableFrom, stableEnd));
      if (log.topic.config.cleanupPolicy.compact) this.#cleaner.notice();
      if (log.unwrittenBytes >= options.segmentWriteBytes) this.#writer.enqueue(log);
    }
    if (topic !== null) probe.appended(topic.name, topicBytes, topicRecords);
    // Also for a group without batches, which may have been the last of its slab.
    tail.fit(state.partitionsInUse);
    tail.trim();
    if (group.touched.length > 0) {
      this.#checkpoints.start();
      this.#maintenance.start();
      waiters.flush();
    }
    if (this.#appender.waiting > 0 && !tail.isFull) this.#appender.resume();
  }

  /** Everything above what is durable is taken back. */
  #failed(groups: readonly Group[], error: JournalFailed): void {
    const { tail, topics, leaderEpoch } = this.#state;
    for (const group of groups) {
      for (const log of group.touched) {
        if (log.isDeleted) continue;
        tail.forget(log.rollBack());
        log.epochs.assign(leaderEpoch, log.logEnd);
      }
    }
    // What was announced in a failed group is not known to the journal.
    for (const topic of topics.values()) topic.isAnnounced = false;
    tail.sweep();
    tail.trim();
    this.#appender.failStaged(error);
  }
}
