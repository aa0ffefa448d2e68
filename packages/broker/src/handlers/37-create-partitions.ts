/** Gives topics more partitions (AD3). */
import { type CreatePartitionsRequest, createPartitions, errorCode } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";

export const createPartitionsHandler = handler({
  api: createPartitions,

  async handle(context, request) {
    const names = request.topics.map(({ name }) => name);
    const results: Awaited<ReturnType<typeof grow>>[] = [];
    for (const topic of request.topics) {
      const isDuplicate = names.indexOf(topic.name) !== names.lastIndexOf(topic.name);
      if (isDuplicate && results.some(({ name }) => name === topic.name)) continue;
      results.push(await grow(context, topic, request.validateOnly, isDuplicate));
    }
    return { results };
  },
});

async function grow(
  context: RequestContext,
  { name, count, assignments }: CreatePartitionsRequest["topics"][number],
  validateOnly: boolean,
  isDuplicate: boolean,
) {
  const { store, topics } = context.services;
  try {
    if (isDuplicate) throw new RequestError("INVALID_REQUEST", "Duplicate topic name.");
    const topic = store.image.topic(name);
    if (topic === null) {
      return { name, errorCode: errorCode("UNKNOWN_TOPIC_OR_PARTITION"), errorMessage: null };
    }
    const manual = assignments?.map(({ brokerIds }) => brokerIds) ?? null;
    const replicas = topics.planGrowth(topic, count, manual);
    if (!validateOnly) await topics.grow(topic, replicas);
    return { name, errorCode: 0, errorMessage: null };
  } catch (cause) {
    const { error, message } = metadataError(cause);
    return { name, errorCode: errorCode(error), errorMessage: message };
  }
}
