/**
 * The identity that batches are sent under. A transactional producer's comes from its transaction. Any other idempotent producer asks for
 * one before its first batch (KIP-98), and each of its queues goes on from there by itself: a broker keeps producers per partition, so a
 * queue that cannot continue its sequence starts an epoch of its own.
 */
import { initProducerId } from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { isRetriable } from "../errors.ts";
import type { Backoff } from "../transport/backoff.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { SenderHandle, TransactionGate } from "./sender-seams.ts";

const MAX_EPOCH = 0x7fff;

export class SenderIdentity {
  readonly #cluster: Cluster;
  readonly #isIdempotent: boolean;
  readonly #gate: TransactionGate | null;
  readonly #sender: SenderHandle;
  readonly #signal: AbortSignal;
  #identity: { readonly producerId: number; readonly producerEpoch: number } | null = null;
  #isAsking = false;
  #retryAtMs = 0;
  readonly #backoff: Backoff;

  constructor(
    cluster: Cluster,
    isIdempotent: boolean,
    gate: TransactionGate | null,
    sender: SenderHandle,
    signal: AbortSignal,
  ) {
    this.#cluster = cluster;
    this.#isIdempotent = isIdempotent;
    this.#gate = gate;
    this.#sender = sender;
    this.#signal = signal;
    this.#backoff = cluster.backoff();
  }

  /** Null when the producer has an identity or needs none; otherwise when to look again. */
  acquire(now: number): number | null {
    if (this.#gate !== null) return this.#gate.identity === null ? now + 1_000 : null;
    if (!this.#isIdempotent || this.#identity !== null) return null;
    if (this.#isAsking) return Number.POSITIVE_INFINITY;
    if (now < this.#retryAtMs) return this.#retryAtMs;
    this.#isAsking = true;
    this.#ask()
      .then(
        (identity) => {
          this.#identity = identity;
          this.#backoff.reset();
        },
        (error: Error) => {
          if (isRetriable(error)) {
            this.#retryAtMs = this.#cluster.now() + this.#backoff.nextMs();
          } else {
            this.#sender.fail(error);
          }
        },
      )
      .finally(() => {
        this.#isAsking = false;
        this.#sender.wake();
      });
    return Number.POSITIVE_INFINITY;
  }

  /** Makes sure, in a pass that {@link acquire} let begin, that the queue has an identity to send under; false when it has to wait for one. */
  prepare(queue: PartitionQueue): boolean {
    if (!this.#isIdempotent) return true;
    if (this.#gate !== null) {
      const identity = this.#gate.identity!;
      if (
        queue.producerId !== identity.producerId ||
        queue.producerEpoch !== identity.producerEpoch
      ) {
        queue.startEpoch(identity.producerId, identity.producerEpoch);
      }
      return true;
    }
    if (queue.producerId < 0) {
      // Another queue of the same pass may just have used up the last epoch.
      if (this.#identity === null) return false;
      queue.startEpoch(this.#identity.producerId, this.#identity.producerEpoch);
    }
    if (!queue.needsNewEpoch) return true;
    if (queue.producerEpoch < MAX_EPOCH) {
      // Brokers keep producers per partition, so a new epoch here concerns no other partition.
      queue.startEpoch(queue.producerId, queue.producerEpoch + 1);
      return true;
    }
    this.#identity = null;
    queue.producerId = -1;
    this.#sender.wake();
    return false;
  }

  async #ask(): Promise<{ producerId: number; producerEpoch: number }> {
    const connection = await this.#cluster.brokers.any(this.#signal);
    const { errorCode, producerId, producerEpoch } = await connection.request(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 0x7fff_ffff,
    });
    throwIfError(errorCode, "InitProducerId");
    return { producerId, producerEpoch };
  }
}
