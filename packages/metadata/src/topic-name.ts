import { InvalidTopicName } from "./errors.ts";

/** Longest name of a topic, in characters. */
export const MAX_TOPIC_NAME_LENGTH = 249;

const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** Names the log of cluster metadata; clients cannot create it. */
export const METADATA_TOPIC_NAME = "__cluster_metadata";

/** Topics that Kafka keeps for itself. They are marked internal in Metadata and clients cannot write to them. */
const INTERNAL_TOPICS = new Set([
  "__consumer_offsets",
  "__transaction_state",
  "__share_group_state",
]);

export function isInternalTopicName(name: string): boolean {
  return INTERNAL_TOPICS.has(name);
}

/** AD1: what is wrong with the name of a topic, in Kafka's words, or null when it is fine. */
export function topicNameProblem(name: string): string | null {
  if (name === "") {
    return "Topic name is invalid: the empty string is not allowed";
  }
  if (name === "." || name === "..") {
    return `Topic name is invalid: '${name}' is not allowed`;
  }
  if (name.length > MAX_TOPIC_NAME_LENGTH) {
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${MAX_TOPIC_NAME_LENGTH}`;
  }
  if (!LEGAL.test(name)) {
    return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/** @throws {InvalidTopicName} */
export function validateTopicName(name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== null) {
    throw new InvalidTopicName(problem);
  }
}

/** What names that would share a metric name have in common: `.` and `_` are the same there. */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}

/** Kafka's message for a new topic whose name differs from an existing one only in `.` and `_`. */
export function topicCollisionMessage(name: string, existing: string): string {
  return `Topic '${name}' collides with existing topic: ${existing}`;
}
