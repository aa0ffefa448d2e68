/** Coordinator records in partitions of `__consumer_offsets`, through the log engine, readable by the tools that read that topic (CG14). */
import {
  CoordinatorAppendRejected,
  type CoordinatorLog,
  type CoordinatorRecord,
  type StoredCoordinatorRecord,
} from "@ottla/coordinator";
import type { LogEngine } from "@ottla/log";
import type { MetadataStore } from "@ottla/metadata";
import type { Clock } from "@ottla/platform";
import { BatchBuilder, BatchWalker, isControl, RecordCursor } from "@ottla/protocol";
import { CONSUMER_OFFSETS_TOPIC, type TopicService } from "./topic-service.ts";

/** Bytes asked of the engine at a time when a shard is read at start-up. */
const REPLAY_BYTES = 4 * 1_048_576;

export interface EngineCoordinatorLogOptions {
  readonly engine: LogEngine;
  readonly store: MetadataStore;
  readonly topics: TopicService;
  readonly clock: Clock;
  /** `offsets.topic.num.partitions`, for as long as the topic does not exist. */
  readonly shards: number;
}

export class EngineCoordinatorLog implements CoordinatorLog {
  readonly shards: number;
  readonly #engine: LogEngine;
  readonly #store: MetadataStore;
  readonly #topics: TopicService;
  readonly #clock: Clock;

  constructor(options: EngineCoordinatorLogOptions) {
    this.#engine = options.engine;
    this.#store = options.store;
    this.#topics = options.topics;
    this.#clock = options.clock;
    const topic = this.#store.image.topic(CONSUMER_OFFSETS_TOPIC);
    this.shards = topic?.replicas.length ?? options.shards;
  }

  append(shard: number, records: readonly CoordinatorRecord[]): Promise<void> {
    const topic = this.#store.image.topic(CONSUMER_OFFSETS_TOPIC);
    if (topic !== null) return this.#append(topic.topicId, shard, records);
    return this.#topics
      .ensure(CONSUMER_OFFSETS_TOPIC)
      .then((created) => this.#append(created.topicId, shard, records));
  }

  async replay(shard: number, visit: (record: StoredCoordinatorRecord) => void): Promise<void> {
    const topic = this.#store.image.topic(CONSUMER_OFFSETS_TOPIC);
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
      if (result === undefined || result.error !== null || result.records.length === 0) {
        throw new Error(`${CONSUMER_OFFSETS_TOPIC}-${shard} at ${offset}: ${result?.error}`);
      }
      const next = visitAll(result.records, offset, visit);
      if (next <= offset) throw new Error(`${CONSUMER_OFFSETS_TOPIC}-${shard} stalls at ${offset}`);
      offset = next;
    }
  }

  async #append(
    topicId: string,
    shard: number,
    records: readonly CoordinatorRecord[],
  ): Promise<void> {
    const now = this.#clock.now();
    const batch = new BatchBuilder();
    for (const { key, value } of records) batch.append(now, key, value);
    const [result] = await this.#engine.append({
      acks: -1,
      origin: "coordinator",
      allowsZstd: true,
      isTransactional: false,
      partitions: [{ topicId, partition: shard, records: batch.build() }],
    });
    switch (result?.error) {
      case null:
        return;
      case "messageTooLarge":
      case "recordListTooLarge":
        throw new CoordinatorAppendRejected("tooLarge");
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
): number {
  const cursor = new RecordCursor();
  let next = from;
  for (const buffer of buffers) {
    const walker = new BatchWalker(buffer);
    while (walker.next()) {
      cursor.start(buffer, walker.position);
      while (cursor.next()) {
        next = cursor.offset + 1;
        if (cursor.offset < from || isControl(buffer, walker.position)) continue;
        const { offset, timestampMs } = cursor;
        // Views would pin the whole read for the life of the group.
        const key = Buffer.from(cursor.key() ?? NO_KEY);
        const value = cursor.value();
        visit({ key, value: value === null ? null : Buffer.from(value), offset, timestampMs });
      }
    }
  }
  return next;
}

const NO_KEY = Buffer.alloc(0);
