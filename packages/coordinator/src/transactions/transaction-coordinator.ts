/**
 * The transaction coordinator: who may write under a transactional id, which partitions take part, and how it ends. The states are in
 * transaction-metadata.ts; what is written when, and what each crash leaves behind, in docs/internals/transactions.md.
 *
 * Why ending is safe. Three things are written in this order, each when the one before is durable: the decision (Prepare), the marker in every
 * partition, the end (Complete), for which nobody waits. A crash leaves a prefix: without the decision the transaction is still open, and its timeout aborts it; with it,
 * `load` writes the markers again and then the end. A marker that is there already is refused by its partition and counts as done. So no
 * transaction ends one way in one partition and the other way in another.
 *
 * Why nothing slips behind a marker. What a producer may append is decided here, by `verifyPartitions` or `addPartitions`, and appended in the
 * same turn of the event loop. From the turn that queues the decision on, both refuse: so all of the producer's data is queued before the
 * decision, and the markers behind it.
 */
import type { Cancel, Clock } from "@ottla/platform";
import type { CoordinatorLog, ProducerIdentity } from "../coordinator-log.ts";
import { type AppendRejection, rejectionOf } from "../errors.ts";
import { shardOf } from "../shard.ts";
import type { TransactionCoordinatorConfig } from "./config.ts";
import { decideEnd } from "./end-decision.ts";
import { decideInit, type InitDecision } from "./init-decision.ts";
import { TransactionFinisher } from "./transaction-finisher.ts";
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
  isEpochExhausted,
  isPrepared,
  mayExpire,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type PartitionsByTopic,
  prepared,
  type TransactionMetadata,
  withPartitions,
} from "./transaction-metadata.ts";
import type {
  TransactionCoordinatorGauges,
  TransactionCoordinatorProbe,
} from "./transaction-probe.ts";
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
  TransactionVersion,
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

/** The rules by which the coordinator itself aborts: those of the newest clients. */
const SERVER_VERSION: TransactionVersion = 2;

/** A timeout of this many ms is none: two-phase commits that somebody else ends. */
const NO_TIMEOUT_MS = 0x7fff_ffff;

/** How many shards are read at a time. */
const LOADING_AT_ONCE = 8;

/** Tombstones of a scan are appended in batches of this many records. */
const TOMBSTONES_PER_BATCH = 1_000;

const NOTHING_MISSING: readonly TopicPartitions[] = [];

/**
 * Transactions, over all shards of a coordinator log. Expected failures are values; a rejected promise is a defect. Nothing is
 * answered before what it says is durable.
 */
export class TransactionCoordinator {
  readonly #clock: Clock;
  readonly #config: TransactionCoordinatorConfig;
  readonly #producerIds: ProducerIdAllocator;
  readonly #probe: TransactionCoordinatorProbe | null;
  readonly #shards: readonly TransactionShard[];
  readonly #finisher: TransactionFinisher;
  #cancelTimeoutScan: Cancel | null = null;
  #cancelExpiryScan: Cancel | null = null;
  #isClosed = false;

  constructor(options: TransactionCoordinatorOptions) {
    const { clock, log, config, markers } = options;
    this.#clock = clock;
    this.#config = config;
    this.#producerIds = options.producerIds;
    this.#probe = options.probe ?? null;
    const shards: TransactionShard[] = [];
    for (let index = 0; index < log.shards; index++) {
      shards.push(new TransactionShard(index, log));
    }
    this.#shards = shards;
    this.#finisher = new TransactionFinisher({ clock, markers, probe: this.#probe });
  }

