/** Creates topics. v4: −1 for defaults; v5: returns the configuration; v7: topic ids. AD1: each topic stands and fails alone. */
import { describeTopicConfigs, newUuid } from "@ottla/metadata";
import { type CreateTopicsRequest, createTopics, errorCode } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import {
  MAX_PARTITIONS_PER_REQUEST,
  type TopicRequest,
  tooManyPartitions,
} from "../topic-service.ts";

type TopicToCreate = CreateTopicsRequest["topics"][number];

export const createTopicsHandler = handler({
  api: createTopics,

  async handle(context, request) {
    const counts = new Map<string, number>();
    let partitions = 0;
    for (const topic of request.topics) {
      counts.set(topic.name, (counts.get(topic.name) ?? 0) + 1);
      partitions += Math.max(topic.numPartitions, topic.assignments.length);
    }
    const isTooMuch = partitions > MAX_PARTITIONS_PER_REQUEST;
    const unique = request.topics.filter(({ name }) => counts.get(name) === 1);
    const results = unique.map((topic) =>
      isTooMuch ? failed(topic.name, tooManyPartitions()) : create(context, topic, request),
    );
    const duplicates = [...counts.keys()].filter((name) => counts.get(name)! > 1);
    const topics = await Promise.all(results);
    for (const name of duplicates) {
      topics.push(failed(name, new RequestError("INVALID_REQUEST", "Duplicate topic name.")));
    }
    return { topics };
  },
});

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
