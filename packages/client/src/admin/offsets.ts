import {
  listOffsets as listOffsetsApi,
  offsetCommit as offsetCommitApi,
  offsetDelete as offsetDeleteApi,
  offsetFetch as offsetFetchApi,
  type RequestInput,
} from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { byTopic, perLeader, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

/**
 * What to look for in a partition: its first readable offset, the one after the last (the last stable one for `read_committed`), the record
 * with the largest timestamp, or the first record at or after a time in milliseconds since the epoch.
 */
export type OffsetSpec = "earliest" | "latest" | "max-timestamp" | number;

export type IsolationLevel = "read_uncommitted" | "read_committed";

export interface OffsetQuery extends TopicPartition {
  readonly at: OffsetSpec;
}

export interface ListOffsetsOptions extends CallOptions {
  /** Default: `read_uncommitted`. */
  readonly isolationLevel?: IsolationLevel;
}

export interface ListedOffset extends TopicPartition, ItemResult {
  /** −1 when no record is at or after the asked time. */
  readonly offset: number;
  /** Of the record found, for queries by time; else −1. */
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

const SPECIAL = { latest: -1, earliest: -2, "max-timestamp": -3 } as const;
const MAX_TIMESTAMP_VERSION = 7;

/** A partition may be asked about several times: brokers refuse that within one request, so there is one request per repetition. */
export async function listOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: ListOffsetsOptions,
): Promise<readonly ListedOffset[]> {
  const layers: OffsetQuery[][] = [];
  for (const items of byTopic(queries).values()) {
    const seen = new Map<number, number>();
    for (const query of items) {
      const layer = seen.get(query.partition) ?? 0;
      seen.set(query.partition, layer + 1);
      layers[layer] ??= [];
      layers[layer].push(query);
    }
  }
  const found = new Map<OffsetQuery, ListedOffset>();
  const answers = await Promise.all(layers.map((layer) => listOnce(cluster, layer, options)));
  for (const [index, layer] of layers.entries()) {
    for (const [i, query] of layer.entries()) found.set(query, answers[index]![i]!);
  }
  return queries.map((query) => found.get(query)!);
}

async function listOnce(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: ListOffsetsOptions,
): Promise<readonly ListedOffset[]> {
  const needsMaxTimestamp = queries.some(({ at }) => at === "max-timestamp");
  const isCommitted = options.isolationLevel === "read_committed";
  const bounds = { min: needsMaxTimestamp ? MAX_TIMESTAMP_VERSION : isCommitted ? 2 : 1 };
  const results = await perLeader(
    cluster,
    "ListOffsets",
    queries,
    options,
    async (connection, own, request) => {
      const response = await connection.request(
        listOffsetsApi,
        {
          replicaId: -1,
          ...(isCommitted ? { isolationLevel: 1 } : {}),
          topics: [...byTopic(own)].map(([name, items]) => ({
            name,
            partitions: items.map(({ partition, at }) => ({
              partitionIndex: partition,
              timestamp: typeof at === "number" ? at : SPECIAL[at],
            })),
          })),
          timeoutMs: cluster.options.requestTimeoutMs,
        },
        { ...request, ...bounds },
      );
      return response.topics.flatMap(({ name, partitions }) =>
        partitions.map((answer) => ({
          topic: name,
          partition: answer.partitionIndex,
          errorCode: answer.errorCode,
          value: answer,
        })),
      );
    },
  );
  return queries.map(({ topic, partition }, index) => {
    const { error, value } = results[index]!;
    return {
      topic,
      partition,
      offset: value?.offset ?? -1,
      timestampMs: value?.timestamp ?? -1,
      leaderEpoch: value?.leaderEpoch ?? -1,
      error,
    };
  });
}

export interface CommittedOffset extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number;
  /** Epoch of the leader the offset was read from, or −1. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface FetchedOffset extends CommittedOffset, ItemResult {}

export interface FetchOffsetsOptions extends CallOptions {
  /** Wait for transactions that commit offsets to end (KIP-447). Default: false. */
  readonly requireStable?: boolean;
}

