/**
 * The little that the coordinator reads of the consumer protocol: the topics of a subscription, which every version of the format
 * begins with.
 *
 *     int16 version, int32 count, that many strings with an int16 length, …
 */
import { CorruptCoordinatorRecord } from "./errors.ts";
import { RecordReader } from "./records/record-bytes.ts";

/** Adds the subscribed topics in `metadata` to `topics`; false when the bytes are no subscription. */
export function collectSubscribedTopics(metadata: Buffer, topics: Set<string>): boolean {
  try {
    const reader = new RecordReader(metadata);
    if (reader.int16() < 0) return false;
    for (let left = reader.arrayCount(false); left > 0; left--) topics.add(reader.string(false));
    return true;
  } catch (error) {
    if (error instanceof CorruptCoordinatorRecord) return false;
    throw error;
  }
}
