/** What the coordinator tells metrics; names are Kafka's sensors in plain words. Every call is cheap and must not throw. */
export interface GroupCoordinatorProbe {
  /** A generation became stable. */
  rebalanceCompleted(): void;
  offsetsCommitted(count: number): void;
  offsetsExpired(count: number): void;
  offsetsDeleted(count: number): void;
  /** A shard was read at start-up. */
  shardLoaded(loaded: {
    readonly shard: number;
    readonly records: number;
    readonly durationMs: number;
  }): void;
  /** Something an operator wants to read: an unreadable record, a failed append. */
  warning(message: string, cause: unknown): void;
}

/** Gauges as of now, for `kafka_coordinator_group_groupmetadatamanager_*`. */
export interface GroupCoordinatorGauges {
  readonly numGroups: number;
  readonly numGroupsEmpty: number;
  readonly numGroupsPreparingRebalance: number;
  readonly numGroupsCompletingRebalance: number;
  readonly numGroupsStable: number;
  readonly numGroupsDead: number;
  readonly numOffsets: number;
}
