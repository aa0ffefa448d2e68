/**
 * The offsets of open transactions in one shard (TX13): kept apart from those of the groups, by producer, until the end of the
 * transaction moves them over or drops them. Hard state, changed by replay alone.
 *
 * A partition of a group may have offsets of several open transactions, and be committed to plainly meanwhile. What was written last
 * counts, wherever the ends of the transactions fall: every offset remembers its place in the log. The end of a transaction does not replace a
 * later commit, and deleting an offset deletes those that are pending too.
 */
import { GroupOffsets, type StoredOffset } from "./group-offsets.ts";

export class PendingOffsets {
  /** By producer and group. */
  readonly #byProducer = new Map<number, Map<string, GroupOffsets>>();
  /** The producers with offsets for a group. */
  readonly #producersOf = new Map<string, Set<number>>();
  /** By group, how many producers have an offset of a partition: nobody is asked one by one. */
  readonly #counts = new Map<string, Map<string, number>>();

  /** Whether any open transaction has offsets of this group. */
  hasGroup(groupId: string): boolean {
    return this.#producersOf.has(groupId);
  }

  /** Whether any open transaction has an offset of this partition. */
  has(groupId: string, topic: string, partition: number): boolean {
    return this.#counts.get(groupId)?.has(keyOf(topic, partition)) === true;
  }

  /** Visits the pending offsets of a group, a partition as often as there are transactions with one. */
  visit(
    groupId: string,
    visit: (topic: string, partition: number, offset: StoredOffset) => void,
  ): void {
    for (const producerId of this.#producersOf.get(groupId) ?? NO_PRODUCERS) {
      for (const [topic, partitions] of this.#offsets(producerId, groupId).topics()) {
        for (const [partition, offset] of partitions) visit(topic, partition, offset);
      }
    }
  }

  add(
    producerId: number,
    groupId: string,
    topic: string,
    partition: number,
    offset: StoredOffset,
  ): void {
    let groups = this.#byProducer.get(producerId);
    if (groups === undefined) {
      groups = new Map();
      this.#byProducer.set(producerId, groups);
    }
    let offsets = groups.get(groupId);
    if (offsets === undefined) {
      offsets = new GroupOffsets();
      groups.set(groupId, offsets);
      const producers = this.#producersOf.get(groupId);
      if (producers === undefined) this.#producersOf.set(groupId, new Set([producerId]));
      else producers.add(producerId);
    }
    if (offsets.get(topic, partition) === undefined) this.#count(groupId, topic, partition, 1);
    offsets.set(topic, partition, offset);
  }

  /** Drops what is pending for a partition, whoever wrote it. */
  delete(groupId: string, topic: string, partition: number): void {
    if (!this.has(groupId, topic, partition)) return;
    for (const producerId of [...(this.#producersOf.get(groupId) ?? NO_PRODUCERS)]) {
      const offsets = this.#offsets(producerId, groupId);
      if (offsets.get(topic, partition) === undefined) continue;
      this.#count(groupId, topic, partition, -1);
      offsets.delete(topic, partition);
      if (offsets.count === 0) this.#forget(producerId, groupId);
    }
  }

  /** Takes out what a producer has pending, by group. */
  take(producerId: number): ReadonlyMap<string, GroupOffsets> {
    const groups = this.#byProducer.get(producerId);
    if (groups === undefined) return NO_GROUPS;
    const taken = new Map(groups);
    for (const [groupId, offsets] of taken) {
      for (const [topic, partitions] of offsets.topics()) {
        for (const partition of partitions.keys()) this.#count(groupId, topic, partition, -1);
      }
      this.#forget(producerId, groupId);
    }
    return taken;
  }

  clear(): void {
    this.#byProducer.clear();
    this.#producersOf.clear();
    this.#counts.clear();
  }

  #count(groupId: string, topic: string, partition: number, change: 1 | -1): void {
    let counts = this.#counts.get(groupId);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(groupId, counts);
    }
    const key = keyOf(topic, partition);
    const count = (counts.get(key) ?? 0) + change;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
    if (counts.size === 0) this.#counts.delete(groupId);
  }

  #offsets(producerId: number, groupId: string): GroupOffsets {
    return this.#byProducer.get(producerId)!.get(groupId)!;
  }

  #forget(producerId: number, groupId: string): void {
    const producers = this.#producersOf.get(groupId)!;
    producers.delete(producerId);
    if (producers.size === 0) this.#producersOf.delete(groupId);
    const groups = this.#byProducer.get(producerId)!;
    groups.delete(groupId);
    if (groups.size === 0) this.#byProducer.delete(producerId);
  }
}

const NO_PRODUCERS: ReadonlySet<number> = new Set();
const NO_GROUPS: ReadonlyMap<string, GroupOffsets> = new Map();

function keyOf(topic: string, partition: number): string {
  return `${partition}:${topic}`;
}