/** The committed offsets of a group: of `partitions`, or of all it ever committed. Partitions without one have offset −1. */
export async function fetchGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  options: FetchOffsetsOptions,
): Promise<readonly FetchedOffset[]> {
  const topics =
    partitions === null
      ? null
      : [...byTopic(partitions)].map(([name, items]) => ({
          name,
          partitionIndexes: items.map(({ partition }) => partition),
        }));
  const requireStable = options.requireStable ?? false;
  return await cluster.retry("OffsetFetch", options, async (request) => {
    try {
      const connection = await cluster.coordinator("group", groupId, "admin", options.signal);
      // Version 10 names topics by id; names serve here, and topics that are gone have no id to look up.
      const isBatched = connection.versions.find(offsetFetchApi, { min: 8, max: 9 }) >= 0;
      const body: RequestInput<typeof offsetFetchApi> = isBatched
        ? { groups: [{ groupId, topics }], requireStable }
        : { groupId, topics, ...(requireStable ? { requireStable } : {}) };
      const response = await connection.request(offsetFetchApi, body, { ...request, max: 9 });
      const answer = isBatched ? response.groups[0] : response;
      if (answer === undefined) throw brokerError(-1, `offsets of group ${groupId}`);
      throwIfError(answer.errorCode, `offsets of group ${groupId}`);
      return answer.topics.flatMap((topic) =>
        topic.partitions.map((p) => {
          const error = errorOf(p.errorCode, `offset of ${topic.name}[${p.partitionIndex}]`);
          if (error?.retriable === true) throw error;
          return {
            topic: topic.name,
            partition: p.partitionIndex,
            offset: p.committedOffset,
            leaderEpoch: p.committedLeaderEpoch,
            metadata: p.metadata ?? "",
            error,
          };
        }),
      );
    } catch (error) {
      cluster.forgetCoordinatorIfMoved("group", groupId, error);
      throw error;
    }
  });
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number;
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface AlteredOffset extends TopicPartition, ItemResult {}

/** Sets offsets of a group that has no members, as an outsider (generation −1). */
export async function alterGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly OffsetToCommit[],
  options: CallOptions,
): Promise<readonly AlteredOffset[]> {
  const response = await cluster.callCoordinator(
    "group",
    groupId,
    offsetCommitApi,
    { groupId, memberId: "", topics: commitTopics(offsets) },
    ({ topics }) => throwIfPassing(topics, `offsets of group ${groupId}`),
    { ...options, max: 9 },
  );
  return response.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => ({
      topic: name,
      partition: partitionIndex,
      error: errorOf(errorCode, `offset of ${name}[${partitionIndex}] in group ${groupId}`),
    })),
  );
}

/** Offsets in the shape OffsetCommit wants up to version 9. */
export function commitTopics(offsets: readonly OffsetToCommit[]) {
  return [...byTopic(offsets)].map(([name, items]) => ({
    name,
    partitions: items.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch ?? -1,
      committedMetadata: metadata ?? "",
    })),
  }));
}

interface TopicCodes {
  readonly partitions: readonly { readonly errorCode: number }[];
}

/** Errors about the coordinator or about time concern all partitions: the request goes again. */
export function throwIfPassing(topics: readonly TopicCodes[], subject: string): void {
  for (const { partitions } of topics) {
    for (const { errorCode } of partitions) {
      if (errorCode === 0) continue;
      const error = brokerError(errorCode, subject);
      if (error.retriable && error.error !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
    }
  }
}

/** Removes committed offsets of topics that no member of the group subscribes to. */
export async function deleteGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
  options: CallOptions,
): Promise<readonly AlteredOffset[]> {
  const response = await cluster.callCoordinator(
    "group",
    groupId,
    offsetDeleteApi,
    {
      groupId,
      topics: [...byTopic(partitions)].map(([name, items]) => ({
        name,
        partitions: items.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    },
    ({ errorCode }) => throwIfError(errorCode, `offsets of group ${groupId}`),
    options,
  );
  return response.topics.flatMap(({ name, partitions: answers }) =>
    answers.map(({ partitionIndex, errorCode }) => ({
      topic: name,
      partition: partitionIndex,
      error: errorOf(errorCode, `offset of ${name}[${partitionIndex}] in group ${groupId}`),
    })),
  );
}
