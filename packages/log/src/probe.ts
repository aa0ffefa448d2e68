/**
 * What the local engine tells about itself. The broker turns these calls into metrics; the default ignores them.
 * Calls are made once per group commit, segment write or read, never per record.
 */
export interface LogProbe {
  /** Batches of one partition became durable: kafka_server_brokertopicmetrics_{bytesin,messagesin}. */
  appended(topic: string, bytes: number, records: number): void;
  /** Bytes were handed to a reader: kafka_server_brokertopicmetrics_bytesout. */
  served(topic: string, bytes: number): void;
  /** One group commit reached stable storage: kafka_log_logflushstats_logflushrateandtimems. */
  journalWritten(bytes: number, batches: number, elapsedMs: number): void;
  /** One write to a segment file. */
  segmentWritten(bytes: number, elapsedMs: number): void;
  /** A checkpoint freed the journal before it. */
  checkpointed(partitions: number, elapsedMs: number): void;
  /** The journal or a segment could not be written or read; the engine answers `storage` meanwhile. Or the cleaner had no memory. */
  storageFailed(error: Error): void;
  /** Bytes on disk are not what they were: reported with the file and the position, never skipped. */
  corrupted(path: string, position: number, detail: string): void;
  /** The cleaner went over a log: kafka_log_logcleaner_*. */
  cleaned?(topic: string, partition: number, round: CleaningRound): void;
  /** A log cannot be cleaned and is left as it is until the next start: kafka_log_logcleanermanager_uncleanable*. */
  uncleanable?(topic: string, partition: number, sizeBytes: number, error: Error): void;
}

/** What one round of the cleaner over one log came to. */
export interface CleaningRound {
  /** In both walks. */
  readonly bytesRead: number;
  /** Times a hundred over what the second walk read: kafka_log_logcleaner_cleaner_recopy_percent. */
  readonly bytesWritten: number;
  /** Of the second walk. */
  readonly bytesScanned: number;
  readonly recordsRead: number;
  readonly recordsKept: number;
  /** kafka_log_logcleaner_max_clean_time_secs, the greatest of the last round of each thread. */
  readonly elapsedMs: number;
  /** How full the map of keys was, from 0 to 1: kafka_log_logcleaner_max_buffer_utilization_percent. */
  readonly mapUtilization: number;
}

/** A probe that ignores everything. */
export const noProbe: LogProbe = {
  appended() {},
  served() {},
  journalWritten() {},
  segmentWritten() {},
  checkpointed() {},
  storageFailed() {},
  corrupted() {},
};