  /**
   * Reads every shard; requests for a shard that is not read yet answer COORDINATOR_LOAD_IN_PROGRESS. Transactions whose outcome is decided
   * are carried out from here on (TX16), which `load` does not wait for. To be called when the group coordinator has loaded.
   * @throws AggregateError when shards cannot be read; they answer COORDINATOR_NOT_AVAILABLE, the others work.
   */
  async load(): Promise<void> {
    this.#scanTimeoutsLater();
    this.#scanExpiryLater();
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
      const producerId = await this.#newProducerId();
      if (producerId === null) return initError("COORDINATOR_NOT_AVAILABLE");
      // Somebody else may have been faster.
      transaction =
        shard.transactions.get(transactionalId) ?? shard.create(transactionalId, producerId);
    }
    if (transaction.isChanging) return initError("CONCURRENT_TRANSACTIONS");
    return this.#init(transaction, request);
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
    const stored = this.#store(transaction, next).then((error) => {
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
    const decided = await this.#end(transaction, request);
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
    const transactionsRetrying = this.#finisher.retrying;
    return { transactionalIds, transactionsOngoing, transactionsPrepared, transactionsRetrying };
  }

  /** Answers what comes after with COORDINATOR_NOT_AVAILABLE, and waits for what is on its way to the log. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimeoutScan?.();
    this.#cancelExpiryScan?.();
    await this.#finisher.close();
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
        void this.#finisher.finish(transaction);
      }
      shard.status = "NONE";
      this.#probe?.shardLoaded({ shard: shard.index, records, durationMs });
    } catch (error) {
      shard.status = "COORDINATOR_NOT_AVAILABLE";
      this.#probe?.warning(`transaction shard ${shard.index} cannot be read`, error);
      throw error;
    }
  }

  async #init(
    transaction: Transaction,
    request: InitTransactionalProducerRequest,
  ): Promise<InitTransactionalProducerResult> {
    const { metadata } = transaction;
    let decision = decideInit(metadata, request, null, this.#clock.now());
    if (decision.outcome === "abort") {
      const how = { commit: false, transactionVersion: SERVER_VERSION };
      const decided = await this.#end(transaction, how);
      if (typeof decided === "string") return initError(decided);
      this.#probe?.transactionFenced();
      return initError("CONCURRENT_TRANSACTIONS");
    }
    transaction.isBusy = true;
    if (decision.outcome === "needsProducerId") {
      const producerId = await this.#newProducerId();
      if (producerId !== null) {
        decision = decideInit(metadata, request, producerId, this.#clock.now());
      }
    }
    const result = await this.#initialise(transaction, decision);
    transaction.isBusy = false;
    return result;
  }

  async #initialise(
    transaction: Transaction,
    decision: InitDecision,
  ): Promise<InitTransactionalProducerResult> {
    if (decision.outcome !== "initialise") return initError(refusalOf(decision.outcome));
    const { transactionalId, shard, metadata } = transaction;
    const error = await this.#store(transaction, decision.next);
    if (error === "NONE") return initialisedAs(decision.next);
    // Of an id that has never been stored nothing is kept.
    if (metadata.producerEpoch === NO_PRODUCER_EPOCH) shard.transactions.delete(transactionalId);
    return initError(error);
  }

  /** Decides, and carries the decision out. The id is the caller's alone until the finisher gives it back, or right away if nothing was decided. */
  async #end(
    transaction: Transaction,
    how: { readonly commit: boolean; readonly transactionVersion: TransactionVersion },
  ): Promise<TransactionMetadata | TransactionErrorName> {
    transaction.isBusy = true;
    const decided = await this.#decide(transaction, how.commit, how.transactionVersion);
    if (typeof decided === "string") transaction.isBusy = false;
    else await this.#finisher.finish(transaction);
    return decided;
  }

  async #decide(
    transaction: Transaction,
    commit: boolean,
    transactionVersion: TransactionVersion,
  ): Promise<TransactionMetadata | TransactionErrorName> {
    const { metadata } = transaction;
    let nextProducerId = NO_PRODUCER_ID;
    if (transactionVersion >= 2 && isEpochExhausted(metadata.producerEpoch)) {
      const allocated = await this.#newProducerId();
      if (allocated === null) return "COORDINATOR_NOT_AVAILABLE";
      nextProducerId = allocated;
    }
    const how = { commit, transactionVersion, nextProducerId };
    const decided = prepared(metadata, how, this.#clock.now());
    const error = await this.#store(transaction, decided);
    return error === "NONE" ? decided : error;
  }

  async #store(transaction: Transaction, next: TransactionMetadata): Promise<TransactionErrorName> {
    const { transactionalId } = next;
    try {
      await transaction.shard.append([{ transactionalId, value: next }]);
      return "NONE";
    } catch (cause) {
      this.#probe?.warning(`${next.state} of transaction ${transactionalId} was not stored`, cause);
      return errorOf(rejectionOf(cause));
    }
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
      if (this.#refusal(shard) !== "NONE") continue;
      for (const transaction of shard.transactions.values()) {
        const { state, startMs, timeoutMs } = transaction.metadata;
        if (state !== "Ongoing" || transaction.isChanging) continue;
        if (timeoutMs === NO_TIMEOUT_MS || startMs + timeoutMs >= now) continue;
        void this.#timeOut(transaction);
      }
    }
  }

  async #timeOut(transaction: Transaction): Promise<void> {
    const how = { commit: false, transactionVersion: SERVER_VERSION };
    const decided = await this.#end(transaction, how);
    if (typeof decided !== "string") this.#probe?.transactionTimedOut();
  }

  #scanExpiryLater(): void {
    const { transactionRemoveExpiredTransactionCleanupIntervalMs: interval } = this.#config;
    this.#cancelExpiryScan = this.#clock.schedule(interval, () => {
      this.#scanExpiryLater();
      for (const shard of this.#shards) {
        if (this.#refusal(shard) === "NONE") void this.#expire(shard);
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
    for (let from = 0; from < expired.length; from += TOMBSTONES_PER_BATCH) {
      const batch = expired.slice(from, from + TOMBSTONES_PER_BATCH);
      try {
        await shard.append(batch.map(({ transactionalId }) => ({ transactionalId, value: null })));
        this.#probe?.transactionalIdsExpired(batch.length);
      } catch (cause) {
        this.#probe?.warning(`${batch.length} expired transactional ids were kept`, cause);
      }
      for (const transaction of batch) transaction.isBusy = false;
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

  async #newProducerId(): Promise<number | null> {
    try {
      return await this.#producerIds.next();
    } catch (cause) {
      this.#probe?.warning("no producer id is to be had", cause);
      return null;
    }
  }
}

/** What is wrong with a producer that wants to add to its transaction or to write in it (TX4). */
function producerFault(
  metadata: TransactionMetadata,
  { producerId, producerEpoch }: ProducerIdentity,
): TransactionErrorName {
  if (metadata.producerId !== producerId) return "INVALID_PRODUCER_ID_MAPPING";
  if (metadata.producerEpoch !== producerEpoch) return "PRODUCER_FENCED";
  return isPrepared(metadata) ? "CONCURRENT_TRANSACTIONS" : "NONE";
}

function containsAll(metadata: TransactionMetadata, topics: readonly TopicPartitions[]): boolean {
  if (metadata.state !== "Ongoing") return false;
  for (const { topic, partitions } of topics) {
    const known = metadata.partitions.get(topic);
    for (const partition of partitions) if (known?.has(partition) !== true) return false;
  }
  return true;
}

function missingFrom(
  metadata: TransactionMetadata,
  topics: readonly TopicPartitions[],
): readonly TopicPartitions[] {
  if (containsAll(metadata, topics)) return NOTHING_MISSING;
  const known: PartitionsByTopic = metadata.partitions;
  return topics
    .map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter((partition) => known.get(topic)?.has(partition) !== true),
    }))
    .filter(({ partitions }) => partitions.length > 0);
}

function verifyError(error: TransactionErrorName): VerifyPartitionsResult {
  return { error, missing: NOTHING_MISSING };
}

function refusalOf(outcome: Exclude<InitDecision["outcome"], "initialise">): TransactionErrorName {
  switch (outcome) {
    case "needsProducerId":
      return "COORDINATOR_NOT_AVAILABLE";
    case "abort":
      return "CONCURRENT_TRANSACTIONS";
    default:
      return outcome;
  }
}

function initError(error: TransactionErrorName): InitTransactionalProducerResult {
  return { error, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}

function initialisedAs(metadata: TransactionMetadata): InitTransactionalProducerResult {
  const { producerId, producerEpoch } = metadata;
  return { error: "NONE", producerId, producerEpoch };
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

function errorOf(rejection: AppendRejection): TransactionErrorName {
  switch (rejection) {
    case "tooLarge":
    case "fenced":
      return "UNKNOWN_SERVER_ERROR";
    case "notOwner":
      return "NOT_COORDINATOR";
    case "unavailable":
      return "COORDINATOR_NOT_AVAILABLE";
  }
}
