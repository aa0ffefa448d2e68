/** Where share groups read from (KIP-932, KIP-1226): the first offset of each partition that is not done with. */
import {
  alterShareGroupOffsets as alterApi,
  deleteShareGroupOffsets as deleteApi,
  describeShareGroupOffsets as describeApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { byTopic, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

export interface ShareGroupOffset extends TopicPartition, ItemResult {
  /** −1 while the group has not begun with the partition. */
  readonly startOffset: number;
  readonly leaderEpoch: number;
  /** Records not done with; −1 where the broker does not say. */
  readonly lag: number;
}

/** Of `partitions`, or of all that the group reads. */
export async function describeShareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  options: CallOptions,
): Promise<readonly ShareGroupOffset[]> {
  const subject = `share group ${groupId}`;
  const topics =
    partitions === null
      ? null
      : [...byTopic(partitions)].map(([topicName, items]) => ({
          topicName,
          partitions: items.map(({ partition }) => partition),
        }));
  const { groups } = await cluster.callCoordinator(
    "group",
    groupId,
    describeApi,
    { groups: [{ groupId, topics }] },
    ({ groups: answers }) =>
      throwIfError(answers[0]?.errorCode ?? -1, subject, answers[0]?.errorMessage),
    options,
  );
  return groups[0]!.topics.flatMap(({ topicName, partitions: answers }) =>
    answers.map((each) => ({
      topic: topicName,
      partition: each.partitionIndex,
      startOffset: each.startOffset,
      leaderEpoch: each.leaderEpoch,
      lag: each.lag,
      error: errorOf(each.errorCode, subject, each.errorMessage),
    })),
  );
}

export interface ShareGroupStart extends TopicPartition {
  readonly offset: number;
}

export interface AlteredShareOffset extends TopicPartition, ItemResult {}

/** Sets where a group without members goes on. */
export async function alterShareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly ShareGroupStart[],
  options: CallOptions,
): Promise<readonly AlteredShareOffset[]> {
  const subject = `share group ${groupId}`;
  const { responses } = await cluster.callCoordinator(
    "group",
    groupId,
    alterApi,
    {
      groupId,
      topics: [...byTopic(offsets)].map(([topicName, items]) => ({
        topicName,
        partitions: items.map(({ partition, offset }) => ({
          partitionIndex: partition,
          startOffset: offset,
        })),
      })),
    },
    ({ errorCode, errorMessage }) => throwIfError(errorCode, subject, errorMessage),
    options,
  );
  return responses.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, errorMessage }) => ({
      topic: topicName,
      partition: partitionIndex,
      error: errorOf(errorCode, `${topicName}[${partitionIndex}] of ${subject}`, errorMessage),
    })),
  );
}

export interface DeletedShareOffsets extends ItemResult {
  readonly topic: string;
}

/** Forgets how far a group without members has read topics. */
export async function deleteShareGroupOffsets(
  cluster: Cluster,
  groupId: string,
  topics: readonly string[],
  options: CallOptions,
): Promise<readonly DeletedShareOffsets[]> {
  const subject = `share group ${groupId}`;
  const { responses } = await cluster.callCoordinator(
    "group",
    groupId,
    deleteApi,
    { groupId, topics: topics.map((topicName) => ({ topicName })) },
    ({ errorCode, errorMessage }) => throwIfError(errorCode, subject, errorMessage),
    options,
  );
  return responses.map(({ topicName, errorCode, errorMessage }) => ({
    topic: topicName,
    error: errorOf(errorCode, `${topicName} of ${subject}`, errorMessage),
  }));
}
