/**
 * Coordinator records in partitions of `__consumer_offsets` or `__transaction_state`, through the log engine, readable by the tools that read
 * those topics (CG14).
 */
import {
  CoordinatorAppendRejected,
  type CoordinatorLog,
  type CoordinatorRecord,
  type ProducerIdentity,
  type StoredCoordinatorRecord,
  type StoredMarker,
} from "@ottla/coordinator";
import type { LogEngine } from "@ottla/log";
import type { MetadataStore } from "@ottla/metadata";
import type { Clock } from "@ottla/platform";
import {
  BatchBuilder,
  BatchWalker,
  isControl,
  isTransactional,
  lastOffset,
  producerEpoch,
  producerId,
  RecordCursor,
  readControlRecord,
} from "@ottla/protocol";
import type { TopicService } from "./topic-service.ts";

/** Bytes asked of the engine at a time when a shard is read at start-up. */
const REPLAY_BYTES = 4 * 1_048_576;

export interface EngineCoordinatorLogOptions {
  readonly engine: LogEngine;
  readonly store: MetadataStore;
  readonly topics: TopicService;
  readonly clock: Clock;
  /** One of the internal topics that {@link TopicService.ensure} knows to create. */
  readonly topic: string;
  /** How many partitions it will have, for as long as it does not exist. */
  readonly shards: number;
}

export class EngineCoordinatorLog implements CoordinatorLog {
  readonly shards: number;
  readonly #engine: LogEngine;
  readonly #store: MetadataStore;
  readonly #topics: TopicService;
  readonly #clock: Clock;
  readonly #topic: string;

  constructor(options: EngineCoordinatorLogOptions) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#topics = options.topics;
    this.#clock = options.clock;
    this.#topic = options.topic;
    const topic = this.#store.image.topic(options.topic);
    this.shards = topic?.replicas.length ?? options.shards;
  }

  get incarnation(): string | null {
    return this.#store.image.topic(this.#topic)?.topicId ?? null;
  }

  append(
    shard: number,
    records: readonly CoordinatorRecord[],
    producer?: ProducerIdentity,
  ): Promise<void> {
    const topic = this.#store.image.topic(this.#topic);
    if (topic !== null) return this.#append(topic.topicId, shard, records, producer);
    // What a producer may add to its transaction was asked for this turn: by the time that there is a topic the transaction may have ended.
    if (producer !== undefined) {
      return Promise.reject(new CoordinatorAppendRejected("unavailable", "there is no topic"));
    }
    return this.#topics
      .ensure(this.#topic)
      .then((created) => this.#append(created.topicId, shard, records, producer));
  }

  async replay(
    shard: number,
    visit: (record: StoredCoordinatorRecord) => void,
    visitMarker: (marker: StoredMarker) => void,
  ): Promise<void> {
    const topic = this.#store.image.topic(this.#topic);
    if (topic === null) return;
    const { topicId } = topic;
    const description = this.#engine.describe(topicId, shard);
    if (description === null) return;
    let offset = description.logStartOffset;
    while (offset < description.highWatermark) {
      const [result] = await this.#engine.read({
        partitions: [
          {
            topicId,
            partition: shard,
            offset,
            maxBytes: REPLAY_BYTES,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
          },
        ],
        minBytes: 0,
        maxBytes: REPLAY_BYTES,
        maxWaitMs: 0,
        isolation: "uncommitted",
        allowsZstd: true,
      });
      if (result === undefined || result.error !== null) {
        throw new Error(`${this.#topic}-${shard} at ${offset}: ${result?.error}`);
      }
      // Compaction may leave nothing of what was before the high watermark.
      if (result.records.length === 0) return;
      let next: number;
      try {
        next = visitAll(result.records, offset, visit, visitMarker);
      } finally {
        result.release?.();
      }
      if (next <= offset) throw new Error(`${this.#topic}-${shard} stalls at ${offset}`);
      offset = next;
    }
  }

  async #append(
    topicId: string,
    shard: number,
    records: readonly CoordinatorRecord[],
    producer: ProducerIdentity | undefined,
  ): Promise<void> {
    const now = this.#clock.now();
    const batch = new BatchBuilder(
      producer === undefined ? {} : { ...producer, isTransactional: true },
    );
    for (const { key, value } of records) batch.append(now, key, value);
    const [result] = await this.#engine.append({
      acks: -1,
      origin: "coordinator",
      allowsZstd: true,
      isTransactional: producer !== undefined,
      partitions: [{ topicId, partition: shard, records: batch.build() }],
    });
    switch (result?.error) {
      case null:
        return;
      case "messageTooLarge":
      case "recordListTooLarge":
        throw new CoordinatorAppendRejected("tooLarge");
      case "invalidProducerEpoch":
        throw new CoordinatorAppendRejected("fenced", result.errorMessage);
      default:
        throw new CoordinatorAppendRejected("unavailable", result?.errorMessage);
    }
  }
}

/** Returns the offset after the last batch. */
function visitAll(
  buffers: readonly Buffer[],
  from: number,
  visit: (record: StoredCoordinatorRecord) => void,
  visitMarker: (marker: StoredMarker) => void,
): number {
  const cursor = new RecordCursor();
  let next = from;
  for (const buffer of buffers) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      // Compaction takes records out of batches, up to the last.
      const { position } = walker;
      next = lastOffset(buffer, position) + 1;
      if (isControl(buffer, position)) {
        if (next > from) visitEnd(buffer, position, visitMarker);
        continue;
      }
      const producer = isTransactional(buffer, position) ? producerId(buffer, position) : -1;
      cursor.start(buffer, position);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        const { offset, timestampMs } = cursor;
        // The memory of the read is given back behind this.
        const key = Buffer.from(cursor.key() ?? NO_KEY);
        const value = cursor.value();
        visit({
          key,
          value: value === null ? null : Buffer.from(value),
          offset,
          timestampMs,
          producerId: producer,
        });
      }
    }
  }
  return next;
}

function visitEnd(
  buffer: Buffer,
  position: number,
  visitMarker: (marker: StoredMarker) => void,
): void {
  const type = readControlRecord(buffer, position)?.type;
  if (type !== "commit" && type !== "abort") return;
  visitMarker({
    producerId: producerId(buffer, position),
    producerEpoch: producerEpoch(buffer, position),
    offset: lastOffset(buffer, position),
    commit: type === "commit",
  });
}

const NO_KEY = Buffer.alloc(0);
