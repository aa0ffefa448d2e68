/**
 * What is known of a transactional id, and what it may become: the states and the steps between them (TX1).
 *
 *              add                     commit                  markers written
 *     Empty ─────────▶ Ongoing ───────────────▶ PrepareCommit ─────────────────▶ CompleteCommit
 *       ▲  │             │  ▲                                                       │ │
 *       │  │ abort (v2)  │  └──────────── add ──────────────────────────────────────┘ │
 *       │  └───────────┐ │ abort, timeout, another InitProducerId                     │
 *       │              ▼ ▼                     markers written                        │
 *       │          PrepareAbort ──────────────────────────────▶ CompleteAbort         │
 *       │              ▲  abort of nothing (v2), from either Complete state │         │
 *       └── InitProducerId, from Empty and either Complete state ───────────┴─────────┘
 *
 * Dead is an id about to expire. PrepareEpochFence is a name of the wire only: fencing and aborting are one step here.
 *
 * Epochs. With version 2 a Prepare record already has the epoch of the next transaction, one above that of the transaction it
 * ends: so has the marker, and whatever the producer of the ended one sends late is refused by the partitions themselves. When the epochs of a producer id
 * run out (the last one it may use is MAX − 1) the Prepare record names the producer id to go on with, and Complete switches to it.
 */
import type { ProducerIdentity } from "../coordinator-log.ts";
import type { TransactionStateName, TransactionVersion } from "./transaction-types.ts";

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
const MAX_PRODUCER_EPOCH = 0x7fff;

/** Partitions by topic. Never changed once it is part of a metadata. */
export type PartitionsByTopic = ReadonlyMap<string, ReadonlySet<number>>;

export const NO_PARTITIONS: PartitionsByTopic = new Map();

/** One record of a transactional id, whole: each replaces the one before. */
export interface TransactionMetadata extends ProducerIdentity {
  readonly transactionalId: string;
  readonly state: Exclude<TransactionStateName, "PrepareEpochFence">;
  /** The producer id before the step that led here; recognises a client that did not hear of the change. */
  readonly previousProducerId: number;
  /** What Complete switches to; −1 when it does not. */
  readonly nextProducerId: number;
  /** The epoch that the client knows if it did not hear our last answer; −1 when nobody may be told again. Not stored. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly partitions: PartitionsByTopic;
  /** −1 when nothing has begun. */
  readonly startMs: number;
  readonly lastUpdateMs: number;
  /** The rules of the client that last moved it. */
  readonly transactionVersion: TransactionVersion;
}

/** What an id is before its first record. */
export function unborn(transactionalId: string, producerId: number): TransactionMetadata {
  return {
    transactionalId,
    state: "Empty",
    producerId,
    producerEpoch: NO_PRODUCER_EPOCH,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: 0,
    partitions: NO_PARTITIONS,
    startMs: -1,
    lastUpdateMs: -1,
    transactionVersion: 0,
  };
}

/** Whether a producer must not be given an epoch above this one: the last is kept to fence it with. */
export function isEpochExhausted(epoch: number): boolean {
  return epoch >= MAX_PRODUCER_EPOCH - 1;
}

/** The largest epoch a client can have had. */
export const LAST_CLIENT_EPOCH = MAX_PRODUCER_EPOCH - 1;

/** A new incarnation of the producer, under the same id or a new one. */
export function initialised(
  before: TransactionMetadata,
  next: ProducerIdentity & { readonly lastProducerEpoch: number },
  timeoutMs: number,
  nowMs: number,
): TransactionMetadata {
  return {
    ...before,
    state: "Empty",
    producerId: next.producerId,
    producerEpoch: next.producerEpoch,
    previousProducerId: before.producerId,
    lastProducerEpoch: next.lastProducerEpoch,
    timeoutMs,
    partitions: NO_PARTITIONS,
    startMs: -1,
    lastUpdateMs: nowMs,
  };
}

export function withPartitions(
  before: TransactionMetadata,
  added: PartitionsByTopic,
  transactionVersion: TransactionVersion,
  nowMs: number,
): TransactionMetadata {
  return {
    ...before,
    state: "Ongoing",
    previousProducerId: before.producerId,
    partitions: union(before.partitions, added),
    startMs: before.state === "Ongoing" ? before.startMs : nowMs,
    lastUpdateMs: nowMs,
    transactionVersion,
  };
}

/** The decision to commit or to abort. With version 2, `nextProducerId` is what the exhausted one is replaced by, −1 otherwise. */
export function prepared(
  before: TransactionMetadata,
  {
    commit,
    transactionVersion,
    nextProducerId,
  }: {
    readonly commit: boolean;
    readonly transactionVersion: TransactionVersion;
    readonly nextProducerId: number;
  },
  nowMs: number,
): TransactionMetadata {
  const bumps = transactionVersion >= 2;
  return {
    ...before,
    state: commit ? "PrepareCommit" : "PrepareAbort",
    producerEpoch: bumps
      ? Math.min(before.producerEpoch + 1, MAX_PRODUCER_EPOCH)
      : before.producerEpoch,
    previousProducerId: before.producerId,
    nextProducerId: bumps ? nextProducerId : NO_PRODUCER_ID,
    lastProducerEpoch: bumps ? before.producerEpoch : before.lastProducerEpoch,
    // An abort of nothing has no start of its own, but its record needs one.
    startMs: before.state === "Ongoing" ? before.startMs : nowMs,
    lastUpdateMs: nowMs,
    transactionVersion,
  };
}

/** The decision is carried out in every partition. */
export function completed(before: TransactionMetadata, nowMs: number): TransactionMetadata {
  const switches = before.transactionVersion >= 2 && before.nextProducerId !== NO_PRODUCER_ID;
  return {
    ...before,
    state: before.state === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
    producerId: switches ? before.nextProducerId : before.producerId,
    producerEpoch: switches ? 0 : before.producerEpoch,
    previousProducerId: before.producerId,
    nextProducerId: NO_PRODUCER_ID,
    partitions: NO_PARTITIONS,
    lastUpdateMs: nowMs,
  };
}

export function isPrepared({ state }: TransactionMetadata): boolean {
  return state === "PrepareCommit" || state === "PrepareAbort";
}

/** Whether the id can be forgotten when nobody has used it for long. */
export function mayExpire({ state }: TransactionMetadata): boolean {
  return state === "Empty" || state === "CompleteCommit" || state === "CompleteAbort";
}

function union(left: PartitionsByTopic, right: PartitionsByTopic): PartitionsByTopic {
  const result = new Map<string, ReadonlySet<number>>(left);
  for (const [topic, partitions] of right) {
    result.set(topic, new Set([...(left.get(topic) ?? []), ...partitions]));
  }
  return result;
}
