/** Deletes topics. v5: messages; v6: by name or by id. AD2: the name is free and the id dead once answered. */
import { type Topic, TopicNotFound } from "@ottla/metadata";
import {
  type DeleteTopicsRequest,
  deleteTopics,
  errorCode,
  errorMessage,
  ZERO_UUID,
} from "@ottla/protocol";
import { metadataError, RequestError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";
import { repeated } from "../repeated.ts";
import { mapInTurns } from "../turns.ts";

interface Target {
  readonly name: string | null;
  readonly topicId: string;
}

export const deleteTopicsHandler = handler({
  api: deleteTopics,
  takesTurns: true,

  async handle(context, request) {
    const targets = targetsOf(context.version, request);
    const isEnabled = context.services.config(context.broker.id).boolean("delete.topic.enable");
    const distinct = distinctTargets(targets);
    const namedTwice = repeated(distinct.map(({ target }) => topicOf(context, target)?.topicId));
    const responses = await mapInTurns(distinct, ({ target, isRepeated }) => {
      const topic = topicOf(context, target);
      const isDuplicate = isRepeated || (topic !== null && namedTwice.has(topic.topicId));
      return remove(context, target, isEnabled, isDuplicate);
    });
    return { responses };
  },
});

function targetsOf(version: number, request: DeleteTopicsRequest): readonly Target[] {
  if (version >= 6) return request.topics;
  return request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}

function topicOf(context: RequestContext, { name, topicId }: Target): Topic | null {
  const { image } = context.services.store;
  return name === null ? image.topicById(topicId) : image.topic(name);
}

/** The targets that differ: one that is said twice is answered once. */
function distinctTargets(targets: readonly Target[]) {
  const distinct: { readonly target: Target; isRepeated: boolean }[] = [];
  const byId = new Map<string, Map<string | null, (typeof distinct)[number]>>();
  for (const target of targets) {
    const byName = byId.get(target.topicId) ?? new Map();
    byId.set(target.topicId, byName);
    const known = byName.get(target.name);
    if (known !== undefined) known.isRepeated = true;
    else {
      const entry = { target, isRepeated: false };
      byName.set(target.name, entry);
      distinct.push(entry);
    }
  }
  return distinct;
}

async function remove(
  context: RequestContext,
  target: Target,
  isEnabled: boolean,
  isDuplicate: boolean,
) {
  const { name, topicId } = target;
  try {
    if (name !== null && topicId !== ZERO_UUID) {
      throw new RequestError(
        "INVALID_REQUEST",
        "You may not specify both topic name and topic id.",
      );
    }
    if (name === null && topicId === ZERO_UUID) {
      throw new RequestError("INVALID_REQUEST", "Neither topic name nor id were specified.");
    }
    if (isDuplicate) {
      const what = name === null ? "id" : "name";
      throw new RequestError("INVALID_REQUEST", `Duplicate topic ${what}.`);
    }
    if (!isEnabled) {
      throw new RequestError("TOPIC_DELETION_DISABLED", errorMessage("TOPIC_DELETION_DISABLED"));
    }
    const topic = topicOf(context, target);
    if (topic === null) {
      throw noSuchTopic(name);
    }
    await context.services.topics.delete(topic.topicId).catch((cause: unknown) => {
      // Another request was faster.
      throw cause instanceof TopicNotFound ? noSuchTopic(name) : cause;
    });
    return { name: topic.name, topicId: topic.topicId, errorCode: 0, errorMessage: null };
  } catch (cause) {
    const { error, message } = metadataError(cause);
    return { name, topicId, errorCode: errorCode(error), errorMessage: message };
  }
}

function noSuchTopic(name: string | null): RequestError {
  const error = name === null ? "UNKNOWN_TOPIC_ID" : "UNKNOWN_TOPIC_OR_PARTITION";
  return new RequestError(error, errorMessage(error));
}
