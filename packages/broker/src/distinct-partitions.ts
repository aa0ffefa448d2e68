/**
 * Requests that name a partition twice. Kafka keeps them by partition, so the last one counts, in the place of the first, and each
 * partition is answered once.
 *
 * Hardly any request does; one whose partitions ascend within each topic is passed on as it is without a look-up.
 */

/** How a request spells its topics. */
export interface TopicShape<T, P> {
  topicKey(topic: T): string;
  partitions(topic: T): readonly P[];
  index(partition: P): number;
  withPartitions(topic: T, partitions: P[]): T;
}

/** The topics with each topic, and each partition in it, once. */
export function distinctPartitions<T, P>(
  topics: readonly T[],
  shape: TopicShape<T, P>,
): readonly T[] {
  if (isDistinct(topics, shape)) return topics;
  const byTopic = new Map<string, { topic: T; partitions: Map<number, P> }>();
  for (const topic of topics) {
    const key = shape.topicKey(topic);
    let entry = byTopic.get(key);
    if (entry === undefined) {
      entry = { topic, partitions: new Map() };
      byTopic.set(key, entry);
    }
    for (const partition of shape.partitions(topic)) {
      entry.partitions.set(shape.index(partition), partition);
    }
  }
  return Array.from(byTopic.values(), ({ topic, partitions }) =>
    shape.withPartitions(topic, [...partitions.values()]),
  );
}

function isDistinct<T, P>(topics: readonly T[], shape: TopicShape<T, P>): boolean {
  if (topics.length > 1 && new Set(topics.map(shape.topicKey)).size < topics.length) return false;
  return topics.every((topic) => {
    const partitions = shape.partitions(topic);
    for (let place = 1; place < partitions.length; place++) {
      if (shape.index(partitions[place - 1]!) >= shape.index(partitions[place]!)) {
        return new Set(partitions.map(shape.index)).size === partitions.length;
      }
    }
    return true;
  });
}
