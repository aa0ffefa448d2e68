/**
 * One shard: the transactional ids of one partition of `__transaction_state`, and the order in which their records reach it.
 *
 * An id's metadata is what its last durable record says. What is on its way is kept beside it: `isBusy` when the id is about to change,
 * which lets nobody else begin, and `additions` while partitions are being added, which lets more be added.
 */
import type { CoordinatorLog } from "../coordinator-log.ts";
import { CoordinatorAppendRejected } from "../errors.ts";
import {
  isPrepared,
  type PartitionsByTopic,
  type TransactionMetadata,
  unborn,
} from "./transaction-metadata.ts";
import {
  decodeTransactionRecord,
  encodeTransactionRecord,
  type TransactionRecord,
} from "./transaction-record.ts";
import type { TransactionErrorName } from "./transaction-types.ts";

export class Transaction {
  readonly shard: TransactionShard;
  /** What is durable, or follows from that (see transaction-finisher.ts). Until the first record is, what it was made up from. */
  metadata: TransactionMetadata;
  /** A change other than an addition is on its way, or a decision is being carried out. */
  isBusy = false;
  /** Additions that are on their way, in order: each holds all partitions of those before it. */
  readonly additions: PendingAddition[] = [];
  /** Of a prepared transaction: the partitions that still lack its marker; null before the first attempt. */
  unmarked: PartitionsByTopic | null = null;
  /** How often in a row carrying it out has failed. */
  failures = 0;

  constructor(shard: TransactionShard, metadata: TransactionMetadata) {
    this.shard = shard;
    this.metadata = metadata;
  }

  get transactionalId(): string {
    return this.metadata.transactionalId;
  }

  /** Whether it has not been forgotten meanwhile. */
  get isKnown(): boolean {
    return this.shard.transactions.get(this.transactionalId) === this;
  }

  /** Whether an operation that is no addition must wait. */
  get isChanging(): boolean {
    return this.isBusy || this.additions.length > 0;
  }
}

export interface PendingAddition {
  readonly metadata: TransactionMetadata;
  readonly stored: Promise<TransactionErrorName>;
}

export class TransactionShard {
  readonly index: number;
  readonly transactions = new Map<string, Transaction>();
  /** Why requests are turned away; NONE once loaded. */
  status: TransactionErrorName = "COORDINATOR_LOAD_IN_PROGRESS";
  readonly #log: CoordinatorLog;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(index: number, log: CoordinatorLog) {
    this.index = index;
    this.#log = log;
  }

  /** The entry of an id that has none yet. */
  create(transactionalId: string, producerId: number): Transaction {
    const transaction = new Transaction(this, unborn(transactionalId, producerId));
    this.transactions.set(transactionalId, transaction);
    return transaction;
  }

  /** Resolves to the number of records read; those that must be carried out are left to the caller. */
  async load(): Promise<number> {
    let count = 0;
    await this.#log.replay(
      this.index,
      (stored) => {
        count++;
        const record = decodeTransactionRecord(stored);
        if (record !== null) this.replay(record);
      },
      () => {},
    );
    return count;
  }

  /** Ids whose outcome is decided but not carried out. */
  prepared(): Transaction[] {
    return [...this.transactions.values()].filter(({ metadata }) => isPrepared(metadata));
  }

  /**
   * Appends one atomic batch and replays it. @throws {CoordinatorAppendRejected} or whatever the log rejected with: it did not happen.
   */
  append(records: readonly TransactionRecord[]): Promise<void> {
    const stored = this.#append(records);
    const settled = stored.catch(() => {}).then(() => void this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
    return stored;
  }

  /** Waits until what is on its way has arrived. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** The only code that changes what is known of an id, but for the finisher, which is a step ahead. */
  replay({ transactionalId, value }: TransactionRecord): void {
    if (value === null) {
      this.transactions.delete(transactionalId);
      return;
    }
    const transaction = this.transactions.get(transactionalId);
    if (transaction !== undefined) transaction.metadata = value;
    else this.transactions.set(transactionalId, new Transaction(this, value));
  }

  async #append(records: readonly TransactionRecord[]): Promise<void> {
    let encoded: ReturnType<typeof encodeTransactionRecord>[];
    try {
      encoded = records.map(encodeTransactionRecord);
    } catch (error) {
      throw new CoordinatorAppendRejected("tooLarge", error);
    }
    await this.#log.append(this.index, encoded);
    for (const record of records) this.replay(record);
  }
}
