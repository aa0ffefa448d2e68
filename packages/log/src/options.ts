import type { Clock, FileSystem, Random } from "@ottla/platform";
import type { LogProbe } from "./probe.ts";

/** How a {@link LocalLogEngine} is opened. Only the first four are required. */
export interface LocalLogOptions {
  readonly fileSystem: FileSystem;
  /** Folder of the partitions and of the journal; created when missing. The caller holds its lock. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe?: LogProbe;
  /**
   * Batches kept in memory to serve readers, in bytes for the whole engine; up to two and a half times as much while hundreds of partitions are
   * written. When there is that and as much again as this, appends wait for segment writes.
   */
  readonly tailBytes?: number;
  /** Memory that reads hold together before they are released; when it is used up each gets little. */
  readonly readBytes?: number;
  /** Size of the pieces of memory that the journal and the tail share: the most that one group commit can carry. */
  readonly journalBufferBytes?: number;
  /** Size of the first journal file; must hold a group. */
  readonly journalFirstFileBytes?: number;
  readonly journalFileBytes?: number;
  /**
   * Limit of all journal files together. A checkpoint starts when half of it is in use, or sooner; when it is full appends wait. Batches of
   * more than half of it are refused.
   */
  readonly journalMaxBytes?: number;
  /** A checkpoint starts when so much is in the journal; later when many partitions are written. */
  readonly checkpointBytes?: number;
  /** A partition with this many bytes not yet in its segment is written in the background. */
  readonly segmentWriteBytes?: number;
  readonly maxOpenFiles?: number;
  /** Longest time that written data stays only in the journal. */
  readonly checkpointIntervalMs?: number;
  /** log.retention.check.interval.ms */
  readonly retentionCheckMs?: number;
  /** producer.id.expiration.ms */
  readonly producerExpirationMs?: number;
  /** How long appends are refused after a failed journal write before the next try. */
  readonly retryDelayMs?: number;
  /** Copies that exist of each partition, for min.insync.replicas (LG10). */
  readonly replicas?: number;
  /** The cleaner of compacted topics. */
  readonly cleaner?: CleanerOptions;
  /** acks=all takes Kafka's page-cache meaning: answered without a flush. */
  readonly relaxedAcks?: boolean;
}

/**
 * The cleaner (compaction/cleaner.ts), by Kafka's names of its settings. Each is read whenever it matters, so these may be getters over
 * settings that change.
 */
export interface CleanerOptions {
  /** log.cleaner.enable */
  readonly isEnabled: boolean;
  /** log.cleaner.dedupe.buffer.size: the most memory that the keys of one round take. */
  readonly dedupeBufferBytes: number;
  /** log.cleaner.io.buffer.size */
  readonly ioBufferBytes: number;
  /** log.cleaner.io.max.bytes.per.second, read and written together. */
  readonly ioMaxBytesPerSecond: number;
  /** log.cleaner.backoff.ms: from an append to the run that looks at it. */
  readonly backoffMs: number;
}

export type ResolvedOptions = Required<LocalLogOptions>;

const MIB = 1_048_576;

export const defaultOptions = {
  tailBytes: 64 * MIB,
  readBytes: 256 * MIB,
  journalBufferBytes: 4 * MIB,
  journalFirstFileBytes: 4 * MIB,
  journalFileBytes: 64 * MIB,
  journalMaxBytes: 1024 * MIB,
  checkpointBytes: 160 * MIB,
  segmentWriteBytes: 512 * 1024,
  maxOpenFiles: 4096,
  checkpointIntervalMs: 30_000,
  retentionCheckMs: 300_000,
  producerExpirationMs: 86_400_000,
  retryDelayMs: 1_000,
  replicas: 1,
  cleaner: {
    isEnabled: true,
    dedupeBufferBytes: 128 * MIB,
    ioBufferBytes: 512 * 1024,
    ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
    backoffMs: 15_000,
  },
  relaxedAcks: false,
} as const;
