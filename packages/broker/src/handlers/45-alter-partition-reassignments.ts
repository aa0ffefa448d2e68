/**
 * Places partitions on other brokers (KIP-455). The logical brokers of a process share their logs, so that a reassignment is over when it is
 * answered and there is never one to cancel. v1: the replication factor may be told to stay.
 *
 * Every entry is answered, in its place, also one that is there before; what a request says of a topic is one change.
 */
import type { Topic } from "@ottla/metadata";
import {
  type AlterPartitionReassignmentsRequest,
  alterPartitionReassignments,
  errorCode,
} from "@ottla/protocol";
import { metadataError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import type { TopicService } from "../topic-service.ts";
import { isTurnOver, mapSlices, nextTurn } from "../turns.ts";

type RequestedTopic = AlterPartitionReassignmentsRequest["topics"][number];
type RequestedPartition = RequestedTopic["partitions"][number];

/** Why an entry is refused; null for one that is not. */
type Refusal = { readonly code: number; readonly words: string | null } | null;

const NO_REASSIGNMENT: Refusal = { code: errorCode("NO_REASSIGNMENT_IN_PROGRESS"), words: null };

export const alterPartitionReassignmentsHandler = handler({
  api: alterPartitionReassignments,
  takesTurns: true,

  async handle(context, { topics, allowReplicationFactorChange }) {
    const refusals = new Map<RequestedPartition, Refusal>();
    const byName = Map.groupBy(topics, ({ name }) => name);
    await mapSlices([...byName], (named) =>
      Promise.all(
        named.map(([name, sameName]) => {
          const partitions = sameName.flatMap((topic) => topic.partitions);
          return reassign(context, name, partitions, allowReplicationFactorChange, refusals);
        }),
      ),
    );
    const responses = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => {
        const refusal = refusals.get(partition) ?? null;
        return {
          partitionIndex: partition.partitionIndex,
          errorCode: refusal?.code ?? 0,
          errorMessage: refusal?.words ?? null,
        };
      }),
    }));
    // Where nothing was asked the words are empty, not absent.
    const errorMessage = topics.length === 0 ? "" : null;
    return { errorCode: 0, errorMessage, allowReplicationFactorChange, responses };
  },
});

/** Makes what is asked of a topic one change, each entry judged behind those before it, and notes which are refused. */
async function reassign(
  { services: { store, topics } }: RequestContext,
  name: string,
  partitions: readonly RequestedPartition[],
  allowsFactorChange: boolean,
  refusals: Map<RequestedPartition, Refusal>,
): Promise<void> {
  const topic = store.image.topic(name);
  const accepted: { partition: RequestedPartition; replicas: readonly number[] }[] = [];
  for (const [place, partition] of partitions.entries()) {
    if (isTurnOver(place)) await nextTurn();
    const { replicas } = partition;
    const refusal = judge(topics, topic, name, partition);
    if (refusal !== null) refusals.set(partition, refusal);
    else if (replicas !== null) accepted.push({ partition, replicas });
  }
  if (topic === null || accepted.length === 0) return;
  try {
    await topics.reassign(topic.topicId, (before) => {
      const after = [...before];
      for (const { partition, replicas } of accepted) {
        const current = after[partition.partitionIndex]!;
        if (allowsFactorChange || replicas.length === current.length) {
          after[partition.partitionIndex] = replicas;
        } else {
          refusals.set(partition, factorChange(current.length, replicas.length));
        }
      }
      return after;
    });
  } catch (cause) {
    const refusal = refusalOf(cause);
    for (const { partition } of accepted) refusals.set(partition, refusal);
  }
}

/** What can be said against an entry without looking at those before it. */
function judge(
  topics: TopicService,
  topic: Topic | null,
  name: string,
  { partitionIndex, replicas }: RequestedPartition,
): Refusal {
  if (topic === null) return unknown(`Unable to find a topic named ${name}.`);
  if (topic.replicas[partitionIndex] === undefined) {
    return unknown(`Unable to find partition ${name}:${partitionIndex}.`);
  }
  if (replicas === null) return NO_REASSIGNMENT;
  try {
    topics.checkReplicas(replicas);
    return null;
  } catch (cause) {
    return refusalOf(cause);
  }
}

function unknown(words: string): Refusal {
  return { code: errorCode("UNKNOWN_TOPIC_OR_PARTITION"), words };
}

function factorChange(before: number, after: number): Refusal {
  const words = `The replication factor would change from ${before} to ${after}.`;
  return { code: errorCode("INVALID_REPLICATION_FACTOR"), words };
}

function refusalOf(cause: unknown): Refusal {
  const { error, message } = metadataError(cause);
  return { code: errorCode(error), words: message };
}
