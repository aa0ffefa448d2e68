/** What a producer may add to its transaction, and write in it. */
import type { ProducerIdentity } from "../coordinator-log.ts";
import {
  isPrepared,
  type PartitionsByTopic,
  type TransactionMetadata,
} from "./transaction-metadata.ts";
import type { TopicPartitions, TransactionErrorName } from "./transaction-types.ts";

const NOTHING: readonly TopicPartitions[] = [];

/** What is wrong with a producer that wants to add to its transaction or to write in it (TX4). */
export function producerFault(
  metadata: TransactionMetadata,
  { producerId, producerEpoch }: ProducerIdentity,
): TransactionErrorName {
  if (metadata.producerId !== producerId) return "INVALID_PRODUCER_ID_MAPPING";
  if (metadata.producerEpoch !== producerEpoch) return "PRODUCER_FENCED";
  return isPrepared(metadata) ? "CONCURRENT_TRANSACTIONS" : "NONE";
}

/** Whether there is a transaction and all these partitions are in it. */
export function containsAll(
  metadata: TransactionMetadata,
  topics: readonly TopicPartitions[],
): boolean {
  if (metadata.state !== "Ongoing") return false;
  for (const { topic, partitions } of topics) {
    const known = metadata.partitions.get(topic);
    for (const partition of partitions) if (known?.has(partition) !== true) return false;
  }
  return true;
}

/** Those of the partitions that are not in the transaction. */
export function missingFrom(
  metadata: TransactionMetadata,
  topics: readonly TopicPartitions[],
): readonly TopicPartitions[] {
  if (containsAll(metadata, topics)) return NOTHING;
  const known: PartitionsByTopic = metadata.partitions;
  return topics
    .map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter((partition) => known.get(topic)?.has(partition) !== true),
    }))
    .filter(({ partitions }) => partitions.length > 0);
}
