/**
 * The transaction coordinator: who may write under a transactional id, which partitions take part, and how it ends. The states are in
 * transaction-metadata.ts; what is written when, and what each crash leaves behind, in docs/internals/transactions.md.
 *
 * Why ending is safe. Three things are written in this order, each when the one before is durable: the decision (Prepare), the marker in every
 * partition, the end (Complete), for which nobody waits. A crash leaves a prefix: without the decision the transaction is still open, and its timeout aborts it; with it,
 * `load` writes the markers again and then the end. A second marker of the same transaction ends nothing. So no transaction ends one way in
 * one partition and the other way in another.
 *
 * Why nothing slips behind a marker. What a producer may append is decided here, by `verifyPartitions` or `addPartitions`, and appended in the
 * same turn of the event loop. From the turn that queues the decision on, both refuse: so all of the producer's data is queued before the
 * decision, and the markers behind it.
 */
import type { Clock } from "@ottla/platform";
import type { CoordinatorLog, ProducerIdentity } from "../coordinator-log.ts";
import { shardOf } from "../shard.ts";
import type { TransactionCoordinatorConfig } from "./config.ts";
import { decideEnd } from "./end-decision.ts";
import { containsAll, missingFrom, producerFault } from "./transaction-admission.ts";
import { initError, TransactionChanges } from "./transaction-changes.ts";
import {
  describe,
  describeError,
  filterOf,
  fromTopics,
  unknownStates,
} from "./transaction-list.ts";
import type { ProducerIdAllocator, TransactionMarkers } from "./transaction-markers.ts";
import {
  completed,
  isPrepared,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  withPartitions,
} from "./transaction-metadata.ts";
import type {
  TransactionCoordinatorGauges,
  TransactionCoordinatorProbe,
} from "./transaction-probe.ts";
import { TransactionScans } from "./transaction-scans.ts";
import { type Transaction, TransactionShard } from "./transaction-shard.ts";
import type {
  AddPartitionsRequest,
  DescribedTransaction,
  EndTransactionRequest,
  EndTransactionResult,
  InitTransactionalProducerRequest,
  InitTransactionalProducerResult,
  ListedTransaction,
  ListTransactionsFilter,
  ListTransactionsResult,
  TopicPartitions,
  TransactionErrorName,
  TransactionPartitionsRequest,
  VerifyPartitionsResult,
} from "./transaction-types.ts";

export interface TransactionCoordinatorOptions {
  readonly clock: Clock;
  /** Over `__transaction_state`. */
  readonly log: CoordinatorLog;
  readonly config: TransactionCoordinatorConfig;
  readonly producerIds: ProducerIdAllocator;
  readonly markers: TransactionMarkers;
  readonly probe?: TransactionCoordinatorProbe;
}

/** How many shards are read at a time. */
const LOADING_AT_ONCE = 8;

const NOTHING_MISSING: readonly TopicPartitions[] = [];

/**
 * Transactions, over all shards of a coordinator log. Expected failures are values; a rejected promise is a defect. Nothing is
 * answered before what it says is durable.
 */
export class TransactionCoordinator {
  readonly #clock: Clock;
  readonly #config: TransactionCoordinatorConfig;
  readonly #probe: TransactionCoordinatorProbe | null;
  readonly #shards: readonly TransactionShard[];
  readonly #changes: TransactionChanges;
  readonly #scans: TransactionScans;
  #isClosed = false;

  constructor(options: TransactionCoordinatorOptions) {
    const { clock, log, config, producerIds, markers } = options;
    this.#clock = clock;
    this.#config = config;
    const probe = options.probe ?? null;
    this.#probe = probe;
    const shards: TransactionShard[] = [];
    for (let index = 0; index < log.shards; index++) {
      shards.push(new TransactionShard(index, log));
    }
    this.#shards = shards;
    const changes = new TransactionChanges({ clock, producerIds, markers, probe });
    this.#changes = changes;
    this.#scans = new TransactionScans({ clock, config, shards, changes, probe });
  }

