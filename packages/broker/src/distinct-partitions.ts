/**
 * Requests that name a partition twice. Kafka keeps them by partition, so the last one counts, in the place of the first, and each
 * partition is answered once.
 *
 * Hardly any request does; one whose partitions ascend within each topic, from any of them on, is passed on as it is without a look-up.
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
  for (let i = 0; i < topics.length; i++) {
    const partitions = shape.partitions(topics[i]!);
    if (partitions.length < 2 || isAscending(partitions, shape.index)) continue;
    if (new Set(partitions.map(shape.index)).size < partitions.length) return false;
  }
  return true;
}

/** Whether they ascend, but perhaps for one place where they start over below the first: producers take partitions in turn. */
function isAscending<P>(partitions: readonly P[], index: (partition: P) => number): boolean {
  let limit = Number.POSITIVE_INFINITY;
  for (let place = 1; place < partitions.length; place++) {
    const at = index(partitions[place]!);
    if (index(partitions[place - 1]!) >= at) {
      if (limit !== Number.POSITIVE_INFINITY) return false;
      limit = index(partitions[0]!);
    }
    if (at >= limit) return false;
  }
  return true;
}
