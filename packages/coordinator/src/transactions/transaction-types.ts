/**
 * What goes into and comes out of the transaction coordinator. Names are the wire's, versions are gone; `transactionVersion` says which
 * rules the client plays by: 2 (KIP-890 part 2: partitions add themselves, each transaction has an epoch of its own) or an older one.
 */
import type { ErrorName } from "@ottla/protocol";
import type { ProducerIdentity } from "../coordinator-log.ts";

/** The Kafka errors that transactions are answered with, by their names in Kafka's error table. */
export type TransactionErrorName = Extract<
  ErrorName,
  | "NONE"
  | "UNKNOWN_SERVER_ERROR"
  | "COORDINATOR_LOAD_IN_PROGRESS"
  | "COORDINATOR_NOT_AVAILABLE"
  | "NOT_COORDINATOR"
  | "INVALID_REQUEST"
  | "INVALID_TXN_STATE"
  | "INVALID_PRODUCER_ID_MAPPING"
  | "INVALID_TRANSACTION_TIMEOUT"
  | "CONCURRENT_TRANSACTIONS"
  | "TRANSACTIONAL_ID_NOT_FOUND"
  | "PRODUCER_FENCED"
  | "TRANSACTION_ABORTABLE"
  | "INVALID_REGULAR_EXPRESSION"
>;

/** What a client may speak: EndTxn v5, Produce v12 and TxnOffsetCommit v5 mean 2, all else 0 (as Kafka, which never says 1). */
export type TransactionVersion = 0 | 1 | 2;

/** States of a transactional id (TX1); the strings are what DescribeTransactions and ListTransactions carry. */
export type TransactionStateName =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort"
  | "Dead"
  | "PrepareEpochFence";

/** Partitions of one topic. */
export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface InitTransactionalProducerRequest {
  /** Empty is INVALID_REQUEST; a producer without one is no business of this coordinator. */
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** What the client believes to be (KIP-360); null below v3 and when it says nothing. */
  readonly expected: ProducerIdentity | null;
}

/** Id and epoch are −1 on error. */
export interface InitTransactionalProducerResult extends ProducerIdentity {
  readonly error: TransactionErrorName;
}

/** A producer of a transaction and partitions that it wants in it. */
export interface TransactionPartitionsRequest extends ProducerIdentity {
  readonly transactionalId: string;
  readonly topics: readonly TopicPartitions[];
}

export interface AddPartitionsRequest extends TransactionPartitionsRequest {
  /** 2 when the partitions add themselves (Produce v12, TxnOffsetCommit v5, AddPartitionsToTxn v4), 0 for older clients. */
  readonly transactionVersion: TransactionVersion;
}

export interface VerifyPartitionsResult {
  /** About the whole request. */
  readonly error: TransactionErrorName;
  /** Partitions that are not in the transaction: TRANSACTION_ABORTABLE for each (TX6). Empty with an error. */
  readonly missing: readonly TopicPartitions[];
}

export interface EndTransactionRequest extends ProducerIdentity {
  readonly transactionalId: string;
  readonly commit: boolean;
  readonly transactionVersion: TransactionVersion;
}

/** With version 2, id and epoch of the next transaction; −1 with older ones and on error. */
export interface EndTransactionResult extends ProducerIdentity {
  readonly error: TransactionErrorName;
}

export interface DescribedTransaction extends ProducerIdentity {
  readonly transactionalId: string;
  /** With an error all else is empty or −1. */
  readonly error: TransactionErrorName;
  readonly transactionState: TransactionStateName | "";
  readonly transactionTimeoutMs: number;
  /** −1 when no transaction has begun. */
  readonly transactionStartTimeMs: number;
  readonly topics: readonly TopicPartitions[];
}

export interface ListTransactionsFilter {
  /** Empty for all; names that are none are told back. */
  readonly stateFilters: readonly string[];
  /** Empty for all. */
  readonly producerIdFilters: readonly number[];
  /** Lists what has been going on for longer; negative for all. */
  readonly durationFilterMs: number;
  /** A regular expression that the whole id must match; null or empty for all. */
  readonly transactionalIdPattern: string | null;
}

export interface ListTransactionsResult {
  /** COORDINATOR_LOAD_IN_PROGRESS while shards are loading, INVALID_REGULAR_EXPRESSION for a bad pattern. */
  readonly error: TransactionErrorName;
  readonly unknownStateFilters: readonly string[];
  readonly transactions: readonly ListedTransaction[];
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly transactionState: TransactionStateName;
}
