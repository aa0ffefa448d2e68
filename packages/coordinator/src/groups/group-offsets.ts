/**
 * The committed offsets of one group, by topic and partition: hard state, changed by replay alone. What a commit says is seen
 * when it is durable, not before; a reader that wants to see commits on their way waits for them first (`requireStable`).
 *
 * Offsets of open transactions (TX13) do not belong here: they are a second store beside this one, by producer id, from which the
 * end of the transaction moves them over.
 */
import type { CommittedOffset } from "./records/offset-commit.ts";

export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>();
  #count = 0;

  /** How many partitions have an offset. */
  get count(): number {
    return this.#count;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  /** The offsets of a topic by partition; undefined when there are none. */
  topic(name: string): ReadonlyMap<number, CommittedOffset> | undefined {
    return this.#topics.get(name);
  }

  topics(): MapIterator<[string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#topics.entries();
  }

  set(topic: string, partition: number, offset: CommittedOffset): void {
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
