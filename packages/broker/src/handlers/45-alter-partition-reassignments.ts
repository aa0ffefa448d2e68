/**
 * Places partitions on other brokers (KIP-455). The logical brokers of a process share their logs, so that a reassignment is over when it is
 * answered and there is never one to cancel. v1: the replication factor may be told to stay.
 */
import {
  type AlterPartitionReassignmentsRequest,
  alterPartitionReassignments,
  errorCode,
} from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";

type RequestedTopic = AlterPartitionReassignmentsRequest["topics"][number];
type RequestedPartition = RequestedTopic["partitions"][number];

export const alterPartitionReassignmentsHandler = handler({
  api: alterPartitionReassignments,

  async handle(context, { topics, allowReplicationFactorChange }) {
    const responses = [];
    for (const { name, partitions } of topics) {
      const results = [];
      for (const partition of partitions) {
        results.push(await reassign(context, name, partition, allowReplicationFactorChange));
      }
      responses.push({ name, partitions: results });
    }
    // Where nothing was asked the words are empty, not absent.
    const errorMessage = topics.length === 0 ? "" : null;
    return { errorCode: 0, errorMessage, allowReplicationFactorChange, responses };
  },
});

async function reassign(
  context: RequestContext,
  name: string,
  { partitionIndex, replicas }: RequestedPartition,
  allowsFactorChange: boolean,
) {
  const { store, topics } = context.services;
  try {
    const topic = store.image.topic(name);
    if (topic === null) {
      throw new RequestError("UNKNOWN_TOPIC_OR_PARTITION", `Unable to find a topic named ${name}.`);
    }
    if (topic.replicas[partitionIndex] === undefined) {
      throw new RequestError(
        "UNKNOWN_TOPIC_OR_PARTITION",
        `Unable to find partition ${name}:${partitionIndex}.`,
      );
    }
    if (replicas === null) {
      return {
        partitionIndex,
        errorCode: errorCode("NO_REASSIGNMENT_IN_PROGRESS"),
        errorMessage: null,
      };
    }
    topics.checkReplicas(replicas);
    await topics.reassign(topic.topicId, partitionIndex, (current) => {
      if (!allowsFactorChange && replicas.length !== current.length) {
        throw new RequestError(
          "INVALID_REPLICATION_FACTOR",
          `The replication factor would change from ${current.length} to ${replicas.length}.`,
        );
      }
      return replicas;
    });
    return { partitionIndex, errorCode: 0, errorMessage: null };
  } catch (cause) {
    const { error, message } = metadataError(cause);
    return { partitionIndex, errorCode: errorCode(error), errorMessage: message };
  }
}
