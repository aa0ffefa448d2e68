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

  /** Whether any open transaction has offsets of this group. */
  hasGroup(groupId: string): boolean {
    return this.#producersOf.has(groupId);
  }

  /** Whether any open transaction has an offset of this partition. */
  has(groupId: string, topic: string, partition: number): boolean {
    for (const producerId of this.#producersOf.get(groupId) ?? NO_PRODUCERS) {
      if (this.#offsets(producerId, groupId).get(topic, partition) !== undefined) return true;
    }
    return false;
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
    offsets.set(topic, partition, offset);
  }

  /** Drops what is pending for a partition, whoever wrote it. */
  delete(groupId: string, topic: string, partition: number): void {
    for (const producerId of [...(this.#producersOf.get(groupId) ?? NO_PRODUCERS)]) {
      const offsets = this.#offsets(producerId, groupId);
      offsets.delete(topic, partition);
      if (offsets.count === 0) this.#forget(producerId, groupId);
    }
  }

  /** Takes out what a producer has pending, by group. */
  take(producerId: number): ReadonlyMap<string, GroupOffsets> {
    const groups = this.#byProducer.get(producerId);
    if (groups === undefined) return NO_GROUPS;
    const taken = new Map(groups);
    for (const groupId of taken.keys()) this.#forget(producerId, groupId);
    return taken;
  }

  clear(): void {
    this.#byProducer.clear();
    this.#producersOf.clear();
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
