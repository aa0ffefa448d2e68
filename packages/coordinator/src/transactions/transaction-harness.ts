/**
 * What the tests of this folder drive the coordinators with: a simulated clock, one journal under logs and partitions in memory, and what the
 * broker does between them (markers to partitions and to the group coordinator, admission of data and offsets).
 */
import assert from "node:assert/strict";
import { SeededRandom, SimulatedClock } from "@ottla/platform";
import type { ProducerIdentity } from "../coordinator-log.ts";
import type { GroupErrorName } from "../errors.ts";
import { DEFAULT_GROUP_COORDINATOR_CONFIG } from "../groups/config.ts";
import { GroupCoordinator } from "../groups/group-coordinator.ts";
import type { OffsetFetchResultPartition } from "../groups/offset-types.ts";
import { MemoryCoordinatorLog } from "../memory-coordinator-log.ts";
import { MemoryJournal } from "../memory-journal.ts";
import {
  DEFAULT_TRANSACTION_COORDINATOR_CONFIG,
  type TransactionCoordinatorConfig,
} from "./config.ts";
import { MemoryPartition, RefusedByPartition } from "./memory-partition.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";
import type { TransactionMarker } from "./transaction-markers.ts";
import { decodeTransactionRecord } from "./transaction-record.ts";
import type {
  EndTransactionResult,
  InitTransactionalProducerResult,
  TopicPartitions,
  TransactionErrorName,
  TransactionVersion,
} from "./transaction-types.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";
export const ID = "id";

export interface TransactionHarnessOptions {
  readonly config?: Partial<TransactionCoordinatorConfig>;
  readonly shards?: number;
  readonly partitions?: number;
}

/** A producer as its client knows it. */
export interface Producer extends ProducerIdentity {
  readonly transactionalId: string;
}

export class TransactionHarness {
  readonly clock = new SimulatedClock();
  readonly journal = new MemoryJournal();
  readonly log: MemoryCoordinatorLog;
  readonly groupLog: MemoryCoordinatorLog;
  /** Of the topic `data`. */
  readonly partitions: readonly MemoryPartition[];
  readonly config: TransactionCoordinatorConfig;
  readonly warnings: string[] = [];
  readonly counts = { completed: 0, timedOut: 0, fenced: 0, expired: 0 };
  /** Whether producer ids are to be had. */
  hasProducerIds = true;
  nextProducerId = 100;
  coordinator!: TransactionCoordinator;
  groups!: GroupCoordinator;

  private constructor({ config = {}, shards = 1, partitions = 3 }: TransactionHarnessOptions) {
    const now = () => this.clock.now();
    const { journal } = this;
    this.log = new MemoryCoordinatorLog({ shards, now, journal });
    this.groupLog = new MemoryCoordinatorLog({ shards, now, journal });
    this.partitions = Array.from({ length: partitions }, () => new MemoryPartition(journal));
    this.config = { ...DEFAULT_TRANSACTION_COORDINATOR_CONFIG, ...config };
  }

  static async start(options: TransactionHarnessOptions = {}): Promise<TransactionHarness> {
    const harness = new TransactionHarness(options);
    await harness.#load();
    return harness;
  }

  /** Ends everything as kill −9 does, with the first `kept` undecided appends stored, and starts again on what is left behind. */
  async restart(kept = 0): Promise<void> {
    this.crash(kept);
    await this.settle();
    await this.#load();
  }

  /** The first half of `restart`. */
  crash(kept = 0): void {
    this.journal.crash(kept);
    this.log.recover();
    this.groupLog.recover();
    for (const partition of this.partitions) partition.recover();
    // Not awaited: what was held is never answered.
    void this.coordinator.close();
    void this.groups.close();
  }

  /** Lets everything run that does not wait for the clock. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(0);
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms);
  }

  init(
    fields: {
      transactionalId?: string;
      transactionTimeoutMs?: number;
      expected?: ProducerIdentity | null;
    } = {},
  ): Promise<InitTransactionalProducerResult> {
    return this.coordinator.initProducerId({
      transactionalId: ID,
      transactionTimeoutMs: 60_000,
      expected: null,
      ...fields,
    });
  }

  /** A producer that has been initialised. */
  async producer(transactionalId = ID): Promise<Producer> {
    const { error, producerId, producerEpoch } = await this.init({ transactionalId });
    assert.equal(error, "NONE");
    return { transactionalId, producerId, producerEpoch };
  }

