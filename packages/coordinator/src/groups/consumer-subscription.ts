import {
  consumerProtocolSubscription,
  decodeData,
  ProtocolError,
  readVersion,
} from "@ottla/protocol";

/**
 * Adds the topics of a consumer protocol subscription to `topics`; false when the bytes are none. Every version begins with
 * version 0, which is all that is read, so that a version to come is understood as well.
 */
export function collectSubscribedTopics(metadata: Buffer, topics: Set<string>): boolean {
  try {
    if (readVersion(metadata) < 0) return false;
    const subscription = decodeData(consumerProtocolSubscription, 0, metadata, 2);
    for (const topic of subscription.topics) topics.add(topic);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
