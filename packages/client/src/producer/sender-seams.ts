/** What the sender meets: the transaction it sends for, those it tells, and what its own parts may do to it. */
import type { ProducerBatch } from "./batch.ts";
import type { PartitionQueue } from "./partition-queue.ts";

/** What a transaction adds to sending. */
export interface TransactionGate {
  readonly transactionalId: string;
  /** The producer's identity, or null while there is none. */
  readonly identity: { readonly producerId: number; readonly producerEpoch: number } | null;
  /** Whether the partition belongs to the transaction; if not yet, it is asked for and `onAdded` called later. */
  admits(topic: string, partition: number): boolean;
  /** Whether brokers add partitions by themselves (KIP-890 part 2). */
  readonly isImplicit: boolean;
  /** A batch was given up: the transaction can only abort. */
  onFailure(error: Error): void;
}

export interface SenderEvents {
  /** Bytes left the buffer. */
  onRelease(bytes: number): void;
  /** A batch was given up that somebody sent without waiting. */
  onUnwatchedFailure(error: Error): void;
}

/** The sender, as its parts see it. */
export interface SenderHandle {
  /** Why nothing can be sent any more, or null. */
  readonly fatal: Error | null;
  /** From now on nothing can be sent; the first reason counts. */
  fail(error: Error): void;
  /** Looks at all queues at the end of this turn. */
  wake(): void;
}

/** The sender, as those see it that collect what it sends. */
export interface BatchTaker {
  /** Looks at all queues at the end of this turn. */
  wake(): void;
  /** A queue has a new batch. */
  onOpened(queue: PartitionQueue): void;
  /** The broker to send to, or −1 while it is not known. */
  leaderOf(topic: string, partition: number): number;
}

/** A batch on its way. */
export interface Flight {
  readonly queue: PartitionQueue;
  readonly batch: ProducerBatch;
}
