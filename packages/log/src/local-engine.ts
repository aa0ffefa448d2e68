/**
 * The engine for one machine: all partitions behind one commit journal (journal.ts), their segments in Kafka's format written behind it.
 */
import { Appender } from "./appender.ts";
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
  ReadRequest,
  ReadResult,
  TopicLog,
} from "./engine.ts";
import { EngineState } from "./engine-state.ts";
import { type Group, Journal } from "./journal.ts";
import { encodeDeleteTopicEntry, encodeStartEntry } from "./journal-format.ts";
import { defaultOptions, type LocalLogOptions, type ResolvedOptions } from "./options.ts";
import { noProbe } from "./probe.ts";
import { epochError, Reader } from "./reader.ts";
import { RecoveredTopics } from "./recovered-topics.ts";
import { TailMemory } from "./tail-memory.ts";

export class LocalLogEngine implements LogEngine {
  readonly #state: EngineState;
  readonly #appender: Appender;
  readonly #reader: Reader;

  private constructor(state: EngineState) {
    this.#state = state;
    this.#appender = new Appender(state);
    this.#reader = new Reader(state as never);
  }

  static async open(options: LocalLogOptions): Promise<LocalLogEngine> {
    const resolved: ResolvedOptions = { probe: noProbe, ...defaultOptions, ...options };
    const state = new EngineState(resolved, new RecoveredTopics());
    const engine = new LocalLogEngine(state);
    state.tail = new TailMemory(resolved.tailBytes, () => {});
    const run = resolved.random.integer(2 ** 48 - 1);
    state.journal = new Journal(
      {
        fileSystem: resolved.fileSystem,
        directory: `${resolved.directory}/commit-journal`,
        firstFileBytes: resolved.journalFirstFileBytes,
        fileBytes: resolved.journalFileBytes,
        maxBytes: resolved.journalMaxBytes,
        synchronous: !resolved.relaxedAcks,
        bufferBytes: resolved.journalBufferBytes,
        retryDelayMs: resolved.retryDelayMs,
        run,
        clock: resolved.clock,
        probe: resolved.probe,
      },
      {
        durable: (group) => engine.#durable(group),
        failed: (groups) => engine.#failed(groups),
        room: () => engine.#appender.resume(),
        full: () => {},
      },
      0,
    );
    await state.journal.open(null, new Map());
    state.journal.addEntry(encodeStartEntry(state.leaderEpoch, run));
    await engine.#whenDurable();
    return engine;
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch;
  }

  openTopic(topic: TopicLog): void {
    this.#state.openTopic(topic);
  }

  alterTopic(topicId: string, change: { partitions?: number; config?: LogConfig }): void {
    const topic = this.#state.findTopic(topicId);
    if (topic === null) return;
    if (change.partitions !== undefined) {
      topic.partitions = Math.max(topic.partitions, change.partitions);
    }
    if (change.config !== undefined) topic.config = change.config;
  }

  async deleteTopic(topicId: string): Promise<void> {
    const state = this.#state;
    const topic = state.findTopic(topicId);
    if (topic === null) return;
    state.topics.delete(topicId);
    topic.isDeleted = true;
    for (const log of topic.logs) {
      if (log === undefined) continue;
      log.isDeleted = true;
      state.waiters.changed(log);
      state.tail.drop(log.clear());
      state.dirtyLogs.delete(log);
    }
    if (topic.isAnnounced) {
      state.journal.addEntry(encodeDeleteTopicEntry(topicId));
      await this.#whenDurable();
    }
  }

  async removeUnknownTopics(): Promise<void> {}

  append(request: AppendRequest): Promise<readonly AppendResult[]> {
    return this.#appender.append(request);
  }

  read(request: ReadRequest): Promise<readonly ReadResult[]> {
    return this.#reader.read(request);
  }

  async listOffsets(queries: readonly OffsetQuery[]): Promise<readonly OffsetAnswer[]> {
    const state = this.#state;
    return queries.map((query) => {
      const topic = state.findTopic(query.topicId);
      const log = topic === null ? null : state.findLog(topic, query.partition);
      if (log === null) {
        const error = topic === null ? "unknownTopic" : "unknownPartition";
        return { error, offset: -1, timestampMs: -1, leaderEpoch: -1 } as const;
      }
      const isEarliest = query.timestampMs === -2 || query.timestampMs === -4;
      const end = query.isolation === "committed" ? log.lastStableOffset : log.highWatermark;
      const offset = isEarliest ? log.logStart : end;
      return { error: null, offset, timestampMs: -1, leaderEpoch: state.leaderEpoch };
    });
  }

  async endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]> {
    const state = this.#state;
    return queries.map((query) => {
      const topic = state.findTopic(query.topicId);
      const log = topic === null ? null : state.findLog(topic, query.partition);
      const error =
        topic === null
          ? "unknownTopic"
          : log === null
            ? "unknownPartition"
            : epochError(query.currentLeaderEpoch, state.leaderEpoch);
      if (error !== null) return { error, leaderEpoch: -1, endOffset: -1 };
      const end = log!.epochs.endOf(query.leaderEpoch, log!.highWatermark);
      return { error: null, leaderEpoch: end.epoch, endOffset: end.endOffset };
    });
  }

  async deleteRecords(
    requests: readonly DeleteRecordsRequest[],
  ): Promise<readonly DeleteRecordsResult[]> {
    return requests.map(() => ({ error: "unknownTopic", lowWatermark: -1 }));
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

  capacity(): Promise<{ readonly totalBytes: number; readonly usableBytes: number }> {
    return this.#state.options.fileSystem.capacity(this.#state.options.directory);
  }

  async maintain(): Promise<void> {}

  async close(): Promise<void> {
    const state = this.#state;
    if (state.isClosed) return;
    state.isClosed = true;
    state.waiters.finishAll("closed");
    await state.journal.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The group is on stable storage: high watermarks move and readers wake. */
  #durable(group: Group): void {
    const { waiters, probe } = this.#state;
    for (let i = 0; i < group.touched.length; i++) {
      const log = group.touched[i]!;
      if (log.isDeleted) continue;
      const end = group.ends[i]!;
      let bytes = 0;
      let index = log.indexOf(log.highWatermark);
      for (;;) {
        const batch = log.at(index);
        if (batch === null || batch.baseOffset >= end) break;
        bytes += batch.sizeBytes;
        index++;
      }
      probe.appended(log.topic.name, bytes, end - log.highWatermark);
      log.unwrittenBytes += bytes;
      log.highWatermark = end;
      this.#state.markDirty(log);
      waiters.gained(log, bytes);
    }
    waiters.flush();
  }

  /** Everything above what is durable is taken back. */
  #failed(groups: readonly Group[]): void {
    const { tail, topics, leaderEpoch } = this.#state;
    for (const group of groups) {
      for (const log of group.touched) {
        if (log.isDeleted) continue;
        tail.drop(log.rollBack());
        log.epochs.assign(leaderEpoch, log.logEnd);
      }
    }
    for (const topic of topics.values()) topic.isAnnounced = false;
    this.#appender.failLarge();
  }

  #whenDurable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#state.journal.wait({
        settle: (error) => (error === null ? resolve() : reject(error)),
      });
    });
  }
}
