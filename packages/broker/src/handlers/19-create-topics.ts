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
import { ENTRIES_PER_TURN, mapInTurns } from "../turns.ts";

type TopicToCreate = CreateTopicsRequest["topics"][number];

export const createTopicsHandler = handler({
  api: createTopics,
  takesTurns: true,

  async handle(context, request) {
    const duplicates = repeated(request.topics.map(({ name }) => name));
    const unique = request.topics.filter(({ name }) => !duplicates.has(name));
    if (countPartitions(context, unique) > MAX_PARTITIONS_PER_REQUEST) {
      const refusal = tooManyPartitions();
      // Of the whole request, duplicates too.
      return { topics: request.topics.map(({ name }) => failed(name, refusal)) };
    }
    const refusals = await refusalsAhead(context, unique);
    // From here on in one turn of the event loop: who comes meanwhile finds these names taken.
    const planned = unique.map((topic) => planOf(context, topic, refusals.get(topic)));
    const begun = planned.map((topic) => ({ created: create(context, topic, request) }));
    const topics = await mapInTurns(begun, ({ created }) => created);
    const duplicate = new RequestError("INVALID_REQUEST", "Duplicate topic name.");
    for (const name of duplicates) topics.push(failed(name, duplicate));
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

/**
 * Why topics cannot be created, of a request with so many that others must have a turn meanwhile. Those that can be are no more than
 * {@link MAX_PARTITIONS_PER_REQUEST}; nothing is kept for them.
 */
async function refusalsAhead(
  { services }: RequestContext,
  topics: readonly TopicToCreate[],
): Promise<ReadonlyMap<TopicToCreate, unknown>> {
  const refusals = new Map<TopicToCreate, unknown>();
  if (topics.length <= ENTRIES_PER_TURN) return refusals;
  const problems = await mapInTurns(topics, (topic) => services.topics.problem(requestOf(topic)));
  topics.forEach((topic, place) => {
    const problem = problems[place];
    if (problem !== null) refusals.set(topic, problem);
  });
  return refusals;
}

function planOf(
  { services }: RequestContext,
  topic: TopicToCreate,
  refusal: unknown,
): PlannedTopic {
  const { name } = topic;
  if (refusal !== undefined) return { name, plan: null, refusal };
  try {
    return { name, plan: services.topics.plan(requestOf(topic)), refusal: null };
  } catch (cause) {
    return { name, plan: null, refusal: cause };
  }
}

function requestOf(topic: TopicToCreate): TopicRequest {
  return {
    name: topic.name,
    partitions: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments,
    configs: new Map(topic.configs.map((entry) => [entry.name, entry.value])),
  };
}

function create(
  context: RequestContext,
  { name, plan, refusal }: PlannedTopic,
  request: CreateTopicsRequest,
) {
  return plan === null ? failed(name, refusal) : createPlanned(context, name, plan, request);
}

async function createPlanned(
  context: RequestContext,
  name: string,
  plan: TopicPlan,
  { validateOnly }: CreateTopicsRequest,
) {
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
