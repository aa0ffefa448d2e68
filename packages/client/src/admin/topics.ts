import {
  createPartitions as createPartitionsApi,
  createTopics as createTopicsApi,
  deleteRecords as deleteRecordsApi,
  deleteTopics as deleteTopicsApi,
  metadata as metadataApi,
  type ResponseOf,
} from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { BrokerError } from "../errors.ts";
import type { PartitionMetadata, TopicMetadata } from "../transport/metadata.ts";
import { byTopic, perLeader, type TopicPartition } from "./per-leader.ts";
import type { ItemResult } from "./results.ts";

export interface NewTopic {
  readonly name: string;
  /** The broker's default when left out. */
  readonly partitions?: number;
  /** The broker's default when left out. */
  readonly replicationFactor?: number;
  /** Replica broker ids of each partition, instead of the two counts. */
  readonly assignments?: readonly (readonly number[])[];
  /** Kafka's configuration keys, such as `cleanup.policy`. */
  readonly configs?: Readonly<Record<string, string | null>>;
}

export interface CreatedTopic extends ItemResult {
  readonly name: string;
  readonly topicId: string;
  /** −1 where the broker does not say. */
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface ChangeOptions extends CallOptions {
  /** Check only, change nothing. */
  readonly validateOnly?: boolean;
}

const NOT_CONTROLLER = 41;

/** The whole request goes again when the broker turns out not to be the controller. */
export function throwIfNotController(
  codes: readonly { readonly errorCode: number }[],
  api: string,
): void {
  if (codes.some(({ errorCode }) => errorCode === NOT_CONTROLLER)) {
    throw brokerError(NOT_CONTROLLER, api);
  }
}

export async function createTopics(
  cluster: Cluster,
  topics: readonly NewTopic[],
  options: ChangeOptions,
): Promise<readonly CreatedTopic[]> {
  const response = await cluster.callController(
    createTopicsApi,
    {
      topics: topics.map((topic) => ({
        name: topic.name,
        numPartitions: topic.assignments === undefined ? (topic.partitions ?? -1) : -1,
        replicationFactor: topic.assignments === undefined ? (topic.replicationFactor ?? -1) : -1,
        assignments: (topic.assignments ?? []).map((brokerIds, partitionIndex) => ({
          partitionIndex,
          brokerIds,
        })),
        configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
      })),
      timeoutMs: cluster.options.requestTimeoutMs,
      validateOnly: options.validateOnly ?? false,
    },
    ({ topics: answers }) => throwIfNotController(answers, "CreateTopics"),
    options,
  );
  return response.topics.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    error: errorOf(topic.errorCode, `create topic ${topic.name}`, topic.errorMessage),
  }));
}

export interface DeletedTopic extends ItemResult {
  readonly name: string;
}

export async function deleteTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions,
): Promise<readonly DeletedTopic[]> {
  const timeoutMs = cluster.options.requestTimeoutMs;
  const isByStruct =
    (await cluster.brokers.any(options.signal)).versions.find(deleteTopicsApi) >= 6;
  const response = await cluster.callController(
    deleteTopicsApi,
    isByStruct
      ? { topics: names.map((name) => ({ name, topicId: NO_TOPIC_ID })), timeoutMs }
      : { topicNames: names, timeoutMs },
    ({ responses }) => throwIfNotController(responses, "DeleteTopics"),
    options,
  );
  return response.responses.map((topic, index) => {
    const name = topic.name ?? names[index] ?? "";
    if (topic.errorCode === 0) cluster.metadata.forget(name);
    return { name, error: errorOf(topic.errorCode, `delete topic ${name}`, topic.errorMessage) };
  });
}

const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

export interface NewPartitions {
  readonly name: string;
  /** How many the topic shall have in total. */
  readonly count: number;
  /** Replica broker ids of each new partition. */
  readonly assignments?: readonly (readonly number[])[];
}

