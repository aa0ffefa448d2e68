/** Groups as commands want them: who is in them, what they have committed, how far behind that is. */
import type { Client, GroupDescription, TopicPartition } from "@ottla/client";
import { didYouMean } from "../command-line/suggest.ts";
import { CommandFailure } from "../errors.ts";
import { PartitionMap } from "./partitions.ts";

/** State and members; an unknown group has state `Dead`. */
export async function describeGroup(client: Client, groupId: string): Promise<GroupDescription> {
  const [group] = await client.admin.describeGroups([groupId]);
  const { error } = group!;
  if (error === null) return group!;
  if (error.error !== "GROUP_ID_NOT_FOUND") throw error;
  const listed = (await client.admin.listGroups()).find((each) => each.groupId === groupId);
  if (listed === undefined || listed.type === "classic") return { ...group!, error: null };
  throw new CommandFailure(
    `group "${groupId}" follows the "${listed.type}" protocol, which this command cannot describe yet`,
    { hints: ["Kafka's own kafka-consumer-groups can."] },
  );
}

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
