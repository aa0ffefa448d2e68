/** Describes the quorum of the metadata: the broker that answers for controllers is its one voter. v1: times; v2: directory ids and nodes. */
import { METADATA_TOPIC_ID, METADATA_TOPIC_NAME } from "@ottla/metadata";
import { type DescribeQuorumRequest, describeQuorum, errorCode, ZERO_UUID } from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const FIRST_VERSION_WITH_NODES = 2;

export const describeQuorumHandler = handler({
  api: describeQuorum,

  handle(context, request) {
    if (!asksForMetadata(request)) return { ...refused(context, request), nodes: [] };
    const { cluster, engine, clock } = context.services;
    const logEndOffset = engine.describe(METADATA_TOPIC_ID, 0)?.highWatermark ?? 0;
    const leader = cluster.controller;
    const now = clock.now();
    const state = (replicaId: number) => ({
      replicaId,
      replicaDirectoryId: ZERO_UUID,
      logEndOffset,
      lastFetchTimestamp: context.version === 0 ? -1 : now,
      lastCaughtUpTimestamp: context.version === 0 ? -1 : now,
    });
    const others = cluster.brokerIds.filter((id) => id !== leader.id);
    const partition = {
      partitionIndex: 0,
      errorCode: 0,
      errorMessage: "",
      leaderId: leader.id,
      // The first leader of a quorum has epoch 1.
      leaderEpoch: engine.leaderEpoch + 1,
      highWatermark: logEndOffset,
      currentVoters: [state(leader.id)],
      observers: others.map(state),
    };
    return {
      errorCode: 0,
      errorMessage: "",
      topics: [{ topicName: METADATA_TOPIC_NAME, partitions: [partition] }],
      nodes: context.version >= FIRST_VERSION_WITH_NODES ? [nodeOf(context)] : [],
    };
  },
});

/** Nothing but the one partition of the metadata topic, once. */
function asksForMetadata({ topics }: DescribeQuorumRequest): boolean {
  const [topic] = topics;
  return (
    topics.length === 1 &&
    topic!.topicName === METADATA_TOPIC_NAME &&
    topic!.partitions.length === 1 &&
    topic!.partitions[0]!.partitionIndex === 0
  );
}

function refused({ version }: RequestContext, { topics }: DescribeQuorumRequest) {
  const words = "This server does not host this topic-partition.";
  return {
    errorCode: 0,
    errorMessage: "",
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: version >= FIRST_VERSION_WITH_NODES ? words : "",
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0,
        currentVoters: [],
        observers: [],
      })),
    })),
  };
}

/** Where the voter is reached: there is no listener for controllers, so by the one that was asked. */
function nodeOf({ services, connection }: RequestContext) {
  const { cluster } = services;
  const { listener, host, port } = cluster.endpoint(cluster.controller, connection.listenerName);
  return { nodeId: cluster.controller.id, listeners: [{ name: listener, host, port }] };
}
