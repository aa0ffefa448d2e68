/** Creates topics. v4: −1 for defaults; v5: returns the configuration; v7: topic ids. AD1: each topic stands and fails alone. */
import { describeTopicConfigs, METADATA_TOPIC_NAME, newUuid } from "@ottla/metadata";
import { type CreateTopicsRequest, createTopics, errorCode } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { repeated } from "../repeated.ts";
import {
  MAX_PARTITIONS_PER_REQUEST,
  type TopicPlan,
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
    const planned = unique.map((topic) => planOf(context, topic));
    const topics = await Promise.all(planned.map((topic) => create(context, topic, request)));
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

/** A topic asked for, and what creating it would make or why it cannot be created. */
interface PlannedTopic {
  readonly name: string;
  readonly plan: TopicPlan | null;
  readonly refusal: unknown;
}

function planOf({ services }: RequestContext, topic: TopicToCreate): PlannedTopic {
  const { name } = topic;
  const request: TopicRequest = {
    name,
    partitions: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments,
    configs: new Map(topic.configs.map((entry) => [entry.name, entry.value])),
  };
  try {
    return { name, plan: services.topics.plan(request), refusal: null };
  } catch (refusal) {
    return { name, plan: null, refusal };
  }
}

async function create(
  context: RequestContext,
  { name, plan, refusal }: PlannedTopic,
  { validateOnly }: CreateTopicsRequest,
) {
  if (plan === null) return failed(name, refusal);
  const { topics, config, cluster, random } = context.services;
  try {
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
