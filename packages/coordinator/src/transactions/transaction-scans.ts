/** What happens to transactional ids when nobody asks: open transactions time out (TX14), unused ids expire (TX15). */
import type { Cancel, Clock } from "@ottla/platform";
import { appendInBatches } from "../batches.ts";
import type { TransactionCoordinatorConfig } from "./config.ts";
import { ABORT_BY_COORDINATOR, type TransactionChanges } from "./transaction-changes.ts";
import { mayExpire } from "./transaction-metadata.ts";
import type { TransactionCoordinatorProbe } from "./transaction-probe.ts";
import type { Transaction, TransactionShard } from "./transaction-shard.ts";

export interface TransactionScansOptions {
  readonly clock: Clock;
  readonly config: TransactionCoordinatorConfig;
  readonly shards: readonly TransactionShard[];
  readonly changes: TransactionChanges;
  readonly probe: TransactionCoordinatorProbe | null;
}

/** A timeout of this many ms is none: two-phase commits that somebody else ends. */
const NO_TIMEOUT_MS = 0x7fff_ffff;

export class TransactionScans {
  readonly #clock: Clock;
  readonly #config: TransactionCoordinatorConfig;
  readonly #shards: readonly TransactionShard[];
  readonly #changes: TransactionChanges;
  readonly #probe: TransactionCoordinatorProbe | null;
  #cancelTimeoutScan: Cancel | null = null;
  #cancelExpiryScan: Cancel | null = null;

  constructor({ clock, config, shards, changes, probe }: TransactionScansOptions) {
    this.#clock = clock;
    this.#config = config;
    this.#shards = shards;
    this.#changes = changes;
    this.#probe = probe;
  }

  start(): void {
    this.#scanTimeoutsLater();
    this.#scanExpiryLater();
  }

  /** Idempotent. */
  close(): void {
    this.#cancelTimeoutScan?.();
    this.#cancelExpiryScan?.();
  }

  #scanTimeoutsLater(): void {
    const { transactionAbortTimedOutTransactionCleanupIntervalMs: interval } = this.#config;
    this.#cancelTimeoutScan = this.#clock.schedule(interval, () => {
      this.#scanTimeoutsLater();
      this.#abortTimedOut();
    });
  }

  #abortTimedOut(): void {
    const now = this.#clock.now();
    for (const shard of this.#shards) {
      if (shard.status !== "NONE") continue;
      for (const transaction of shard.transactions.values()) {
        const { state, startMs, timeoutMs } = transaction.metadata;
        if (state !== "Ongoing" || transaction.isChanging) continue;
        if (timeoutMs === NO_TIMEOUT_MS || startMs + timeoutMs >= now) continue;
        void this.#timeOut(transaction);
      }
    }
  }

  async #timeOut(transaction: Transaction): Promise<void> {
    const decided = await this.#changes.end(transaction, ABORT_BY_COORDINATOR);
    if (typeof decided !== "string") this.#probe?.transactionTimedOut();
  }

  #scanExpiryLater(): void {
    const { transactionRemoveExpiredTransactionCleanupIntervalMs: interval } = this.#config;
    this.#cancelExpiryScan = this.#clock.schedule(interval, () => {
      this.#scanExpiryLater();
      for (const shard of this.#shards) {
        if (shard.status === "NONE") void this.#expire(shard);
      }
    });
  }

  /** Forgets ids that nobody has used for long (TX15). A failure is tried again by the next scan. */
  async #expire(shard: TransactionShard): Promise<void> {
    const deadline = this.#clock.now() - this.#config.transactionalIdExpirationMs;
    const expired: Transaction[] = [];
    for (const transaction of shard.transactions.values()) {
      const { metadata, isChanging } = transaction;
      if (isChanging || !mayExpire(metadata) || metadata.lastUpdateMs > deadline) continue;
      transaction.isBusy = true;
      expired.push(transaction);
    }
    if (expired.length === 0) return;
    const { records: kept, cause } = await appendInBatches(expired, (batch) =>
      shard.append(batch.map(({ transactionalId }) => ({ transactionalId, value: null }))),
    );
    for (const transaction of expired) transaction.isBusy = false;
    if (kept.length > 0) {
      this.#probe?.warning(`${kept.length} expired transactional ids were kept`, cause);
    }
    const gone = expired.length - kept.length;
    if (gone > 0) this.#probe?.transactionalIdsExpired(gone);
  }
}
