/**
 * Describes brokers, topics and partitions. v0: an empty list means all topics, later null does; v4: the client may forbid
 * auto-creation; v10: topic ids; v12: look-up by id.
 *
 * A topic created on the way is answered at once, complete with leaders (trap F3): nobody has to ask again for a topic that is there.
 */
import type { Topic } from "@ottla/metadata";
import { errorCode, type MetadataRequest, metadata, ZERO_UUID } from "@ottla/protocol";
import { metadataError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
/** Operations that a cluster without an authorizer allows on a topic: read, write, create, delete, alter, describe, describe and alter configs. */
export const ALL_TOPIC_OPERATIONS = 0b1101_1111_1000;
export const ALL_CLUSTER_OPERATIONS = 0b1_1111_1010_0000;
export const NOT_ASKED = -0x8000_0000;

export const metadataHandler = handler({
  api: metadata,

  async handle(context, request) {
    const { services, connection, version } = context;
    const { cluster, store } = services;
    const topics = await describeAll(context, request);
    return {
      brokers: cluster.brokers.map((broker) => {
        const { host, port } = cluster.endpoint(broker, connection.listenerName);
        return { nodeId: broker.id, host, port, rack: broker.rack };
      }),
      clusterId: store.image.clusterId,
      controllerId: cluster.controller.id,
      topics,
      clusterAuthorizedOperations:
        request.includeClusterAuthorizedOperations && version >= 8
          ? ALL_CLUSTER_OPERATIONS
          : NOT_ASKED,
    };
  },
});

async function describeAll(context: RequestContext, request: MetadataRequest) {
  const { image } = context.services.store;
  const operations = request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : NOT_ASKED;
  const { topics } = request;
  if (topics === null || (context.version === 0 && topics.length === 0)) {
    return Array.from(image.topics(), (topic) => describe(context, topic, operations));
  }
  // Id and name together, or neither, say nothing that could be looked up.
  const isById = topics.some(({ topicId }) => topicId !== ZERO_UUID);
  if (isById && context.version < 12) {
    return topics.map(({ topicId, name }) => failed(INVALID_REQUEST, name ?? "", topicId));
  }
  const described = [];
  const seen = new Set<string>();
  for (const { name, topicId } of topics) {
    if (topicId !== ZERO_UUID) {
      if (seen.has(topicId)) continue;
      seen.add(topicId);
      const topic = image.topicById(topicId);
      described.push(
        topic === null
          ? failed(UNKNOWN_TOPIC_ID, null, topicId)
          : describe(context, topic, operations),
      );
      continue;
    }
    if (name === null) {
      described.push(failed(INVALID_REQUEST, "", topicId));
      continue;
    }
    if (seen.has(name)) continue;
    seen.add(name);
    described.push(await describeByName(context, name, request.allowAutoTopicCreation, operations));
  }
  return described;
}

async function describeByName(
  context: RequestContext,
  name: string,
  allowsCreation: boolean,
  operations: number,
) {
  const { store, topics, config } = context.services;
  const existing = store.image.topic(name);
  if (existing !== null) return describe(context, existing, operations);
  const creates = allowsCreation && config(context.broker.id).boolean("auto.create.topics.enable");
  try {
    if (!creates) {
      topics.checkName(name);
      return failed(UNKNOWN_TOPIC_OR_PARTITION, name, ZERO_UUID);
    }
    return describe(context, await topics.ensure(name), operations);
  } catch (cause) {
    return failed(errorCode(metadataError(cause).error), name, ZERO_UUID);
  }
}

function failed(code: number, name: string | null, topicId: string) {
  return { errorCode: code, name, topicId, partitions: [] };
}

function describe(context: RequestContext, topic: Topic, topicAuthorizedOperations: number) {
  const { cluster, engine } = context.services;
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.replicas.map((replicaNodes, partitionIndex) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: cluster.leader(topic, partitionIndex),
      leaderEpoch: engine.leaderEpoch,
      replicaNodes,
      isrNodes: cluster.replicas(topic, partitionIndex),
      offlineReplicas: replicaNodes.filter((id) => cluster.broker(id) === null),
    })),
    topicAuthorizedOperations,
  };
}
