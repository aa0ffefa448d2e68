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
  /** The journal or a segment could not be written or read; the engine answers `storage` meanwhile. */
  storageFailed(error: Error): void;
  /** Bytes on disk are not what they were: reported with the file and the position, never skipped. */
  corrupted(path: string, position: number, detail: string): void;
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