export async function createPartitions(
  cluster: Cluster,
  topics: readonly NewPartitions[],
  options: ChangeOptions,
): Promise<readonly DeletedTopic[]> {
  const response = await cluster.callController(
    createPartitionsApi,
    {
      topics: topics.map(({ name, count, assignments }) => ({
        name,
        count,
        assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
      })),
      timeoutMs: cluster.options.requestTimeoutMs,
      validateOnly: options.validateOnly ?? false,
    },
    ({ results }) => throwIfNotController(results, "CreatePartitions"),
    options,
  );
  return response.results.map(({ name, errorCode, errorMessage }) => {
    cluster.metadata.invalidate(name);
    return { name, error: errorOf(errorCode, `create partitions of ${name}`, errorMessage) };
  });
}

export interface TopicListing {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitionCount: number;
}

/** All topics, by name. */
export async function listTopics(
  cluster: Cluster,
  options: CallOptions,
): Promise<readonly TopicListing[]> {
  const response = await cluster.callAny(
    metadataApi,
    { topics: null, allowAutoTopicCreation: false },
    ({ errorCode }) => throwIfError(errorCode, "Metadata"),
    options,
  );
  return response.topics
    .flatMap((topic) =>
      topic.name === null
        ? []
        : [
            {
              name: topic.name,
              topicId: topic.topicId,
              isInternal: topic.isInternal,
              partitionCount: topic.partitions.length,
            },
          ],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface TopicDescription extends TopicMetadata, ItemResult {}

/** Leaders, replicas and in-sync replicas of topics, fresh from a broker. */
export async function describeTopics(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions,
): Promise<readonly TopicDescription[]> {
  if (names.length === 0) return [];
  const response = await cluster.callAny(
    metadataApi,
    { topics: names.map((name) => ({ name })), allowAutoTopicCreation: false },
    ({ errorCode }) => throwIfError(errorCode, "Metadata"),
    options,
  );
  return response.topics.map((topic) => ({
    name: topic.name ?? "",
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map(partitionOf).sort((a, b) => a.partition - b.partition),
    error: errorOf(topic.errorCode, `topic ${topic.name}`),
  }));
}

type PartitionAnswer = ResponseOf<typeof metadataApi>["topics"][number]["partitions"][number];

function partitionOf(partition: PartitionAnswer): PartitionMetadata {
  return {
    partition: partition.partitionIndex,
    leader: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
    offlineReplicas: partition.offlineReplicas,
    errorCode: partition.errorCode,
  };
}

export interface RecordsToDelete extends TopicPartition {
  /** The first offset to keep; −1 deletes everything up to the high watermark. */
  readonly beforeOffset: number;
}

export interface DeletedRecords extends TopicPartition, ItemResult {
  /** The partition's log start now, or −1. */
  readonly lowWatermark: number;
}

export async function deleteRecords(
  cluster: Cluster,
  partitions: readonly RecordsToDelete[],
  options: CallOptions,
): Promise<readonly DeletedRecords[]> {
  const results = await perLeader(
    cluster,
    "DeleteRecords",
    partitions,
    options,
    async (connection, own, request) => {
      const response = await connection.request(
        deleteRecordsApi,
        {
          topics: [...byTopic(own)].map(([name, items]) => ({
            name,
            partitions: items.map(({ partition, beforeOffset }) => ({
              partitionIndex: partition,
              offset: beforeOffset,
            })),
          })),
          timeoutMs: cluster.options.requestTimeoutMs,
        },
        request,
      );
      return response.topics.flatMap(({ name, partitions: answers }) =>
        answers.map(({ partitionIndex, errorCode, lowWatermark }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode,
          value: lowWatermark,
        })),
      );
    },
  );
  return partitions.map(({ topic, partition }, index) => {
    const { error, value } = results[index]!;
    return { topic, partition, lowWatermark: value ?? -1, error };
  });
}

/** The error of one item, or null for code zero. */
export function errorOf(
  code: number,
  subject: string,
  message?: string | null,
): BrokerError | null {
  return code === 0 ? null : brokerError(code, subject, message);
}
