/**
 * Where coordinators keep their records: the broker passes an implementation over the log engine, tests one in memory.
 * A shard is a partition of `__consumer_offsets` (or, later, of `__transaction_state`).
 */
export interface CoordinatorLog {
  readonly shards: number;
  /**
   * Appends all `records` as one batch and resolves when they are durable, in call order per shard. A rejected append has not
   * happened: the caller drops the operation and answers an error, which a `CoordinatorAppendRejected` tells more about.
   */
  append(shard: number, records: readonly CoordinatorRecord[]): Promise<void>;
  /** Calls `visit` with each record of the shard from its start, in order; `value` null is a tombstone. */
  replay(shard: number, visit: (record: StoredCoordinatorRecord) => void): Promise<void>;
}

export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface StoredCoordinatorRecord extends CoordinatorRecord {
  readonly offset: number;
  readonly timestampMs: number;
}
