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
  /** Batches kept in memory to serve readers, in bytes for the whole engine. Beyond twice of it appends wait for segment writes. */
  readonly tailBytes?: number;
  /** Size of each of the two halves of the journal's memory: the most that one group commit can carry. */
  readonly journalBufferBytes?: number;
  /** Size of the first journal file; must hold a group. */
  readonly journalFirstFileBytes?: number;
  readonly journalFileBytes?: number;
  /**
   * Limit of all journal files together. A checkpoint starts when half of it is in use; when it is full appends wait. Batches of more than
   * half of it are refused.
   */
  readonly journalMaxBytes?: number;
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
  /** acks=all takes Kafka's page-cache meaning: answered without a flush. */
  readonly relaxedAcks?: boolean;
}

export type ResolvedOptions = Required<LocalLogOptions>;

const MIB = 1_048_576;

export const defaultOptions = {
  tailBytes: 64 * MIB,
  journalBufferBytes: 4 * MIB,
  journalFirstFileBytes: 4 * MIB,
  journalFileBytes: 64 * MIB,
  journalMaxBytes: 320 * MIB,
  segmentWriteBytes: 512 * 1024,
  maxOpenFiles: 512,
  checkpointIntervalMs: 30_000,
  retentionCheckMs: 300_000,
  producerExpirationMs: 86_400_000,
  retryDelayMs: 1_000,
  replicas: 1,
  relaxedAcks: false,
} as const;
