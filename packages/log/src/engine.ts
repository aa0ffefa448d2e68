/**
 * What the broker knows of storage: requests over many partitions, bytes in, bytes out. Files, positions,
 * ownership, journals and flushes stay behind it. The local engine (segments on one disk) implements it; a shared one
 * (object store and SQL) can.
 *
 * Order: two calls of `append` made one after the other are ordered in every partition they share, and answered in that order. Requests are
 * staged when the callback of the event loop in which they came is over, or later where they have to wait for room: until then a partition
 * shows nothing of them.
 */
import type { Later } from "@ottla/platform";

export interface LogEngine {
  /** Leader epoch of every partition of this engine; grows by one with each start after an unclean stop (LG15). */
  readonly leaderEpoch: number;

  /** Announces a topic, new or known from metadata. Touches no disk, so start-up does not grow with partitions. */
  openTopic(topic: TopicLog): void;
  /** Changes the partition count (only up) or the configuration of an open topic. */
  alterTopic(topicId: string, change: { partitions?: number; config?: LogConfig }): void;
  /**
   * Forgets the topic at once: waiting reads and appends are answered `unknownTopic`; files go after `fileDeleteDelayMs`. Durable when resolved.
   * When it rejects the topic stays forgotten, and the engine goes on trying; the next call for it waits for that. Until the deletion is durable a
   * new topic of the name has no partitions yet: `unknownPartition`.
   */
  deleteTopic(topicId: string): Promise<void>;
  /** Removes the files of every topic that was not opened since the engine started. Called once after metadata is known. */
  removeUnknownTopics(): Promise<void>;

  append(request: AppendRequest): Later<readonly AppendResult[]>;
  /** Long poll inside: resolves once `minBytes` are there, `maxWaitMs` passed, a partition has an error, or `signal` aborts. */
  read(request: ReadRequest): Promise<readonly ReadResult[]>;
  listOffsets(queries: readonly OffsetQuery[]): Promise<readonly OffsetAnswer[]>;
  endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]>;
  deleteRecords(requests: readonly DeleteRecordsRequest[]): Promise<readonly DeleteRecordsResult[]>;
  /** Offsets and sizes as of now, without touching the disk; null for an unknown partition. */
  describe(topicId: string, partition: number): PartitionDescription | null;
  /** What the partition remembers of producers, as of now and without touching the disk; null for an unknown partition (DescribeProducers). */
  describeProducers(topicId: string, partition: number): readonly ProducerDescription[] | null;
  /** Total and usable bytes of the volume. */
  capacity(): Promise<{ readonly totalBytes: number; readonly usableBytes: number }>;

  /** Runs retention, expires producers and cleans compacted topics now; the engine also does it on its own schedule. */
  maintain(): Promise<void>;
  /** Answers waiting requests, flushes all, writes checkpoints and producer snapshots. Idempotent. */
  close(): Promise<void>;
}

/** A topic as the log sees it. `topicId` is a UUID in Kafka's 22-character base64url form. */
export interface TopicLog {
  readonly topicId: string;
  readonly name: string;
  readonly partitions: number;
  readonly config: LogConfig;
}

/** Topic configuration that the log acts on; names, units and defaults are Kafka's topic configs. −1 (or Infinity) means no limit. */
export interface LogConfig {
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean };
  readonly compressionType: "producer" | "uncompressed" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly compressionLevels: {
    readonly gzip: number;
    readonly lz4: number;
    readonly zstd: number;
  };
  readonly maxMessageBytes: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly minInsyncReplicas: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly fileDeleteDelayMs: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyRatio: number;
  readonly preallocate: boolean;
}

export interface AppendRequest {
  /** −1: answered when on stable storage; 1: when written to the journal file; 0: likewise, the caller just does not wait. */
  readonly acks: -1 | 0 | 1;
  /** `client` batches are fully validated; `coordinator` ones may be control batches and may target internal topics. */
  readonly origin: "client" | "coordinator";
  /** Highest batch feature the producer's request version allows: zstd needs Produce v7. */
  readonly allowsZstd: boolean;
  /** Whether the request carried a transactional id; without one a transactional batch is refused. */
  readonly isTransactional: boolean;
  /**
   * `client`: 2 when the request adds partitions to transactions by itself (Produce v12), so that a producer nothing is known of starts at
   * sequence 0 (IP3). `coordinator`: of the transaction that its markers end; from 2 on their epoch is above that of the transaction (TX7).
   * Default 0.
   */
  readonly transactionVersion?: 0 | 1 | 2;
  /**
   * Whether it may be a step to more room, such as the deletion of a topic. On a full disk there is room for a few of these where all others are
   * refused. Default false.
   */
  readonly makesRoom?: boolean;
  readonly partitions: readonly AppendPartition[];
}

