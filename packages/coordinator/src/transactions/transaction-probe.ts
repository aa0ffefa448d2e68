/** What the transaction coordinator tells metrics. Every call is cheap and must not throw. */
export interface TransactionCoordinatorProbe {
  /** A transaction is over, in all its partitions. */
  transactionCompleted(outcome: { readonly commit: boolean; readonly durationMs: number }): void;
  /** One was aborted because its producer took too long (TX14). */
  transactionTimedOut(): void;
  /** Another InitProducerId aborted it (TX2). */
  transactionFenced(): void;
  transactionalIdsExpired(count: number): void;
  /** A shard was read at start-up: `partition-load-time-max` and `-avg`. */
  shardLoaded(loaded: {
    readonly shard: number;
    readonly records: number;
    readonly durationMs: number;
  }): void;
  /** Something an operator wants to read: an unreadable record, a failed append, a partition without its marker. */
  warning(message: string, cause: unknown): void;
}

/** Gauges as of now, for `kafka_server_transaction_coordinator_metrics_*`. */
export interface TransactionCoordinatorGauges {
  readonly transactionalIds: number;
  readonly transactionsOngoing: number;
  /** Decided, with markers or the last record still to be written. */
  readonly transactionsPrepared: number;
  /** Those of them whose first attempt failed: Kafka's `LogAppendRetryQueueSize` and `UnknownDestinationQueueSize` together. */
  readonly transactionsRetrying: number;
}
