/** Where the embedded store keeps its records: a partition of the log engine that no client sees. */
import type { LogConfig, LogEngine, ReadResult } from "@ottla/log";
import type { Clock } from "@ottla/platform";
import { BatchBuilder, BatchWalker, RecordCursor } from "@ottla/protocol";
import { MetadataLogFailed } from "./errors.ts";
import { METADATA_TOPIC_NAME } from "./topic-name.ts";

/** Kafka's own id for it: a UUID of fifteen zero bytes and a one. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

/** What the embedded store needs of a log. */
export interface MetadataLog {
  /** Offset of the first record that is still there. */
  readonly startOffset: number;
  /** Offset that the next record will have. */
  readonly endOffset: number;
  /** Resolves to the offset behind the last of `records` once all are durable. @throws {MetadataLogFailed} when they are not written. */
  append(records: readonly Buffer[]): Promise<number>;
  /** Calls `visit` with every record from `offset` on, in order. The bytes are lent for the call. */
  replay(offset: number, visit: (record: Buffer) => void): Promise<void>;
  /** Lets go of the records below `offset`. */
  trim(offset: number): Promise<void>;
}

const PARTITION = 0;
const READ_BYTES = 8 * 1024 * 1024;

const CONFIG: LogConfig = {
  cleanupPolicy: { delete: true, compact: false },
  compressionType: "producer",
  compressionLevels: { gzip: -1, lz4: 9, zstd: 3 },
  // A change of ten thousand topics in one batch is a few MiB.
  maxMessageBytes: 100 * 1024 * 1024,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: Number.POSITIVE_INFINITY,
  minInsyncReplicas: 1,
  segmentBytes: 64 * 1024 * 1024,
  segmentMs: Number.POSITIVE_INFINITY,
  segmentJitterMs: 0,
  segmentIndexBytes: 1024 * 1024,
  indexIntervalBytes: 4096,
  // Records go when a snapshot covers them, and for no other reason.
  retentionMs: -1,
  retentionBytes: -1,
  fileDeleteDelayMs: 60_000,
  flushMessages: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  minCleanableDirtyRatio: 0.5,
  preallocate: false,
};

export class EngineMetadataLog implements MetadataLog {
  readonly #engine: LogEngine;
  readonly #clock: Clock;

  /** Opens the partition on the engine; it must not have been opened before. */
  constructor(engine: LogEngine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    engine.openTopic({
      topicId: METADATA_TOPIC_ID,
      name: METADATA_TOPIC_NAME,
      partitions: 1,
      config: CONFIG,
    });
  }

  get startOffset(): number {
    return this.#describe().logStartOffset;
  }

  get endOffset(): number {
    return this.#describe().highWatermark;
  }

  async append(records: readonly Buffer[]): Promise<number> {
    const now = this.#clock.now();
    const builder = new BatchBuilder();
    for (const record of records) {
      builder.append(now, null, record);
    }
    const [result] = await this.#engine.append({
      acks: -1,
      origin: "coordinator",
      allowsZstd: true,
      isTransactional: false,
      makesRoom: true,
      partitions: [{ topicId: METADATA_TOPIC_ID, partition: PARTITION, records: builder.build() }],
    });
    if (result?.error !== null) {
      throw new MetadataLogFailed(
        `A metadata change was not written: ${result?.errorMessage ?? result?.error ?? "no answer"}`,
      );
    }
    return result.baseOffset + records.length;
  }

  async replay(from: number, visit: (record: Buffer) => void): Promise<void> {
    const cursor = new RecordCursor();
    const end = this.endOffset;
    let next = from;
    while (next < end) {
      const { records, release } = await this.#read(next);
      const before = next;
      try {
        for (const bytes of records) {
          const walker = new BatchWalker(bytes);
          while (walker.next()) {
            cursor.start(walker.buffer, walker.position);
            while (cursor.next()) {
              if (cursor.offset >= next) {
                visit(cursor.value() ?? Buffer.alloc(0));
                next = cursor.offset + 1;
              }
            }
          }
        }
      } finally {
        release?.();
      }
      if (next === before) {
        throw new MetadataLogFailed(`The metadata log ends at ${next}, but should at ${end}.`);
      }
    }
  }

  async trim(offset: number): Promise<void> {
    const [result] = await this.#engine.deleteRecords([
      { topicId: METADATA_TOPIC_ID, partition: PARTITION, beforeOffset: offset },
    ]);
    if (result?.error !== null) {
      throw new MetadataLogFailed(`The metadata log was not shortened: ${result?.error}`);
    }
  }

  async #read(offset: number): Promise<ReadResult> {
    const [result] = await this.#engine.read({
      partitions: [
        {
          topicId: METADATA_TOPIC_ID,
          partition: PARTITION,
          offset,
          maxBytes: READ_BYTES,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
        },
      ],
      minBytes: 0,
      maxBytes: READ_BYTES,
      maxWaitMs: 0,
      isolation: "uncommitted",
      allowsZstd: true,
    });
    if (result?.error !== null) {
      throw new MetadataLogFailed(`The metadata log cannot be read at ${offset}: ${result?.error}`);
    }
    return result;
  }

  #describe() {
    const description = this.#engine.describe(METADATA_TOPIC_ID, PARTITION);
    if (description === null) {
      throw new MetadataLogFailed("The log engine does not know the metadata topic.");
    }
    return description;
  }
}
