/** Partitions on the command line: `orders` for all of a topic, `orders:0,2` for some; topics by name or by pattern. */
import type { Client, TopicPartition } from "@ottla/client";
import { InvalidValue, integer, list, type Parse } from "../command-line/value.ts";
import { CommandFailure } from "../errors.ts";
import { topicPattern } from "./topic-pattern.ts";
import { existingTopics } from "./topics.ts";

export interface PartitionSelection {
  /** A name or a pattern. */
  readonly topic: string;
  /** All when null. */
  readonly partitions: readonly number[] | null;
}

export const partitionNumber = integer({ min: 0, max: 0x7fff_ffff });

export const partitionSelection: Parse<PartitionSelection> = (raw) => {
  // A regular expression may have colons of its own.
  const [, topic, partitions] = /^(\/.+\/|[^:]+)(?::([^:]+))?$/.exec(raw) ?? [];
  if (topic === undefined) {
    throw new InvalidValue(`takes TOPIC or TOPIC:PARTITION,PARTITION, not "${raw}"`);
  }
  topicPattern(topic);
  return { topic, partitions: partitions === undefined ? null : list(partitionNumber)(partitions) };
};

/** The partitions meant, in order. @throws {CommandFailure} for topics and partitions that do not exist */
export async function selectedPartitions(
  client: Client,
  selections: readonly PartitionSelection[],
): Promise<readonly TopicPartition[]> {
  const topics = await existingTopics(
    client,
    selections.map(({ topic }) => topic),
  );
  return topics.flatMap(({ name, partitions }) => {
    const own = selections.filter(({ topic }) => topicPattern(topic)?.test(name) ?? topic === name);
    const wanted = own.some((each) => each.partitions === null)
      ? partitions.map(({ partition }) => partition)
      : [...new Set(own.flatMap((each) => each.partitions ?? []))].sort((a, b) => a - b);
    for (const partition of wanted) {
      if (partition < partitions.length) continue;
      throw new CommandFailure(
        `topic "${name}" has no partition ${partition}: the last one is ${partitions.length - 1}`,
      );
    }
    return wanted.map((partition) => ({ topic: name, partition }));
  });
}

/** Values by topic and partition. */
export class PartitionMap<V> {
  readonly #topics = new Map<string, V[]>();

  constructor(entries: Iterable<readonly [TopicPartition, V]> = []) {
    for (const [partition, value] of entries) this.set(partition, value);
  }

  get({ topic, partition }: TopicPartition): V | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  set({ topic, partition }: TopicPartition, value: V): void {
    const own = this.#topics.get(topic);
    if (own === undefined) {
      const values: V[] = [];
      values[partition] = value;
      this.#topics.set(topic, values);
    } else own[partition] = value;
  }
}
