/**
 * The operations that have an id to themselves: another incarnation of its producer, and the end of its transaction. Each decides, writes and
 * gives the id back; to be called for an id that is not changing, in the turn in which that was found.
 */
import type { Clock } from "@ottla/platform";
import { type AppendRejection, rejectionOf } from "../errors.ts";
import { decideInit, type InitDecision } from "./init-decision.ts";
import { TransactionFinisher } from "./transaction-finisher.ts";
import type { ProducerIdAllocator, TransactionMarkers } from "./transaction-markers.ts";
import {
  isEpochExhausted,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  prepared,
  type TransactionMetadata,
} from "./transaction-metadata.ts";
import type { TransactionCoordinatorProbe } from "./transaction-probe.ts";
import type { Transaction } from "./transaction-shard.ts";
import type {
  InitTransactionalProducerRequest,
  InitTransactionalProducerResult,
  TransactionErrorName,
  TransactionVersion,
} from "./transaction-types.ts";

export interface TransactionChangesOptions {
  readonly clock: Clock;
  readonly producerIds: ProducerIdAllocator;
  readonly markers: TransactionMarkers;
  readonly probe: TransactionCoordinatorProbe | null;
}

export interface TransactionEnd {
  readonly commit: boolean;
  readonly transactionVersion: TransactionVersion;
}

/** The coordinator itself aborts by the rules of the newest clients, whatever the producer's own. */
export const ABORT_BY_COORDINATOR: TransactionEnd = { commit: false, transactionVersion: 2 };

export class TransactionChanges {
  readonly finisher: TransactionFinisher;
  readonly #clock: Clock;
  readonly #producerIds: ProducerIdAllocator;
  readonly #probe: TransactionCoordinatorProbe | null;

  constructor({ clock, producerIds, markers, probe }: TransactionChangesOptions) {
    this.#clock = clock;
    this.#producerIds = producerIds;
    this.#probe = probe;
    this.finisher = new TransactionFinisher({ clock, markers, probe });
  }

  async initialise(
    transaction: Transaction,
    request: InitTransactionalProducerRequest,
  ): Promise<InitTransactionalProducerResult> {
    const { metadata } = transaction;
    let decision = decideInit(metadata, request, null, this.#clock.now());
    if (decision.outcome === "abort") {
      const decided = await this.end(transaction, ABORT_BY_COORDINATOR);
      if (typeof decided === "string") return initError(decided);
      this.#probe?.transactionFenced();
      return initError("CONCURRENT_TRANSACTIONS");
    }
    transaction.isBusy = true;
    if (decision.outcome === "needsProducerId") {
      const producerId = await this.newProducerId();
      if (producerId !== null) {
        decision = decideInit(metadata, request, producerId, this.#clock.now());
      }
    }
    const result = await this.#begin(transaction, decision);
    transaction.isBusy = false;
    return result;
  }

  async #begin(
    transaction: Transaction,
    decision: InitDecision,
  ): Promise<InitTransactionalProducerResult> {
    if (decision.outcome !== "initialise") return initError(refusalOf(decision.outcome));
    const { transactionalId, shard, metadata } = transaction;
    const error = await this.store(transaction, decision.next);
    if (error === "NONE") return initialisedAs(decision.next);
    // Of an id that has never been stored nothing is kept.
    if (metadata.producerEpoch === NO_PRODUCER_EPOCH) shard.transactions.delete(transactionalId);
    return initError(error);
  }

  /** Decides, and carries the decision out. The id is the caller's alone until the finisher gives it back, or right away if nothing was decided. */
  async end(
    transaction: Transaction,
    how: TransactionEnd,
  ): Promise<TransactionMetadata | TransactionErrorName> {
    transaction.isBusy = true;
    const decided = await this.#decide(transaction, how);
    if (typeof decided === "string") transaction.isBusy = false;
    else await this.finisher.finish(transaction);
    return decided;
  }

  async #decide(
    transaction: Transaction,
    { commit, transactionVersion }: TransactionEnd,
  ): Promise<TransactionMetadata | TransactionErrorName> {
    const { metadata } = transaction;
    let nextProducerId = NO_PRODUCER_ID;
    if (transactionVersion >= 2 && isEpochExhausted(metadata.producerEpoch)) {
      const allocated = await this.newProducerId();
      if (allocated === null) return "COORDINATOR_NOT_AVAILABLE";
      nextProducerId = allocated;
    }
    const how = { commit, transactionVersion, nextProducerId };
    const decided = prepared(metadata, how, this.#clock.now());
    const error = await this.store(transaction, decided);
    return error === "NONE" ? decided : error;
  }

  /** Writes what becomes of an id. */
  async store(transaction: Transaction, next: TransactionMetadata): Promise<TransactionErrorName> {
    const { transactionalId } = next;
    try {
      await transaction.shard.append([{ transactionalId, value: next }]);
      return "NONE";
    } catch (cause) {
      this.#probe?.warning(`${next.state} of transaction ${transactionalId} was not stored`, cause);
      return errorOf(rejectionOf(cause));
    }
  }

  /** null when none is to be had. */
  async newProducerId(): Promise<number | null> {
    try {
      return await this.#producerIds.next();
    } catch (cause) {
      this.#probe?.warning("no producer id is to be had", cause);
      return null;
    }
  }
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

export function initError(error: TransactionErrorName): InitTransactionalProducerResult {
  return { error, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}

function initialisedAs(metadata: TransactionMetadata): InitTransactionalProducerResult {
  const { producerId, producerEpoch } = metadata;
  return { error: "NONE", producerId, producerEpoch };
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
