/**
 * Describes brokers, topics and partitions. v0: an empty list means all topics, later null does; v4: the client may forbid
 * auto-creation; v10: topic ids; v12: look-up by id.
 *
 * A topic created on the way is answered at once, complete with leaders (trap F3): nobody has to ask again for a topic that is there.
 */
import { isInternalTopicName, type Topic, topicNameProblem } from "@ottla/metadata";
import { errorCode, type MetadataRequest, metadata, ZERO_UUID } from "@ottla/protocol";
import { metadataError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { mapInTurns } from "../turns.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const UNKNOWN_TOPIC_ID = errorCode("UNKNOWN_TOPIC_ID");
const INVALID_TOPIC_EXCEPTION = errorCode("INVALID_TOPIC_EXCEPTION");
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const UNKNOWN_SERVER_ERROR = errorCode("UNKNOWN_SERVER_ERROR");
const FIRST_VERSION_BY_ID = 12;
/** Operations that a cluster without an authorizer allows on a topic: read, write, create, delete, alter, describe, describe and alter configs. */
export const ALL_TOPIC_OPERATIONS = 0b1101_1111_1000;
export const ALL_CLUSTER_OPERATIONS = 0b1_1111_1010_0000;
export const NOT_ASKED = -0x8000_0000;

export const metadataHandler = handler({
  api: metadata,
  takesTurns: true,

  async handle(context, request) {
    const { services, connection, version } = context;
    const { cluster, store } = services;
    const refusal = refusalOf(version, request);
    if (refusal !== 0) return refused(request, refusal);
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

/** Kafka fails the whole request for an id before v12, and where a name is missing without an id instead. */
function refusalOf(version: number, { topics }: MetadataRequest): number {
  if (topics === null) return 0;
  const isById = topics.some(({ topicId }) => topicId !== ZERO_UUID);
  const isNameless = topics.some(({ name }) => name === null);
  if (version < FIRST_VERSION_BY_ID) return isById || isNameless ? INVALID_REQUEST : 0;
  return isNameless && !isById ? UNKNOWN_SERVER_ERROR : 0;
}

function refused({ topics }: MetadataRequest, code: number) {
  return {
    errorCode: code,
    brokers: [],
    clusterId: null,
    controllerId: -1,
    topics: (topics ?? []).map(({ name, topicId }) => failed(code, name ?? "", topicId)),
  };
}

async function describeAll(context: RequestContext, request: MetadataRequest) {
  const { image } = context.services.store;
  const operations = request.includeTopicAuthorizedOperations ? ALL_TOPIC_OPERATIONS : NOT_ASKED;
  const { topics } = request;
  if (topics === null || (context.version === 0 && topics.length === 0)) {
    return Array.from(image.topics(), (topic) => describe(context, topic, operations));
  }
  // Ids rule out names: a request with one id is answered by ids alone.
  const ids = new Set(topics.map(({ topicId }) => topicId).filter((id) => id !== ZERO_UUID));
  if (ids.size > 0) {
    return Array.from(ids, (topicId) => {
      const topic = image.topicById(topicId);
      return topic === null
        ? failed(UNKNOWN_TOPIC_ID, null, topicId)
        : describe(context, topic, operations);
    });
  }
  const names = new Set(topics.map((topic) => topic.name!));
  return await mapInTurns(names, (name) =>
    describeByName(context, name, request.allowAutoTopicCreation, operations),
  );
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
      const code =
        topicNameProblem(name) === null ? UNKNOWN_TOPIC_OR_PARTITION : INVALID_TOPIC_EXCEPTION;
      return { ...failed(code, name, ZERO_UUID), isInternal: isInternalTopicName(name) };
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