  /**
   * Reads every shard; requests for a shard that is not read yet answer COORDINATOR_LOAD_IN_PROGRESS. Transactions whose outcome is decided
   * are carried out from here on (TX16), which `load` does not wait for. To be called when the group coordinator has loaded.
   * @throws AggregateError when shards cannot be read; they answer COORDINATOR_NOT_AVAILABLE, the others work.
   */
  async load(): Promise<void> {
    if (this.#isClosed) return;
    this.#scans.start();
    const waiting = this.#shards.values();
    const errors: unknown[] = [];
    const loadNext = async () => {
      for (const shard of waiting) {
        await this.#loadShard(shard).catch((error: unknown) => errors.push(error));
      }
    };
    await Promise.all(Array.from({ length: LOADING_AT_ONCE }, loadNext));
    if (errors.length > 0) throw new AggregateError(errors, "transaction shards cannot be read");
  }

  /** The partition of `__transaction_state` that holds the id. */
  shardFor(transactionalId: string): number {
    return shardOf(transactionalId, this.#shards.length);
  }

  /** Takes over a transactional id; what its producer before had begun is aborted first, and the client has to ask again (TX2). */
  async initProducerId(
    request: InitTransactionalProducerRequest,
  ): Promise<InitTransactionalProducerResult> {
    const { transactionalId, transactionTimeoutMs } = request;
    if (transactionalId === "") return initError("INVALID_REQUEST");
    if (transactionTimeoutMs <= 0 || transactionTimeoutMs > this.#config.transactionMaxTimeoutMs) {
      return initError("INVALID_TRANSACTION_TIMEOUT");
    }
    const shard = this.#shard(transactionalId);
    const refusal = this.#refusal(shard);
    if (refusal !== "NONE") return initError(refusal);
    let transaction = shard.transactions.get(transactionalId);
    if (transaction === undefined) {
      const producerId = await this.#changes.newProducerId();
      if (producerId === null) return initError("COORDINATOR_NOT_AVAILABLE");
      // Somebody else may have been faster.
      transaction =
        shard.transactions.get(transactionalId) ?? shard.create(transactionalId, producerId);
    }
    if (transaction.isChanging) return initError("CONCURRENT_TRANSACTIONS");
    return this.#changes.initialise(transaction, request);
  }

  /**
   * Adds partitions to the producer's transaction, beginning one if there is none. Answers at once when they are all in it; else resolves when
   * that is durable. Then, before anything is appended to them, the caller asks again: until the answer comes at once.
   */
  addPartitions(
    request: AddPartitionsRequest,
  ): TransactionErrorName | Promise<TransactionErrorName> {
    const transaction = this.#find(request.transactionalId);
    if (typeof transaction === "string") return transaction;
    if (transaction.isBusy) return "CONCURRENT_TRANSACTIONS";
    const fault = producerFault(transaction.metadata, request);
    if (fault !== "NONE") return fault;
    const { metadata, additions } = transaction;
    if (containsAll(metadata, request.topics)) return "NONE";
    // The first that has them: who asks later must not be answered earlier, or appends would change their order.
    const known = additions.find((addition) => containsAll(addition.metadata, request.topics));
    if (known !== undefined) return known.stored;
    const next = withPartitions(
      additions.at(-1)?.metadata ?? metadata,
      fromTopics(request.topics),
      request.transactionVersion,
      this.#clock.now(),
    );
    const stored = this.#changes.store(transaction, next).then((error) => {
      additions.splice(additions.indexOf(addition), 1);
      return error;
    });
    const addition = { metadata: next, stored };
    additions.push(addition);
    return stored;
  }

  /**
   * Whether the producer may append to these partitions now, in this turn of the event loop (TX6): they are in its transaction, and that
   * has not begun to end.
   */
  verifyPartitions(request: TransactionPartitionsRequest): VerifyPartitionsResult {
    const transaction = this.#find(request.transactionalId);
    if (typeof transaction === "string") return verifyError(transaction);
    const { metadata } = transaction;
    const fault = producerFault(metadata, request);
    if (fault !== "NONE") return verifyError(fault);
    if (transaction.isBusy && metadata.state === "Ongoing") {
      return verifyError("CONCURRENT_TRANSACTIONS");
    }
    const missing = missingFrom(metadata, request.topics);
    return { error: "NONE", missing };
  }

  /** Commits or aborts (TX8). Resolves when all partitions have their marker, or, where some do not take it now, when the decision is durable. */
  async endTransaction(request: EndTransactionRequest): Promise<EndTransactionResult> {
    const transaction = this.#find(request.transactionalId);
    if (typeof transaction === "string") return endError(transaction);
    const outcome = decideEnd(transaction.metadata, transaction.isChanging, request);
    const tellsIdentity = request.transactionVersion >= 2;
    if (outcome === "NONE") return ended(transaction.metadata, tellsIdentity);
    if (outcome !== "end") return endError(outcome);
    const decided = await this.#changes.end(transaction, request);
    if (typeof decided === "string") return endError(decided);
    return ended(completed(decided, 0), tellsIdentity);
  }

