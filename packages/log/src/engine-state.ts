/** What the parts of an engine share. Each part is handed this and changes only what its own file says. */
import type { Clock, Random } from "@ottla/platform";
import type { AppendContext } from "./appender.ts";
import { Arena } from "./arena.ts";
import type { TopicLog } from "./engine.ts";
import type { Journal } from "./journal.ts";
import { alignUp } from "./journal-format.ts";
import type { ResolvedOptions } from "./options.ts";
import { PartitionLog, Topic } from "./partition-log.ts";
import type { LogProbe } from "./probe.ts";
import { ReadMemory } from "./read-memory.ts";
import { RecoveredTopics } from "./recovered-topics.ts";
import { drawJitter } from "./segment-roll.ts";
import { Slabs } from "./slabs.ts";
import { StagingMemory } from "./staging-memory.ts";
import { mostTailBytes, type TailMemory } from "./tail-memory.ts";
import { Trouble } from "./trouble.ts";
import { ReadWaiters } from "./waiters.ts";

/** Beside those that the tail may fill: one that is being filled, one that is being written, and some that readers hold. */
const SPARE_SLABS = 4;

export class EngineState implements AppendContext {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: LogProbe;
  readonly replicas: number;
  readonly waiters = new ReadWaiters();
  readonly arena: Arena;
  readonly staging: StagingMemory;
  readonly slabs: Slabs;
  readonly readMemory: ReadMemory;
  readonly topics = new Map<string, Topic>();
  /** Topics known from the last run that nobody has opened yet. */
  readonly recoveredTopics = new Map<string, Topic>();
  /** Topics that nobody may use any more while the journal does not say so yet: checkpoints go on with them. */
  readonly deletedTopics = new Set<Topic>();
  /** Partitions known from the last run that nobody has used yet. */
  readonly recovered: RecoveredTopics;
  /** Partitions that changed since the last checkpoint. */
  readonly dirtyLogs = new Set<PartitionLog>();
  /** How many of them there were when the last checkpoint began. */
  busyPartitions = 0;
  leaderEpoch = 0;
  /** Next reference for a topic in the journal; never reused. */
  nextTopicRef = 1;
  /** What all groups of the journal carry from this start on (journal-format.ts). */
  journalKey = 0;
  isClosed = false;
  /** Cleaned segments whose files could not be given their names before the stop: no checkpoint may describe them. */
  hasUnmovedSegment = false;
  /** Both are set while the engine opens. */
  journal!: Journal;
  tail!: TailMemory;
  /** With writing segments, which is what frees memory. */
  readonly segmentTrouble: Trouble;
  /** Set by the engine: memory may be free now, and appends may go on, or have no more to wait for. */
  onSegmentsWritten: () => void = () => {};

  constructor(options: ResolvedOptions) {
    this.options = options;
    const slabBytes = alignUp(options.journalBufferBytes);
    const tailBytes = Math.ceil(mostTailBytes(options.tailBytes) / slabBytes) * slabBytes;
    this.arena = new Arena(
      StagingMemory.sizeBytes + tailBytes + SPARE_SLABS * slabBytes,
      StagingMemory.sizeBytes,
    );
    this.staging = new StagingMemory(this.arena);
    this.slabs = new Slabs(slabBytes, this.arena);
    this.readMemory = new ReadMemory(options.readBytes, this.slabs);
    this.clock = options.clock;
    this.segmentTrouble = new Trouble(options.clock);
    this.random = options.random;
    this.probe = options.probe;
    this.replicas = options.replicas;
    this.recovered = new RecoveredTopics(({ config }) =>
      drawJitter(this.random, config.segmentMs, config.segmentJitterMs),
    );
  }

  findTopic(topicId: string): Topic | null {
    return this.topics.get(topicId) ?? null;
  }

  findLog(topic: Topic, partition: number): PartitionLog | null {
    return topic.logs[partition] ?? this.#makeLog(topic, partition);
  }

  /** Whether the topic is open, only known from the last run, or being deleted. */
  hasTopic(topicId: string): boolean {
    if (this.topics.has(topicId) || this.recoveredTopics.has(topicId)) return true;
    for (const { id } of this.deletedTopics) if (id === topicId) return true;
    return false;
  }

  openTopic(opened: TopicLog): Topic {
    const existing = this.topics.get(opened.topicId);
    if (existing !== undefined) {
      existing.partitions = Math.max(existing.partitions, opened.partitions);
      existing.config = opened.config;
      return existing;
    }
    const topic =
      this.recoveredTopics.get(opened.topicId) ??
      new Topic(opened.topicId, opened.name, this.nextTopicRef++, opened.partitions, opened.config);
    this.recoveredTopics.delete(opened.topicId);
    topic.partitions = opened.partitions;
    topic.config = opened.config;
    this.topics.set(opened.topicId, topic);
    return topic;
  }

  /**
   * Whether an entry of any kind fits the gathering group. It is asked in the turn in which the entry is added:
   * `while (!state.hasRoomForEntry) await state.whenDurable();`
   */
  get hasRoomForEntry(): boolean {
    return this.journal.hasRoom(0);
  }

  /** Resolves once everything staged so far is durable. */
  whenDurable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.journal.wait({ groupEnded: (error) => (error === null ? resolve() : reject(error)) });
    });
  }

  /** About how many partitions are being written. */
  get partitionsInUse(): number {
    return Math.max(this.busyPartitions, this.dirtyLogs.size);
  }

  markDirty(log: PartitionLog): void {
    if (log.isDirty) return;
    log.isDirty = true;
    this.dirtyLogs.add(log);
  }

  /** Every topic: open, only known from the last run, or being deleted. */
  *allTopics(): Iterable<Topic> {
    yield* this.topics.values();
    yield* this.recoveredTopics.values();
    yield* this.deletedTopics;
  }

  /** Every partition that has been used in this run. */
  *usedLogs(): Iterable<PartitionLog> {
    for (const topic of this.allTopics()) {
      for (const log of topic.logs) {
        if (log !== undefined && log.logEnd > 0) yield log;
      }
    }
  }

  #makeLog(topic: Topic, partition: number): PartitionLog | null {
    if (!Number.isInteger(partition) || partition < 0 || partition >= topic.partitions) return null;
    return this.#isNameTaken(topic) ? null : this.makeLog(topic, partition);
  }

  /** Two topics of one name would share their folders, so the later one has no partitions until the deletion of the other is durable. */
  #isNameTaken({ name }: Topic): boolean {
    for (const other of this.deletedTopics) if (other.name === name) return true;
    for (const other of this.recoveredTopics.values()) if (other.name === name) return true;
    return false;
  }

  /** The partition as it was, or an empty one. */
  makeLog(topic: Topic, partition: number): PartitionLog {
    const log = this.recovered.take(topic, partition) ?? new PartitionLog(topic, partition);
    log.epochs.assign(this.leaderEpoch, log.logEnd);
    topic.logs[partition] = log;
    return log;
  }
}
