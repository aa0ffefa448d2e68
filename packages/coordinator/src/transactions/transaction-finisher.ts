/**
 * Carries decided transactions out: the marker to every partition, then the record that it is over. What does not succeed is tried
 * again until it does, for a decision cannot be taken back; the id stays busy all the while.
 *
 * Crash: see the head of transaction-coordinator.ts. Between two attempts nothing is remembered but which partitions still lack the marker.
 */
import type { Cancel, Clock } from "@ottla/platform";
import { fromTopics, toTopics } from "./transaction-list.ts";
import type { TransactionMarkers } from "./transaction-markers.ts";
import { completed, NO_PARTITIONS, type PartitionsByTopic } from "./transaction-metadata.ts";
import type { TransactionCoordinatorProbe } from "./transaction-probe.ts";
import type { Transaction } from "./transaction-shard.ts";

export interface TransactionFinisherOptions {
  readonly clock: Clock;
  readonly markers: TransactionMarkers;
  readonly probe: TransactionCoordinatorProbe | null;
}

/** Time between two attempts. */
const RETRY_DELAY_MS = 100;

export class TransactionFinisher {
  readonly #clock: Clock;
  readonly #markers: TransactionMarkers;
  readonly #probe: TransactionCoordinatorProbe | null;
  /** What the next attempt is for, and the timer that waits for it. */
  readonly #waiting = new Set<Transaction>();
  readonly #attempts = new Set<Promise<void>>();
  #cancelRetry: Cancel | null = null;
  #isClosed = false;

  constructor({ clock, markers, probe }: TransactionFinisherOptions) {
    this.#clock = clock;
    this.#markers = markers;
    this.#probe = probe;
  }

  /** How many transactions wait for another attempt. */
  get retrying(): number {
    return this.#waiting.size;
  }

  /** Resolves after the first attempt, however it went. The transaction is busy before, and no longer once it is carried out. */
  finish(transaction: Transaction): Promise<void> {
    const attempt = this.#attempt(transaction).finally(() => this.#attempts.delete(attempt));
    this.#attempts.add(attempt);
    return attempt;
  }

  /** Makes no further attempts, and waits for those under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#waiting.clear();
    await Promise.all(this.#attempts);
  }

  async #attempt(transaction: Transaction): Promise<void> {
    const { metadata, shard, transactionalId } = transaction;
    try {
      const unmarked = transaction.unmarked ?? metadata.partitions;
      transaction.unmarked = unmarked.size === 0 ? NO_PARTITIONS : await this.#mark(transaction);
      if (transaction.unmarked.size > 0) {
        this.#probe?.warning(`transaction ${transactionalId} lacks markers`, null);
        this.#retryLater(transaction);
        return;
      }
      const value = completed(metadata, this.#clock.now());
      await shard.append([{ transactionalId, value }]);
    } catch (cause) {
      this.#probe?.warning(`transaction ${transactionalId} is not carried out yet`, cause);
      this.#retryLater(transaction);
      return;
    }
    transaction.unmarked = null;
    transaction.isBusy = false;
    const durationMs = this.#clock.now() - metadata.startMs;
    this.#probe?.transactionCompleted({ commit: metadata.state === "PrepareCommit", durationMs });
  }

  async #mark(transaction: Transaction): Promise<PartitionsByTopic> {
    const { producerId, producerEpoch, state, transactionVersion, partitions } =
      transaction.metadata;
    const topics = toTopics(transaction.unmarked ?? partitions);
    const commit = state === "PrepareCommit";
    const marker = { producerId, producerEpoch, commit, transactionVersion, topics };
    return fromTopics(await this.#markers.write(marker));
  }

  #retryLater(transaction: Transaction): void {
    if (this.#isClosed) return;
    this.#waiting.add(transaction);
    if (this.#waiting.size > 1) return;
    this.#cancelRetry = this.#clock.schedule(RETRY_DELAY_MS, () => {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const again of waiting) void this.finish(again);
    });
  }
}