  describeTransactions(transactionalIds: readonly string[]): readonly DescribedTransaction[] {
    return transactionalIds.map((transactionalId) => {
      if (this.#isClosed) return describeError(transactionalId, "COORDINATOR_NOT_AVAILABLE");
      if (transactionalId === "") return describeError(transactionalId, "INVALID_REQUEST");
      const shard = this.#shard(transactionalId);
      if (shard.status !== "NONE") return describeError(transactionalId, shard.status);
      const transaction = shard.transactions.get(transactionalId);
      if (transaction === undefined) {
        return describeError(transactionalId, "TRANSACTIONAL_ID_NOT_FOUND");
      }
      return describe(transaction.metadata);
    });
  }

  listTransactions(filter: ListTransactionsFilter): ListTransactionsResult {
    const unknownStateFilters = unknownStates(filter.stateFilters);
    const failed = (error: TransactionErrorName) => ({
      error,
      unknownStateFilters: [],
      transactions: [],
    });
    const isWanted = filterOf(filter, this.#clock.now());
    const transactions: ListedTransaction[] = [];
    for (const shard of this.#shards) {
      const refusal = this.#refusal(shard);
      if (refusal !== "NONE") return failed(refusal);
      if (isWanted === null) return failed("INVALID_REGULAR_EXPRESSION");
      for (const { metadata } of shard.transactions.values()) {
        if (!isWanted(metadata)) continue;
        const { transactionalId, producerId, state } = metadata;
        transactions.push({ transactionalId, producerId, transactionState: state });
      }
    }
    return { error: "NONE", unknownStateFilters, transactions };
  }

  gauges(): TransactionCoordinatorGauges {
    let transactionalIds = 0;
    let transactionsOngoing = 0;
    let transactionsPrepared = 0;
    for (const { transactions } of this.#shards) {
      transactionalIds += transactions.size;
      for (const { metadata } of transactions.values()) {
        if (metadata.state === "Ongoing") transactionsOngoing++;
        else if (isPrepared(metadata)) transactionsPrepared++;
      }
    }
    const transactionsRetrying = this.#changes.finisher.retrying;
    return { transactionalIds, transactionsOngoing, transactionsPrepared, transactionsRetrying };
  }

  /** Answers what comes after with COORDINATOR_NOT_AVAILABLE, and waits for what is on its way to the log. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#scans.close();
    await this.#changes.finisher.close();
    for (const shard of this.#shards) await shard.settled();
  }

  async #loadShard(shard: TransactionShard): Promise<void> {
    if (shard.status !== "COORDINATOR_LOAD_IN_PROGRESS" || this.#isClosed) return;
    const startMs = this.#clock.monotonic();
    try {
      const records = await shard.load();
      const durationMs = this.#clock.monotonic() - startMs;
      for (const transaction of shard.prepared()) {
        transaction.isBusy = true;
        void this.#changes.finisher.finish(transaction);
      }
      shard.status = "NONE";
      this.#probe?.shardLoaded({ shard: shard.index, records, durationMs });
    } catch (error) {
      shard.status = "COORDINATOR_NOT_AVAILABLE";
      this.#probe?.warning(`transaction shard ${shard.index} cannot be read`, error);
      throw error;
    }
  }

  #find(transactionalId: string): Transaction | TransactionErrorName {
    if (transactionalId === "") return "INVALID_REQUEST";
    const shard = this.#shard(transactionalId);
    const refusal = this.#refusal(shard);
    if (refusal !== "NONE") return refusal;
    return shard.transactions.get(transactionalId) ?? "INVALID_PRODUCER_ID_MAPPING";
  }

  #shard(transactionalId: string): TransactionShard {
    return this.#shards[shardOf(transactionalId, this.#shards.length)]!;
  }

  #refusal(shard: TransactionShard): TransactionErrorName {
    return this.#isClosed ? "COORDINATOR_NOT_AVAILABLE" : shard.status;
  }
}

function verifyError(error: TransactionErrorName): VerifyPartitionsResult {
  return { error, missing: NOTHING_MISSING };
}

function endError(error: TransactionErrorName): EndTransactionResult {
  return { error, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}

function ended(identity: ProducerIdentity, isTold: boolean): EndTransactionResult {
  if (!isTold) return endError("NONE");
  return {
    error: "NONE",
    producerId: identity.producerId,
    producerEpoch: identity.producerEpoch,
  };
}
