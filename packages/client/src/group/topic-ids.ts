/** Partitions by topic id, as the heartbeat protocols name them, and back to names. */
import type { Metadata } from "../transport/metadata.ts";
import type { PartitionsByTopic } from "./subscription.ts";

/** Partition numbers by topic id, ascending. */
export type PartitionsByTopicId = ReadonlyMap<string, readonly number[]>;

export interface TopicIdPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export function byTopicId(listed: readonly TopicIdPartitions[]): PartitionsByTopicId {
  return new Map(
    listed
      .filter(({ partitions }) => partitions.length > 0)
      .map(({ topicId, partitions }) => [topicId, [...partitions].sort((a, b) => a - b)]),
  );
}

export function listByTopicId(partitions: PartitionsByTopicId): TopicIdPartitions[] {
  return [...partitions].map(([topicId, numbers]) => ({ topicId, partitions: numbers }));
}

/** The same by name. Ids whose name is not known are left out. */
export function toNames(partitions: PartitionsByTopicId, metadata: Metadata): PartitionsByTopic {
  const byName = new Map<string, readonly number[]>();
  for (const [topicId, numbers] of partitions) {
    const name = metadata.nameOf(topicId);
    if (name !== null) byName.set(name, [...(byName.get(name) ?? []), ...numbers]);
  }
  return byName;
}

/** The ids whose name is not known yet. */
export function unknownIds(partitions: PartitionsByTopicId, metadata: Metadata): string[] {
  return [...partitions.keys()].filter((topicId) => metadata.nameOf(topicId) === null);
}
