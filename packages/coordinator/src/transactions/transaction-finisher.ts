/**
 * Carries decided transactions out: the marker to every partition, then the record that it is over. What does not succeed is tried
 * again until it does, for a decision cannot be taken back; the id stays busy until all partitions have their marker.
 *
 * The last record is not waited for. It follows from the decision, which names all that it says; all it saves is writing the markers
 * again after a crash. So when the last marker is durable the transaction is over, here and for its producer, and whatever the
 * producer does next has its record behind this one. If this one fails, what came behind it has taken its place, or it is written again.
 *
 * Crash: see the head of transaction-coordinator.ts. Between two attempts nothing is remembered but which partitions still lack the marker.
 */
import type { Cancel, Clock } from "@ottla/platform";
import { fromTopics, toTopics } from "./transaction-list.ts";
import type { TransactionMarkers } from "./transaction-markers.ts";
import {
  completed,
  isPrepared,
  type PartitionsByTopic,
  type TransactionMetadata,
} from "./transaction-metadata.ts";
import type { TransactionCoordinatorProbe } from "./transaction-probe.ts";
import type { Transaction } from "./transaction-shard.ts";

export interface TransactionFinisherOptions {
  readonly clock: Clock;
  readonly markers: TransactionMarkers;
  readonly probe: TransactionCoordinatorProbe | null;
}

/** Time between two attempts. */
const RETRY_DELAY_MS = 100;

/** Of failures in a row only the first is told, and then one in so many. */
const FAILURES_PER_WARNING = 300;

export class TransactionFinisher {
  readonly #clock: Clock;
  readonly #markers: TransactionMarkers;
  readonly #probe: TransactionCoordinatorProbe | null;
  /** What the next attempt is for, with what was known of each when the last one failed, and the timer that waits for it. */
  readonly #waiting = new Map<Transaction, TransactionMetadata>();
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

  /** Resolves after the first attempt, however it went. The transaction is busy before, and no longer once all markers are written. */
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
    const { metadata, transactionalId } = transaction;
    try {
      await this.#mark(transaction);
    } catch (cause) {
      this.#complain(transaction, `transaction ${transactionalId} is not carried out yet`, cause);
      this.#retryLater(transaction);
      return;
    }
    transaction.failures = 0;
    transaction.unmarked = null;
    transaction.metadata = completed(metadata, this.#clock.now());
    transaction.isBusy = false;
    void this.#record(transaction);
    const durationMs = this.#clock.now() - metadata.startMs;
    this.#probe?.transactionCompleted({ commit: metadata.state === "PrepareCommit", durationMs });
  }

  /** @throws when partitions are left without their marker. */
  async #mark(transaction: Transaction): Promise<void> {
    const { producerId, producerEpoch, state, transactionVersion, partitions } =
      transaction.metadata;
    const unmarked: PartitionsByTopic = transaction.unmarked ?? partitions;
    if (unmarked.size === 0) return;
    const commit = state === "PrepareCommit";
    const topics = toTopics(unmarked);
    const marker = { producerId, producerEpoch, commit, transactionVersion, topics };
    transaction.unmarked = fromTopics(await this.#markers.write(marker));
    for (const [topic, left] of transaction.unmarked) {
      throw new Error(`partition ${[...left].join(", ")} of ${topic} does not take its marker`);
    }
  }

  /** Writes the end of a transaction that is over. */
  async #record(transaction: Transaction): Promise<void> {
    const { metadata: value, transactionalId, shard } = transaction;
    try {
      await shard.append([{ transactionalId, value }]);
      transaction.failures = 0;
    } catch (cause) {
      const what = `the end of transaction ${transactionalId} is not stored yet`;
      this.#complain(transaction, what, cause);
      this.#retryLater(transaction);
    }
  }

  #complain(transaction: Transaction, message: string, cause: unknown): void {
    if (transaction.failures++ % FAILURES_PER_WARNING === 0) this.#probe?.warning(message, cause);
  }

  #retryLater(transaction: Transaction): void {
    if (this.#isClosed) return;
    this.#waiting.set(transaction, transaction.metadata);
    if (this.#waiting.size > 1) return;
    this.#cancelRetry = this.#clock.schedule(RETRY_DELAY_MS, () => {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const [again, metadata] of waiting) {
        if (again.metadata === metadata && again.isKnown) this.#retry(again);
      }
    });
  }

  #retry(transaction: Transaction): void {
    if (isPrepared(transaction.metadata)) void this.finish(transaction);
    // A change that is on its way would be undone by an older record behind it.
    else if (transaction.isChanging) this.#retryLater(transaction);
    else void this.#record(transaction);
  }
}
