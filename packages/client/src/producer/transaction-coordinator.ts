/**
 * A transactional producer's side of the protocol with its coordinator: identity, membership of partitions and groups in the transaction,
 * and its end.
 *
 * Two protocols exist. Where the cluster's `transaction.version` is 2 (KIP-890) brokers add partitions and groups by themselves when they
 * are written to, and every end of a transaction gives the producer a new epoch. Before that, partitions are added first: whatever waits
 * goes in one request, and records of a partition leave only once it is in; after an abort that dropped records the producer asks for a
 * new epoch itself (KIP-360), so that sequences have no gap.
 */
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  initProducerId,
  produce,
  txnOffsetCommit,
} from "@ottla/protocol";
import { commitTopics, type OffsetToCommit, throwIfPassing } from "../admin/offsets.ts";
import { brokerError, throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { BrokerError, FencedError, isRetriable } from "../errors.ts";
import type { GroupMetadata } from "../group/membership.ts";
import type { TransactionGate } from "./sender-seams.ts";

/** CONCURRENT_TRANSACTIONS usually passes within milliseconds. */
const FIRST_PAUSE_MS = 10;
const ADD_PARTITIONS_MAX_VERSION = 3;
const IMPLICIT = { produce: 12, endTxn: 5, txnOffsetCommit: 5 } as const;

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export class TransactionCoordinator implements TransactionGate {
  readonly transactionalId: string;
  readonly #cluster: Cluster;
  readonly #timeoutMs: number;
  #identity: Identity | null = null;
  #isImplicit = false;
  /** In the transaction. */
  readonly #added = new Map<string, Set<number>>();
  /** To be added; while a request is under way, those for the next one. */
  #toAdd = new Map<string, Set<number>>();
  #adding: Promise<void> | null = null;
  readonly #groups = new Map<string, Promise<void>>();
  /** Whether the coordinator may know of a transaction. */
  #isStarted = false;
  #failure: Error | null = null;
  #fatal: Error | null = null;
  /** Set by the producer: looks at the queues again. */
  onAdmitted: () => void = () => {};

  constructor(cluster: Cluster, transactionalId: string, timeoutMs: number) {
    this.#cluster = cluster;
    this.transactionalId = transactionalId;
    this.#timeoutMs = timeoutMs;
  }

  get identity(): Identity | null {
    return this.#identity;
  }

  get isImplicit(): boolean {
    return this.#isImplicit;
  }

  /** Why the transaction can only abort, or null. */
  get failure(): Error | null {
    return this.#fatal ?? this.#failure;
  }

  /** Why this producer cannot go on at all, or null. */
  get fatal(): Error | null {
    return this.#fatal;
  }

  /** Gets an identity; whoever had this transactional id before is fenced and its open transaction aborted. */
  async init(options: CallOptions): Promise<void> {
    await this.#initProducerId({ producerId: -1, producerEpoch: -1 }, options);
  }

  admits(topic: string, partition: number): boolean {
    if (this.#isImplicit) {
      this.#isStarted = true;
      return true;
    }
    if (this.#added.get(topic)?.has(partition) === true) return true;
    if (this.#failure !== null || this.#fatal !== null) return false;
    const partitions = this.#toAdd.get(topic);
    if (partitions === undefined) this.#toAdd.set(topic, new Set([partition]));
    else partitions.add(partition);
    this.#startAdding();
    return false;
  }

  onFailure(error: Error): void {
    this.#note(error);
  }

  /** Makes `offsets` of a group part of the transaction. May be called concurrently. */
  async sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata,
    options: CallOptions,
  ): Promise<void> {
    try {
      if (!this.#isImplicit) {
        let added = this.#groups.get(group.groupId);
        if (added === undefined) {
          added = this.#addGroup(group.groupId, options);
          this.#groups.set(group.groupId, added);
        }
        await added;
      }
      this.#isStarted = true;
      await this.#commitOffsets(offsets, group, options);
    } catch (error) {
      this.#note(error as Error);
      throw error;
    }
  }

  /** Ends the transaction. Until it succeeds or fails for good, it is repeated: the outcome is decided by the first that arrives. */
  async end(isCommit: boolean, options: CallOptions): Promise<void> {
    await this.#adding;
    const needsNewEpoch = this.#failure !== null;
    try {
      if (this.#isStarted) await this.#endTxn(isCommit, options);
      if (needsNewEpoch && !this.#isImplicit && this.#fatal === null) {
        await this.#initProducerId(this.#identity!, options);
      }
    } catch (error) {
      if (!isRetriable(error)) this.#fatal ??= error as Error;
      throw error;
    }
    this.#reset();
  }

  #reset(): void {
    this.#added.clear();
    this.#toAdd = new Map();
    this.#groups.clear();
    this.#isStarted = false;
    this.#failure = null;
  }

  #note(error: Error): void {
    if (error instanceof FencedError || isFatal(error)) this.#fatal ??= error;
    this.#failure ??= error;
  }

  async #initProducerId(current: Identity, options: CallOptions): Promise<void> {
    const subject = `transactional id ${this.transactionalId}`;
    const isBump = current.producerId >= 0;
    const response = await this.#cluster.callCoordinator(
      "transaction",
      this.transactionalId,
      initProducerId,
      {
        transactionalId: this.transactionalId,
        transactionTimeoutMs: this.#timeoutMs,
        ...(isBump ? current : {}),
      },
      ({ errorCode }) => throwIfError(errorCode, subject),
      {
        ...options,
        role: "transaction",
        firstPauseMs: FIRST_PAUSE_MS,
        ...(isBump ? { min: 3 } : {}),
      },
    );
    this.#identity = { producerId: response.producerId, producerEpoch: response.producerEpoch };
    const connection = await this.#cluster.coordinator(
      "transaction",
      this.transactionalId,
      "transaction",
      options.signal,
    );
    const { versions } = connection;
    this.#isImplicit =
      (versions.features.get("transaction.version") ?? 0) >= 2 &&
      versions.find(produce, { min: IMPLICIT.produce }) >= 0 &&
      versions.find(endTxn, { min: IMPLICIT.endTxn }) >= 0 &&
      versions.find(txnOffsetCommit, { min: IMPLICIT.txnOffsetCommit }) >= 0;
  }

  #startAdding(): void {
    if (this.#adding !== null) return;
    // A microtask later, so that all partitions of one pass go together.
    this.#adding = Promise.resolve()
      .then(() => this.#addPartitions())
      .catch((error: Error) => this.#note(error))
      .finally(() => {
        this.#adding = null;
        if (this.#toAdd.size > 0 && this.failure === null) this.#startAdding();
        this.onAdmitted();
      });
  }

  async #addPartitions(): Promise<void> {
    const adding = this.#toAdd;
    this.#toAdd = new Map();
    this.#isStarted = true;
    const subject = `add partitions to the transaction of ${this.transactionalId}`;
    await this.#cluster.callCoordinator(
      "transaction",
      this.transactionalId,
      addPartitionsToTxn,
      {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: this.#identity!.producerId,
        v3AndBelowProducerEpoch: this.#identity!.producerEpoch,
        v3AndBelowTopics: [...adding].map(([name, partitions]) => ({
          name,
          partitions: [...partitions],
        })),
      },
      ({ resultsByTopicV3AndBelow }) => {
        const codes = resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
          resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
        );
        // Partitions that were not tried because of another one say so: the other one's error counts.
        const errors = codes.filter((code) => code !== 0).map((code) => brokerError(code, subject));
        const error = errors.find((each) => each.error !== "OPERATION_NOT_ATTEMPTED") ?? errors[0];
        if (error !== undefined) throw error;
      },
      { role: "transaction", firstPauseMs: FIRST_PAUSE_MS, max: ADD_PARTITIONS_MAX_VERSION },
    );
    for (const [topic, partitions] of adding) {
      const added = this.#added.get(topic) ?? new Set();
      for (const partition of partitions) added.add(partition);
      this.#added.set(topic, added);
    }
  }

  async #addGroup(groupId: string, options: CallOptions): Promise<void> {
    this.#isStarted = true;
    await this.#cluster.callCoordinator(
      "transaction",
      this.transactionalId,
      addOffsetsToTxn,
      { transactionalId: this.transactionalId, ...this.#identity!, groupId },
      ({ errorCode }) => throwIfError(errorCode, `add group ${groupId} to the transaction`),
      { ...options, role: "transaction", firstPauseMs: FIRST_PAUSE_MS },
    );
  }

  async #commitOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata,
    options: CallOptions,
  ): Promise<void> {
    const subject = `offsets of group ${group.groupId} in the transaction`;
    const response = await this.#cluster.callCoordinator(
      "group",
      group.groupId,
      txnOffsetCommit,
      {
        transactionalId: this.transactionalId,
        groupId: group.groupId,
        ...this.#identity!,
        generationId: group.generation,
        memberId: group.memberId,
        groupInstanceId: group.groupInstanceId,
        topics: commitTopics(offsets),
      },
      ({ topics }) => throwIfPassing(topics, subject),
      {
        ...options,
        firstPauseMs: FIRST_PAUSE_MS,
        // Version 3 is the first that fences members of former generations (KIP-447).
        ...(this.#isImplicit
          ? { min: IMPLICIT.txnOffsetCommit }
          : { min: 3, max: IMPLICIT.txnOffsetCommit - 1 }),
      },
    );
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        throwIfError(errorCode, `${subject}: ${name}[${partitionIndex}]`);
      }
    }
  }

  async #endTxn(committed: boolean, options: CallOptions): Promise<void> {
    const response = await this.#cluster.callCoordinator(
      "transaction",
      this.transactionalId,
      endTxn,
      { transactionalId: this.transactionalId, ...this.#identity!, committed },
      ({ errorCode }) => throwIfError(errorCode, `end of transaction ${this.transactionalId}`),
      {
        ...options,
        role: "transaction",
        firstPauseMs: FIRST_PAUSE_MS,
        ...(this.#isImplicit ? { min: IMPLICIT.endTxn } : { max: IMPLICIT.endTxn - 1 }),
      },
    );
    if (response.producerId >= 0) {
      this.#identity = { producerId: response.producerId, producerEpoch: response.producerEpoch };
    }
  }
}

const FATAL: ReadonlySet<string> = new Set([
  "INVALID_TXN_STATE",
  "INVALID_PRODUCER_ID_MAPPING",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "UNSUPPORTED_VERSION",
]);

function isFatal(error: Error): boolean {
  return error instanceof BrokerError && FATAL.has(error.error);
}