  async add(
    producer: Producer,
    partitions: readonly number[],
    transactionVersion: TransactionVersion = 2,
  ): Promise<TransactionErrorName> {
    const topics = [{ topic: "data", partitions }];
    return this.coordinator.addPartitions({ ...producer, topics, transactionVersion });
  }

  end(
    producer: Producer,
    commit: boolean,
    transactionVersion: TransactionVersion = 2,
  ): Promise<EndTransactionResult> {
    return this.coordinator.endTransaction({ ...producer, commit, transactionVersion });
  }

  stateOf(transactionalId = ID): string {
    const [described] = this.coordinator.describeTransactions([transactionalId]);
    return described!.error === "NONE" ? described!.transactionState : described!.error;
  }

  /** The states that the log tells of an id, in order. */
  storedStates(transactionalId = ID): (string | null)[] {
    const states: (string | null)[] = [];
    for (const stored of this.log.records(this.coordinator.shardFor(transactionalId))) {
      const record = decodeTransactionRecord(stored)!;
      if (record.transactionalId === transactionalId) states.push(record.value?.state ?? null);
    }
    return states;
  }

  /** Produces one record, as the broker does: below version 2 its partition must have been added. */
  async produce(
    producer: Producer,
    partition: number,
    value: string,
    transactionVersion: TransactionVersion = 2,
    onAdmitted: () => void = () => {},
  ): Promise<TransactionErrorName | "INVALID_PRODUCER_EPOCH"> {
    const error = await this.#admit(producer, "data", partition, transactionVersion, () => {
      onAdmitted();
      try {
        return this.partitions[partition]!.append({ ...identity(producer), value });
      } catch (cause) {
        if (cause instanceof RefusedByPartition) return "INVALID_PRODUCER_EPOCH";
        throw cause;
      }
    });
    return error;
  }

  /** Commits an offset of partition 0 of `topic` in a transaction, as the broker does for TxnOffsetCommit v5, or v3 after AddOffsetsToTxn. */
  async commitOffset(
    producer: Producer,
    groupId: string,
    offset: number,
    {
      transactionVersion = 2,
      metadata = "",
      generationId = -1,
      memberId = "",
    }: {
      transactionVersion?: TransactionVersion;
      metadata?: string;
      generationId?: number;
      memberId?: string;
    } = {},
  ): Promise<GroupErrorName> {
    const shard = this.groups.shardFor(groupId);
    const topics = [{ topic: OFFSETS_TOPIC, partitions: [shard] }];
    if (transactionVersion < 2) {
      const error = await this.coordinator.addPartitions({
        ...producer,
        topics,
        transactionVersion,
      });
      if (error !== "NONE") return asGroupError(error);
    }
    let result: GroupErrorName = "NONE";
    await this.#admit(producer, OFFSETS_TOPIC, shard, transactionVersion, async () => {
      const partition = {
        partitionIndex: 0,
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata: metadata,
      };
      const { topics: answers } = await this.groups.commitTransactionalOffsets({
        groupId,
        ...identity(producer),
        generationId,
        memberId,
        groupInstanceId: null,
        topics: [{ name: "topic", topicId: null, partitions: [partition] }],
        admit: () => {
          const verified = this.coordinator.verifyPartitions({ ...producer, topics });
          if (verified.error !== "NONE") return asGroupError(verified.error);
          return verified.missing.length > 0 ? "TRANSACTION_ABORTABLE" : "NONE";
        },
      });
      result = answers[0]!.partitions[0]!.error;
    }).then((error) => {
      if (error !== "NONE") result = asGroupError(error);
    });
    return result;
  }

  /** What OffsetFetch says of partition 0 of `topic`. */
  async fetchOffset(groupId: string, requireStable = false): Promise<OffsetFetchResultPartition> {
    const topics = [{ name: "topic", topicId: null, partitionIndexes: [0] }];
    const { groups } = await this.groups.fetchOffsets({
      requireStable,
      groups: [{ groupId, memberId: null, memberEpoch: -1, topics }],
    });
    return groups[0]!.topics[0]!.partitions[0]!;
  }

  async #admit(
    producer: Producer,
    topic: string,
    partition: number,
    transactionVersion: TransactionVersion,
    append: () => Promise<void> | "INVALID_PRODUCER_EPOCH",
  ): Promise<TransactionErrorName | "INVALID_PRODUCER_EPOCH"> {
    const topics = [{ topic, partitions: [partition] }];
    for (;;) {
      if (transactionVersion >= 2) {
        const added = this.coordinator.addPartitions({ ...producer, topics, transactionVersion });
        if (typeof added !== "string") {
          const error = await added;
          if (error !== "NONE") return error;
          continue;
        }
        if (added !== "NONE") return added;
      } else {
        const { error, missing } = this.coordinator.verifyPartitions({ ...producer, topics });
        if (error !== "NONE") return error;
        if (missing.length > 0) return "TRANSACTION_ABORTABLE";
      }
      const appended = append();
      if (typeof appended === "string") return appended;
      await appended;
      return "NONE";
    }
  }

  async #load(): Promise<void> {
    const { clock, log, config } = this;
    this.groups = new GroupCoordinator({
      clock,
      random: new SeededRandom(1),
      log: this.groupLog,
      config: DEFAULT_GROUP_COORDINATOR_CONFIG,
      topics: { partitionCount: () => 1, topicId: () => null, topicName: () => null },
    });
    this.coordinator = new TransactionCoordinator({
      clock,
      log,
      config,
      producerIds: {
        next: async () => {
          if (!this.hasProducerIds) throw new Error("no producer ids");
          return this.nextProducerId++;
        },
      },
      markers: { write: (marker) => this.#write(marker) },
      probe: {
        transactionCompleted: () => void this.counts.completed++,
        transactionTimedOut: () => void this.counts.timedOut++,
        transactionFenced: () => void this.counts.fenced++,
        transactionalIdsExpired: (count) => {
          this.counts.expired += count;
        },
        shardLoaded: () => {},
        warning: (message) => void this.warnings.push(message),
      },
    });
    await this.groups.load();
    await this.coordinator.load();
  }

  /** What the broker does with markers. */
  async #write(marker: TransactionMarker): Promise<readonly TopicPartitions[]> {
    const written = marker.topics.flatMap(({ topic, partitions }) =>
      partitions.map(async (partition) => {
        const isDone =
          topic === OFFSETS_TOPIC
            ? this.#markOffsets(marker, partition)
            : this.#markData(marker, partition);
        return (await isDone) ? null : { topic, partitions: [partition] };
      }),
    );
    return (await Promise.all(written)).filter((failed) => failed !== null);
  }

  #markData({ transactionVersion, ...marker }: TransactionMarker, index: number): Promise<boolean> {
    const partition = this.partitions[index]!;
    if (partition.isOffline) return Promise.resolve(false);
    try {
      const entry = { ...identity(marker), commit: marker.commit };
      return isStored(partition.mark(entry, transactionVersion));
    } catch (cause) {
      // It has the marker already.
      if (cause instanceof RefusedByPartition) return Promise.resolve(true);
      throw cause;
    }
  }

  async #markOffsets({ commit, ...marker }: TransactionMarker, shard: number): Promise<boolean> {
    const stored = isStored(this.groupLog.appendMarker(shard, { ...identity(marker), commit }));
    const { producerId } = marker;
    await this.groups.completeTransaction(shard, { producerId, commit }, stored);
    return stored;
  }
}

function isStored(append: Promise<void>): Promise<boolean> {
  return append.then(
    () => true,
    () => false,
  );
}

function identity({ producerId, producerEpoch }: ProducerIdentity): ProducerIdentity {
  return { producerId, producerEpoch };
}

function asGroupError(error: TransactionErrorName | "INVALID_PRODUCER_EPOCH"): GroupErrorName {
  switch (error) {
    case "PRODUCER_FENCED":
      return "INVALID_PRODUCER_EPOCH";
    case "INVALID_REQUEST":
    case "INVALID_TRANSACTION_TIMEOUT":
    case "TRANSACTIONAL_ID_NOT_FOUND":
    case "INVALID_REGULAR_EXPRESSION":
      return "UNKNOWN_SERVER_ERROR";
    default:
      return error;
  }
}
