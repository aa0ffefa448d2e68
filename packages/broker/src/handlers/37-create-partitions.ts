/** Gives topics more partitions (AD3). */
import { type CreatePartitionsRequest, createPartitions, errorCode } from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { repeated } from "../repeated.ts";
import { mapInTurns } from "../turns.ts";

export const createPartitionsHandler = handler({
  api: createPartitions,
  takesTurns: true,

  async handle(context, request) {
    const duplicates = repeated(request.topics.map(({ name }) => name));
    const byName = new Map(request.topics.map((topic) => [topic.name, topic]));
    const results = await mapInTurns(byName, ([name, topic]) =>
      grow(context, topic, request.validateOnly, duplicates.has(name)),
    );
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
    if (validateOnly) topics.planGrowth(topic, count, manual);
    else await topics.grow(topic.topicId, count, manual);
    return { name, errorCode: 0, errorMessage: null };
  } catch (cause) {
    const { error, message } = metadataError(cause);
    return { name, errorCode: errorCode(error), errorMessage: message };
  }
}
