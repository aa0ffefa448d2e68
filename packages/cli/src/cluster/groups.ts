/** What commands ask about groups of any type: what they have committed, how far behind that is. */
import type { Client, TopicPartition } from "@ottla/client";
import { didYouMean } from "../command-line/suggest.ts";
import { CommandFailure } from "../errors.ts";
import { PartitionMap } from "./partitions.ts";

export async function missingGroup(client: Client, groupId: string): Promise<CommandFailure> {
  const ids = (await client.admin.listGroups()).map((group) => group.groupId);
  const suggestions = didYouMean(groupId, ids);
  return new CommandFailure(`there is no group "${groupId}"`, {
    hints: suggestions.length > 0 ? suggestions : ['"group list" shows the groups there are.'],
  });
}

/** First and end offsets; partitions that are gone have none. */
export interface Bounds {
  readonly start: number;
  readonly end: number;
}

export async function boundsOf(
  { admin }: Client,
  partitions: readonly TopicPartition[],
): Promise<PartitionMap<Bounds>> {
  const listed = await admin.listOffsets(
    partitions.flatMap(({ topic, partition }) => [
      { topic, partition, at: "earliest" as const },
      { topic, partition, at: "latest" as const },
    ]),
  );
  const bounds = new PartitionMap<Bounds>();
  for (const [index, partition] of partitions.entries()) {
    const start = listed[2 * index]!;
    const end = listed[2 * index + 1]!;
    if (start.error !== null || end.error !== null) continue;
    bounds.set(partition, { start: start.offset, end: end.offset });
  }
  return bounds;
}

/** The committed offsets of a group. */
export async function committedOffsets(
  { admin }: Client,
  groupId: string,
): Promise<readonly (TopicPartition & { readonly offset: number })[]> {
  const fetched = await admin.fetchGroupOffsets(groupId);
  for (const { error } of fetched) if (error !== null) throw error;
  return fetched
    .filter(({ offset }) => offset >= 0)
    .map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}

/** By topic, then partition. */
export function inOrder(a: TopicPartition, b: TopicPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}
