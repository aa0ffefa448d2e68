/** Creates topics. v4: −1 for defaults; v5: returns the configuration; v7: topic ids. AD1: each topic stands and fails alone. */
import { describeTopicConfigs, METADATA_TOPIC_NAME, newUuid } from "@ottla/metadata";
import { type CreateTopicsRequest, createTopics, errorCode } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { repeated } from "../repeated.ts";
import {
  MAX_PARTITIONS_PER_REQUEST,
  type TopicRequest,
  tooManyPartitions,
} from "../topic-service.ts";

type TopicToCreate = CreateTopicsRequest["topics"][number];

export const createTopicsHandler = handler({
  api: createTopics,

  async handle(context, request) {
    const duplicates = repeated(request.topics.map(({ name }) => name));
    const unique = request.topics.filter(({ name }) => !duplicates.has(name));
    if (countPartitions(context, unique) > MAX_PARTITIONS_PER_REQUEST) {
      // Of the whole request, duplicates too.
      return { topics: request.topics.map(({ name }) => failed(name, tooManyPartitions())) };
    }
    const topics = await Promise.all(unique.map((topic) => create(context, topic, request)));
    for (const name of duplicates) {
      topics.push(failed(name, new RequestError("INVALID_REQUEST", "Duplicate topic name.")));
    }
    return { topics };
  },
});

/** How many partitions the topics would have at most, as Kafka counts them. */
function countPartitions(
  { services: { cluster, config } }: RequestContext,
  topics: readonly TopicToCreate[],
): number {
  const byDefault = config(cluster.controller.id).number("num.partitions");
  let count = 0;
  for (const { name, numPartitions, assignments } of topics) {
    if (name === METADATA_TOPIC_NAME) continue;
    if (assignments.length > 0) count += assignments.length;
    else count += numPartitions === -1 ? byDefault : Math.max(0, numPartitions);
  }
  return count;
}

async function create(
  context: RequestContext,
  topic: TopicToCreate,
  { validateOnly }: CreateTopicsRequest,
) {
  const { name } = topic;
  const { topics, config, cluster, random } = context.services;
  const request: TopicRequest = {
    name,
    partitions: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments,
    configs: new Map(topic.configs.map((entry) => [entry.name, entry.value])),
  };
  try {
    const plan = topics.plan(request);
    // An id is drawn also when nothing is created, as Kafka does.
    const { topicId } = validateOnly
      ? { topicId: newUuid(random) }
      : await topics.create(name, plan);
    const configs = describeTopicConfigs(config(cluster.controller.id), plan.configs);
    return {
      name,
      topicId,
      errorCode: 0,
      errorMessage: null,
      numPartitions: plan.replicas.length,
      replicationFactor: plan.replicas[0]?.length ?? 0,
      configs: configs.map((entry) => ({
        name: entry.name,
        value: entry.value,
        readOnly: entry.readOnly,
        configSource: entry.source,
        isSensitive: entry.isSensitive,
      })),
    };
  } catch (cause) {
    return failed(name, cause);
  }
}

function failed(name: string, cause: unknown) {
  const { error, message } = metadataError(cause);
  return { name, errorCode: errorCode(error), errorMessage: message, configs: [] };
}
