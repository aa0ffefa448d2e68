/** Where replicas are and who leads: elections (KIP-460), reassignments (KIP-455), log directories (KIP-113). */
import {
  alterReplicaLogDirs as alterLogDirsApi,
  alterPartitionReassignments as alterReassignmentsApi,
  electLeaders as electLeadersApi,
  listPartitionReassignments as listReassignmentsApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { byTopic, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

export interface PartitionOutcome extends TopicPartition, ItemResult {}

const ELECTIONS = { preferred: 0, unclean: 1 } as const;

/** `preferred`: the first replica. `unclean`: any replica that is left, at the price of records. */
export type Election = keyof typeof ELECTIONS;

/** Partitions that need no election have the error ELECTION_NOT_NEEDED; with null for all, those are left out. */
export async function electLeaders(
  cluster: Cluster,
  election: Election,
  partitions: readonly TopicPartition[] | null,
  options: CallOptions,
): Promise<readonly PartitionOutcome[]> {
  const { replicaElectionResults } = await cluster.callController(
    electLeadersApi,
    {
      electionType: ELECTIONS[election],
      topicPartitions:
        partitions === null
          ? null
          : [...byTopic(partitions)].map(([topic, items]) => ({
              topic,
              partitions: items.map(({ partition }) => partition),
            })),
      timeoutMs: options.timeoutMs ?? cluster.options.requestTimeoutMs,
    },
    ({ errorCode }) => throwIfError(errorCode, "ElectLeaders"),
    options,
  );
  return replicaElectionResults.flatMap(({ topic, partitionResult }) =>
    partitionResult.map(({ partitionId, errorCode, errorMessage }) => ({
      topic,
      partition: partitionId,
      error: errorOf(errorCode, `election of ${topic}[${partitionId}]`, errorMessage),
    })),
  );
}

export interface Reassignment extends TopicPartition {
  /** Broker ids, the preferred leader first; null cancels a reassignment under way. */
  readonly replicas: readonly number[] | null;
}

export async function alterPartitionReassignments(
  cluster: Cluster,
  reassignments: readonly Reassignment[],
  options: CallOptions,
): Promise<readonly PartitionOutcome[]> {
  const { responses } = await cluster.callController(
    alterReassignmentsApi,
    {
      timeoutMs: options.timeoutMs ?? cluster.options.requestTimeoutMs,
      topics: [...byTopic(reassignments)].map(([name, items]) => ({
        name,
        partitions: items.map(({ partition, replicas }) => ({
          partitionIndex: partition,
          replicas,
        })),
      })),
    },
    ({ errorCode, errorMessage }) =>
      throwIfError(errorCode, "AlterPartitionReassignments", errorMessage),
    options,
  );
  return responses.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, errorMessage }) => ({
      topic: name,
      partition: partitionIndex,
      error: errorOf(errorCode, `reassignment of ${name}[${partitionIndex}]`, errorMessage),
    })),
  );
}

export interface OngoingReassignment extends TopicPartition {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

/** Those under way, of `partitions` or of all. */
export async function listPartitionReassignments(
  cluster: Cluster,
  partitions: readonly TopicPartition[] | null,
  options: CallOptions,
): Promise<readonly OngoingReassignment[]> {
  const { topics } = await cluster.callController(
    listReassignmentsApi,
    {
      timeoutMs: options.timeoutMs ?? cluster.options.requestTimeoutMs,
      topics:
        partitions === null
          ? null
          : [...byTopic(partitions)].map(([name, items]) => ({
              name,
              partitionIndexes: items.map(({ partition }) => partition),
            })),
    },
    ({ errorCode, errorMessage }) =>
      throwIfError(errorCode, "ListPartitionReassignments", errorMessage),
    options,
  );
  return topics.flatMap(({ name, partitions: answers }) =>
    answers.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
      topic: name,
      partition: partitionIndex,
      replicas,
      adding: addingReplicas,
      removing: removingReplicas,
    })),
  );
}

export interface ReplicaMove extends TopicPartition {
  readonly brokerId: number;
  /** A log directory of that broker. */
  readonly path: string;
}

export interface MovedReplica extends ReplicaMove, ItemResult {}

/** Moves replicas between the log directories of their brokers. */
export async function alterReplicaLogDirs(
  cluster: Cluster,
  moves: readonly ReplicaMove[],
  options: CallOptions,
): Promise<readonly MovedReplica[]> {
  const brokers = [...new Set(moves.map(({ brokerId }) => brokerId))];
  const answers = await Promise.all(
    brokers.map(async (brokerId) => {
      const own = moves.filter((move) => move.brokerId === brokerId);
      const paths = [...new Set(own.map(({ path }) => path))];
      const dirs = paths.map((path) => ({
        path,
        topics: [...byTopic(own.filter((move) => move.path === path))].map(([name, items]) => ({
          name,
          partitions: items.map(({ partition }) => partition),
        })),
      }));
      const { results } = await cluster.callBroker(
        brokerId,
        alterLogDirsApi,
        { dirs },
        () => {},
        options,
      );
      return { brokerId, results };
    }),
  );
  return moves.map((move) => {
    const code = answers
      .find(({ brokerId }) => brokerId === move.brokerId)
      ?.results.find(({ topicName }) => topicName === move.topic)
      ?.partitions.find(({ partitionIndex }) => partitionIndex === move.partition)?.errorCode;
    return { ...move, error: errorOf(code ?? -1, `move of ${move.topic}[${move.partition}]`) };
  });
}
