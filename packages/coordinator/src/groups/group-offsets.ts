/**
 * The committed offsets of one group, by topic and partition: hard state, changed by replay alone. What a commit says is seen
 * when it is durable, not before; a reader that wants to see commits on their way waits for them first (`requireStable`).
 *
 * Offsets of open transactions are kept in pending-offsets.ts, from where the end of the transaction moves them over.
 */
import type { CommittedOffset } from "./records/offset-commit.ts";

/** A committed offset and the place of its record among those of the shard: what was written later is the newer. */
export interface StoredOffset extends CommittedOffset {
  readonly logPosition: number;
}

export function storedOffset(offset: CommittedOffset, logPosition: number): StoredOffset {
  return {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestampMs: offset.commitTimestampMs,
    expireTimestampMs: offset.expireTimestampMs,
    topicId: offset.topicId,
    logPosition,
  };
}

export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, StoredOffset>>();
  #count = 0;

  /** How many partitions have an offset. */
  get count(): number {
    return this.#count;
  }

  get(topic: string, partition: number): StoredOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  /** The offsets of a topic by partition; undefined when there are none. */
  topic(name: string): ReadonlyMap<number, StoredOffset> | undefined {
    return this.#topics.get(name);
  }

  topics(): MapIterator<[string, ReadonlyMap<number, StoredOffset>]> {
    return this.#topics.entries();
  }

  set(topic: string, partition: number, offset: StoredOffset): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    const sizeBefore = partitions.size;
    partitions.set(partition, offset);
    this.#count += partitions.size - sizeBefore;
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions?.delete(partition) !== true) return;
    this.#count--;
    if (partitions.size === 0) this.#topics.delete(topic);
  }
}
