/**
 * Elects leaders. Every partition is led by its preferred replica, or, when that broker is not part of this start, by another; so there is never
 * anything to do. v1: unclean elections too (KIP-460).
 */
import type { Topic } from "@ottla/metadata";
import { type ElectLeadersRequest, electLeaders, errorCode } from "@ottla/protocol";
import { handler, type RequestContext } from "../handler.ts";

const PREFERRED = 0;
const UNCLEAN = 1;
const INVALID_REQUEST = errorCode("INVALID_REQUEST");
const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
const PREFERRED_LEADER_NOT_AVAILABLE = errorCode("PREFERRED_LEADER_NOT_AVAILABLE");
const ELECTION_NOT_NEEDED = errorCode("ELECTION_NOT_NEEDED");

export const electLeadersHandler = handler({
  api: electLeaders,

  handle(context, request) {
    const { electionType, topicPartitions } = request;
    const isKnown = electionType === PREFERRED || electionType === UNCLEAN;
    if (!isKnown) return unknownType(request);
    if (topicPartitions !== null) {
      const replicaElectionResults = topicPartitions.map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partition) =>
          elect(context, topic, partition, electionType),
        ),
      }));
      return { errorCode: 0, replicaElectionResults };
    }
    // Of all partitions those are not told of that have nothing to elect.
    const replicaElectionResults = Array.from(
      context.services.store.image.topics(),
      ({ name, replicas }) => ({
        topic: name,
        partitionResult: replicas
          .map((_, partition) => elect(context, name, partition, electionType))
          .filter(({ errorCode: code }) => code !== ELECTION_NOT_NEEDED),
      }),
    );
    return { errorCode: 0, replicaElectionResults };
  },
});

function unknownType({ electionType, topicPartitions }: ElectLeadersRequest) {
  const errorMessage = `Unknown election type ${electionType}`;
  return {
    // Nobody is told of an error where nothing is asked.
    errorCode: topicPartitions?.length === 0 ? 0 : INVALID_REQUEST,
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        errorCode: INVALID_REQUEST,
        errorMessage,
      })),
    })),
  };
}

function elect(context: RequestContext, name: string, partitionId: number, type: number) {
  const topic = context.services.store.image.topic(name);
  const [code, errorMessage] = outcome(context, topic, name, partitionId, type);
  return { partitionId, errorCode: code, errorMessage };
}

function outcome(
  context: RequestContext,
  topic: Topic | null,
  name: string,
  partition: number,
  type: number,
): [code: number, words: string] {
  if (topic === null) return [UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`];
  const replicas = topic.replicas[partition];
  if (replicas === undefined) {
    return [UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${name}-${partition}`];
  }
  const isPreferredHere = context.services.cluster.broker(replicas[0] ?? -1) !== null;
  return type === PREFERRED && !isPreferredHere
    ? [PREFERRED_LEADER_NOT_AVAILABLE, "The preferred leader was not available."]
    : [ELECTION_NOT_NEEDED, "Leader election not needed for topic partition."];
}