export interface AppendPartition {
  readonly topicId: string;
  readonly partition: number;
  /**
   * One record batch, magic 2. Lent until the append is answered; the engine may stamp it in place, and copies what it keeps.
   */
  readonly records: Buffer | null;
}

/** Why a partition of a request failed; broker/src/error-codes.ts maps each to Kafka's code. */
export type LogErrorKind =
  | "unknownTopic"
  | "unknownPartition"
  | "corruptBatch"
  | "invalidRecord"
  | "messageTooLarge"
  | "recordListTooLarge"
  | "invalidTimestamp"
  | "unsupportedCompression"
  | "unknownCompression"
  | "unsupportedForMessageFormat"
  | "outOfOrderSequence"
  | "invalidProducerEpoch"
  | "unknownProducerId"
  | "invalidTransactionState"
  /** An end marker of a coordinator that has been replaced. */
  | "coordinatorFenced"
  | "transactionalIdRequired"
  | "notEnoughReplicas"
  | "offsetOutOfRange"
  | "fencedLeaderEpoch"
  | "unknownLeaderEpoch"
  | "invalidIsolation"
  | "policyViolation"
  | "storage"
  | "shuttingDown";

export interface AppendResult {
  readonly error: LogErrorKind | null;
  /** Detail for people; null when there is nothing beyond the error's own message. */
  readonly errorMessage: string | null;
  /** Records at fault, by index in the batch, where the error is about records. */
  readonly recordErrors: readonly { readonly index: number; readonly message: string | null }[];
  /** −1 on error. A duplicate answers its original base offset (IP1). */
  readonly baseOffset: number;
  /** −1 unless the topic uses LogAppendTime or the batch was a duplicate. */
  readonly appendTimeMs: number;
  /** −1 when the batch was refused before the log was looked at. */
  readonly logStartOffset: number;
}

export interface ReadRequest {
  readonly partitions: readonly ReadPartition[];
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly isolation: "uncommitted" | "committed";
  /** Whether the reader understands zstd (Fetch v10). */
  readonly allowsZstd: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadPartition {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
  /** −1 when the reader does not say. */
  readonly currentLeaderEpoch: number;
  /** −1 when the reader does not say. */
  readonly lastFetchedEpoch: number;
}

export interface ReadResult {
  readonly error: LogErrorKind | null;
  /** −1 on error, as are the two below. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Whole batches in offset order, never changed by the engine before they are released. */
  readonly records: readonly Buffer[];
  /** Sum of the sizes in `records`. */
  readonly sizeBytes: number;
  /**
   * Gives the memory of `records` back, to be used for others at once. To be called once, when nobody looks at them any more: written to the
   * socket, say, or dropped unwritten. What is never given back is never used again: its slabs are lost to the engine for as long as that
   * lives. null when there is nothing to give.
   */
  readonly release: (() => void) | null;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
  /** null for uncommitted reads (gotcha 13); in offset order otherwise. */
  readonly abortedTransactions:
    | readonly { readonly producerId: number; readonly firstOffset: number }[]
    | null;
}

export interface OffsetQuery {
  readonly topicId: string;
  readonly partition: number;
  /** A time in ms, or Kafka's −1 latest, −2 earliest, −3 max timestamp, −4 earliest local, −5 latest tiered, −6 earliest pending upload. */
  readonly timestampMs: number;
  readonly currentLeaderEpoch: number;
  readonly isolation: "uncommitted" | "committed";
}

export interface OffsetAnswer {
  readonly error: LogErrorKind | null;
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

export interface EpochQuery {
  readonly topicId: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

export interface EpochAnswer {
  readonly error: LogErrorKind | null;
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

export interface DeleteRecordsRequest {
  readonly topicId: string;
  readonly partition: number;
  /** −1 means up to the high watermark. */
  readonly beforeOffset: number;
}

export interface DeleteRecordsResult {
  readonly error: LogErrorKind | null;
  readonly lowWatermark: number;
}

/** A producer as a partition knows it. */
export interface ProducerDescription {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1 when it has not written with this epoch. */
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  /** Of the newest end marker; −1 when there was none. */
  readonly coordinatorEpoch: number;
  /** −1 when no transaction is open. */
  readonly currentTxnStartOffset: number;
}

export interface PartitionDescription {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logEndOffset: number;
  readonly sizeBytes: number;
  readonly segments: number;
}
