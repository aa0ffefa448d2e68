/**
 * The partitions of the last run, kept as the bytes in which the checkpoint describes them until somebody uses them: opening
 * an engine with ten thousand partitions makes no ten thousand objects.
 */
import { type CheckpointTopic, decodePartition, partitionOf } from "./checkpoint-format.ts";
import { PartitionLog, type Topic } from "./partition-log.ts";

export class RecoveredTopics {
  /** Per topic id, what is left of the checkpoint. */
  readonly #topics = new Map<string, { ref: number; partitions: Map<number, Buffer> }>();
  readonly #drawJitter: (topic: Topic) => number;

  constructor(drawJitter: (topic: Topic) => number) {
    this.#drawJitter = drawJitter;
  }

  add(topic: CheckpointTopic): void {
    const partitions = new Map<number, Buffer>();
    for (const bytes of topic.partitions) partitions.set(partitionOf(bytes), bytes);
    this.#topics.set(topic.topicId, { ref: topic.ref, partitions });
  }

  /** Makes the partition as it was, once; null when the last run did not know it. */
  take(topic: Topic, partition: number): PartitionLog | null {
    const partitions = this.#topics.get(topic.id)?.partitions;
    const bytes = partitions?.get(partition);
    if (partitions === undefined || bytes === undefined) return null;
    partitions.delete(partition);
    const log = new PartitionLog(topic, partition);
    decodePartition(bytes, log, () => this.#drawJitter(topic));
    return log;
  }

  /** A copy of the partition as it was, to look at and throw away. */
  peek(topic: Topic, partition: number): PartitionLog | null {
    const bytes = this.#topics.get(topic.id)?.partitions.get(partition);
    if (bytes === undefined) return null;
    const log = new PartitionLog(topic, partition);
    decodePartition(bytes, log, () => 0);
    return log;
  }

  /** Numbers of the partitions not taken yet. */
  partitionsOf(topicId: string): readonly number[] {
    const partitions = this.#topics.get(topicId)?.partitions;
    return partitions === undefined ? [] : [...partitions.keys()];
  }

  /** How the checkpoint described the partitions not taken yet. */
  bytesOf(topicId: string): Iterable<Buffer> {
    return this.#topics.get(topicId)?.partitions.values() ?? [];
  }

  remove(topicId: string): void {
    this.#topics.delete(topicId);
  }
}
