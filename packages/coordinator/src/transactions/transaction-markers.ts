/**
 * What the coordinator needs of the partitions that take part in a transaction; the broker implements it over the log engine.
 *
 * In partitions of `__consumer_offsets` a marker also ends what the group coordinator keeps for the producer: in the same turn as the
 * marker is queued there the broker calls `GroupCoordinator.completeTransaction` with the promise that tells whether it was stored.
 */
import type { ProducerIdentity } from "../coordinator-log.ts";
import type { TopicPartitions, TransactionVersion } from "./transaction-types.ts";

/** The end of a transaction in its partitions (TX9). The broker adds the coordinator's epoch, that of the log it writes to. */
export interface TransactionMarker extends ProducerIdentity {
  readonly commit: boolean;
  /** The rules for `producerEpoch`: with 2 it must be above the producer's own, which the marker so raises (TX7). */
  readonly transactionVersion: TransactionVersion;
  readonly topics: readonly TopicPartitions[];
}

export interface TransactionMarkers {
  /**
   * Queues the marker in all partitions before it returns to the event loop. Resolves, when all that was queued is durable, to the partitions
   * that do not have it but may yet get it: these are tried again. A partition counts as done also when it is gone for good, or refuses the
   * marker because its producer has the marker's epoch or a later one: the marker is there, or its transaction is long over.
   */
  write(marker: TransactionMarker): Promise<readonly TopicPartitions[]>;
}

/** Hands out producer ids, each once in the life of the cluster (IP8). */
export interface ProducerIdAllocator {
  /** Rejects when none is to be had now. */
  next(): Promise<number>;
}
