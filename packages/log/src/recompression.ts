/** Batches whose records must be looked into or stored in another compression than the producer chose (LG4). */
import { type AppendFault, type BatchInfo, fault } from "./append-validation.ts";
import type { LogConfig } from "./engine.ts";

const CODECS = ["uncompressed", "gzip", "snappy", "lz4", "zstd"] as const;

/** Calls `inspect` with the uncompressed records of a batch. */
export function withRecords(
  _batch: Buffer,
  compression: number,
  _inspect: (records: Buffer) => AppendFault | null,
): AppendFault | null {
  return fault("unknownCompression", `Compression ${CODECS[compression]} cannot be read yet`);
}

/** The batch as the topic wants it stored: itself, or a new one in the topic's compression. */
export function recompress(
  batch: Buffer,
  info: BatchInfo,
  config: LogConfig,
): Buffer | AppendFault {
  const wanted = config.compressionType;
  if (wanted === "producer" || CODECS[info.compression] === wanted) return batch;
  return fault("unknownCompression", `Compression ${wanted} cannot be written yet`);
}
