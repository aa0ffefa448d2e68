/** Kafka's `transaction.*` and `transactional.id.*` settings that the coordinator acts on; names follow the keys, with units. */
export interface TransactionCoordinatorConfig {
  /** `transaction.max.timeout.ms` */
  readonly transactionMaxTimeoutMs: number;
  /** `transactional.id.expiration.ms` */
  readonly transactionalIdExpirationMs: number;
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly transactionAbortTimedOutTransactionCleanupIntervalMs: number;
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly transactionRemoveExpiredTransactionCleanupIntervalMs: number;
}

/** Kafka's defaults. */
export const DEFAULT_TRANSACTION_COORDINATOR_CONFIG: TransactionCoordinatorConfig = {
  transactionMaxTimeoutMs: 900_000,
  transactionalIdExpirationMs: 604_800_000,
  transactionAbortTimedOutTransactionCleanupIntervalMs: 10_000,
  transactionRemoveExpiredTransactionCleanupIntervalMs: 3_600_000,
};
