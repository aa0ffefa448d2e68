/** Describes the partitions of topics page by page (KIP-966): topics in order of name, a cursor where the page was full. */

import { topicNameProblem } from "@ottla/metadata";
import {
  type DescribeTopicPartitionsRequest,
  describeTopicPartitions,
  errorCode,
  ZERO_UUID,
} from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";
import { ALL_TOPIC_OPERATIONS } from "./03-metadata.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const INVALID_TOPIC = errorCode("INVALID_TOPIC_EXCEPTION");

export const describeTopicPartitionsHandler = handler({
  api: describeTopicPartitions,

  handle(context, request) {
    const { config } = context.services;
    const { cursor } = request;
    if (!isCursorValid(request)) {
      return { topics: request.topics.map(({ name }) => failed(INVALID_REQUEST, name)) };
    }
    const limit = config(context.broker.id).number("max.request.partition.size.limit");
    let room = Math.max(1, Math.min(limit, request.responsePartitionLimit));
    const topics = [];
    let nextCursor: { topicName: string; partitionIndex: number } | null = null;
    for (const name of namesOf(context, request)) {
      if (room === 0) {
        nextCursor = { topicName: name, partitionIndex: 0 };
        break;
      }
      const from = cursor !== null && cursor.topicName === name ? cursor.partitionIndex : 0;
      const page = describe(context, name, from, room);
      topics.push(page.topic);
      room -= page.topic.partitions.length;
      if (page.next !== null) {
        nextCursor = { topicName: name, partitionIndex: page.next };
        break;
      }
    }
    return { topics, nextCursor };
  },
});

/** A cursor points into one of the topics asked for. */
function isCursorValid({ cursor, topics }: DescribeTopicPartitionsRequest): boolean {
  if (cursor === null) return true;
  if (cursor.partitionIndex < 0) return false;
  return topics.length === 0 || topics.some(({ name }) => name === cursor.topicName);
}

function failed(code: number, name: string) {
  return { errorCode: code, name, topicId: ZERO_UUID, partitions: [] };
}

/** All topics when none are named; from the cursor's on. */
function namesOf(context: RequestContext, request: DescribeTopicPartitionsRequest): string[] {
  const { store } = context.services;
  const { cursor, topics } = request;
  const names =
    topics.length === 0
      ? Array.from(store.image.topics(), ({ name }) => name)
      : topics.map(({ name }) => name);
  const sorted = [...new Set(names)].sort();
  return cursor === null ? sorted : sorted.filter((name) => name >= cursor.topicName);
}

function describe(context: RequestContext, name: string, from: number, room: number) {
  const { cluster, engine, store } = context.services;
  const topic = store.image.topic(name);
  if (topic === null) {
    const code = topicNameProblem(name) === null ? UNKNOWN_TOPIC_OR_PARTITION : INVALID_TOPIC;
    const topicAuthorizedOperations = ALL_TOPIC_OPERATIONS;
    return { topic: { ...failed(code, name), topicAuthorizedOperations }, next: null };
  }
  const end = Math.min(topic.replicas.length, from + room);
  const partitions = [];
  for (let partitionIndex = from; partitionIndex < end; partitionIndex++) {
    const replicaNodes = topic.replicas[partitionIndex]!;
    partitions.push({
      errorCode: 0,
      partitionIndex,
      leaderId: cluster.leader(topic, partitionIndex),
      leaderEpoch: engine.leaderEpoch,
      replicaNodes,
      isrNodes: cluster.replicas(topic, partitionIndex),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: replicaNodes.filter((id) => cluster.broker(id) === null),
    });
  }
  return {
    topic: {
      errorCode: 0,
      name,
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitions,
      topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
    },
    next: end < topic.replicas.length ? end : null,
  };
}
