/**
 * Where coordinators keep their records: the broker passes an implementation over the log engine, tests one in memory.
 * A shard is a partition of `__consumer_offsets` or of `__transaction_state`.
 *
 * All shards, and the partitions of data beside them, share one order of durability: what was queued earlier is durable no later. What a
 * crash leaves behind is a prefix of what was queued.
 */
export interface CoordinatorLog {
  readonly shards: number;
  /** Another one when all that was stored is gone, as its topic was deleted; null while there is no topic. As of now. */
  readonly incarnation: string | null;
  /**
   * Appends all `records` as one batch and resolves when they are durable, in call order per shard. A rejected append has not
   * happened: the caller drops the operation and answers an error, which a `CoordinatorAppendRejected` tells more about.
   *
   * With a `producer` the batch is part of that producer's transaction: it has no sequence, and counts when its marker says so. The batch is
   * queued before `append` returns, so what is true when it is called is true of its place in the log.
   */
  append(
    shard: number,
    records: readonly CoordinatorRecord[],
    producer?: ProducerIdentity,
  ): Promise<void>;
  /**
   * Calls `visit` with each record of the shard from its start, and `visitMarker` with each end of a transaction, in the order of
   * their offsets; `value` null is a tombstone.
   */
  replay(
    shard: number,
    visit: (record: StoredCoordinatorRecord) => void,
    visitMarker: (marker: StoredMarker) => void,
  ): Promise<void>;
}

export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface StoredCoordinatorRecord extends CoordinatorRecord {
  readonly offset: number;
  readonly timestampMs: number;
  /** Producer of the transaction that the record is part of; −1 when it is part of none. */
  readonly producerId: number;
}

/** A control batch: what was appended by this producer since its last one counts, or does not. */
export interface StoredMarker extends ProducerIdentity {
  readonly offset: number;
  readonly commit: boolean;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}
