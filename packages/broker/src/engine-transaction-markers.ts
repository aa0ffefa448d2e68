/** Ends transactions in their partitions through the log engine (TX9), and tells the group coordinator where offsets were part of them. */
import type {
  GroupCoordinator,
  ProducerIdentity,
  TopicPartitions,
  TransactionMarker,
  TransactionMarkers,
} from "@ottla/coordinator";
import type { AppendPartition, AppendResult, LogEngine, LogErrorKind } from "@ottla/log";
import type { MetadataStore } from "@ottla/metadata";
import type { Clock } from "@ottla/platform";
import { buildEndMarker } from "@ottla/protocol";
import { CONSUMER_OFFSETS_TOPIC } from "./topic-service.ts";

/** One marker, and the partitions that it goes to. */
export interface EndOfTransaction extends ProducerIdentity {
  readonly commit: boolean;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: 0 | 1 | 2;
  readonly partitions: readonly MarkedPartition[];
}

export interface MarkedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface EngineTransactionMarkersOptions {
  readonly engine: LogEngine;
  readonly store: MetadataStore;
  readonly groups: GroupCoordinator;
  readonly clock: Clock;
}

/**
 * What a partition may say and still count as done: it is gone, or its producer has this epoch or a later one, so that the marker is there or
 * the transaction long over.
 */
const DONE: ReadonlySet<LogErrorKind | null> = new Set<LogErrorKind | null>([
  null,
  "unknownTopic",
  "unknownPartition",
  "invalidProducerEpoch",
]);

export class EngineTransactionMarkers implements TransactionMarkers {
  readonly #engine: LogEngine;
  readonly #store: MetadataStore;
  readonly #groups: GroupCoordinator;
  readonly #clock: Clock;

  constructor({ engine, store, groups, clock }: EngineTransactionMarkersOptions) {
    this.#engine = engine;
    this.#store = store;
    this.#groups = groups;
    this.#clock = clock;
  }

  /** The epoch of the log that holds the transaction's state is that of the coordinator. */
  async write(marker: TransactionMarker): Promise<readonly TopicPartitions[]> {
    const partitions = this.#resolve(marker.topics);
    const coordinatorEpoch = this.#engine.leaderEpoch;
    const results = await this.append({ ...marker, coordinatorEpoch, partitions });
    const unmarked = new Map<string, number[]>();
    for (const [index, result] of results.entries()) {
      let { error } = result;
      const place = partitions[index]!;
      if (error === "coordinatorFenced") error = await this.#writeFenced(marker, place);
      if (DONE.has(error)) continue;
      const { topic, partition } = place;
      const others = unmarked.get(topic);
      if (others === undefined) unmarked.set(topic, [partition]);
      else others.push(partition);
    }
    return Array.from(unmarked, ([topic, indexes]) => ({ topic, partitions: indexes }));
  }

  /**
   * A client may write markers of any coordinator epoch (TX17), and the partition then refuses all older ones. But no other coordinator than this
   * one has decided anything about the producer, so its marker follows with the epoch that the partition knows.
   */
  async #writeFenced(
    marker: TransactionMarker,
    place: MarkedPartition,
  ): Promise<LogErrorKind | null> {
    const producers = this.#engine.describeProducers(place.topicId, place.partition);
    const known = producers?.find(({ producerId }) => producerId === marker.producerId);
    const coordinatorEpoch = known?.coordinatorEpoch ?? this.#engine.leaderEpoch;
    const results = await this.append({ ...marker, coordinatorEpoch, partitions: [place] });
    return results[0]!.error;
  }

  /** Queues a marker in every partition before it returns to the event loop; resolves when all are durable or refused, and what they bring seen. */
  async append(end: EndOfTransaction): Promise<readonly AppendResult[]> {
    const { producerId, producerEpoch, commit, coordinatorEpoch, transactionVersion } = end;
    const timestampMs = this.#clock.now();
    const type = commit ? "commit" : "abort";
    const batches: AppendPartition[] = end.partitions.map(({ topicId, partition }) => ({
      topicId,
      partition,
      records: buildEndMarker({ type, producerId, producerEpoch, coordinatorEpoch, timestampMs }),
    }));
    const appended = this.#engine.append({
      acks: -1,
      origin: "coordinator",
      allowsZstd: true,
      isTransactional: true,
      transactionVersion,
      partitions: batches,
    });
    const completed: Promise<void>[] = [];
    for (const [index, { topic, partition }] of end.partitions.entries()) {
      if (topic !== CONSUMER_OFFSETS_TOPIC) continue;
      const stored = appended.then((results) => results[index]!.error === null);
      completed.push(this.#groups.completeTransaction(partition, { producerId, commit }, stored));
    }
    const results = await appended;
    await Promise.all(completed);
    return results;
  }

  /** The partitions that are there. */
  #resolve(topics: readonly TopicPartitions[]): MarkedPartition[] {
    const { image } = this.#store;
    return topics.flatMap(({ topic: name, partitions }) => {
      const topic = image.topic(name);
      if (topic === null) return [];
      const { topicId, replicas } = topic;
      return partitions
        .filter((partition) => partition < replicas.length)
        .map((partition) => ({ topic: name, topicId, partition }));
    });
  }
}
