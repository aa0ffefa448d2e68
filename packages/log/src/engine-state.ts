/** What the parts of an engine share. Each part is handed this and changes only what its own file says. */
import type { Clock, Random } from "@ottla/platform";
import type { AppendContext } from "./appender.ts";
import type { TopicLog } from "./engine.ts";
import type { Journal } from "./journal.ts";
import type { ResolvedOptions } from "./options.ts";
import { PartitionLog, Topic } from "./partition-log.ts";
import type { LogProbe } from "./probe.ts";
import type { RecoveredTopics } from "./recovered-topics.ts";
import type { TailMemory } from "./tail-memory.ts";
import { ReadWaiters } from "./waiters.ts";

export class EngineState implements AppendContext {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: LogProbe;
  readonly replicas: number;
  readonly waiters = new ReadWaiters();
  readonly topics = new Map<string, Topic>();
  /** Topics known from the last run that nobody has opened yet. */
  readonly recovered: RecoveredTopics;
  /** Partitions that changed since the last checkpoint. */
  readonly dirtyLogs = new Set<PartitionLog>();
  leaderEpoch = 0;
  /** Next reference for a topic in the journal; never reused. */
  nextTopicRef = 1;
  isClosed = false;
  /** Both are set while the engine opens. */
  journal!: Journal;
  tail!: TailMemory;

  constructor(options: ResolvedOptions, recovered: RecoveredTopics) {
    this.options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.probe = options.probe;
    this.replicas = options.replicas;
    this.recovered = recovered;
  }

  findTopic(topicId: string): Topic | null {
    return this.topics.get(topicId) ?? null;
  }

  findLog(topic: Topic, partition: number): PartitionLog | null {
    return topic.logs[partition] ?? this.#makeLog(topic, partition);
  }

  openTopic(opened: TopicLog): Topic {
    const existing = this.topics.get(opened.topicId);
    if (existing !== undefined) {
      existing.partitions = Math.max(existing.partitions, opened.partitions);
      existing.config = opened.config;
      return existing;
    }
    const ref = this.recovered.refOf(opened.topicId) ?? this.nextTopicRef++;
    const topic = new Topic(opened.topicId, opened.name, ref, opened.partitions, opened.config);
    this.topics.set(opened.topicId, topic);
    this.recovered.attach(topic);
    return topic;
  }

  markDirty(log: PartitionLog): void {
    if (log.isDirty) return;
    log.isDirty = true;
    this.dirtyLogs.add(log);
  }

  /** Every partition that has been used or recovered, made when it has to be. */
  *allLogs(): Iterable<PartitionLog> {
    for (const topic of this.topics.values()) {
      this.recovered.materialise(topic);
      for (const log of topic.logs) {
        if (log !== undefined) yield log;
      }
    }
  }

  #makeLog(topic: Topic, partition: number): PartitionLog | null {
    if (!Number.isInteger(partition) || partition < 0 || partition >= topic.partitions) return null;
    const log = this.recovered.take(topic, partition) ?? new PartitionLog(topic, partition);
    log.epochs.assign(this.leaderEpoch, log.logEnd);
    topic.logs[partition] = log;
    return log;
  }
}
