/** Batches whose records must be looked into or stored in another compression than the producer chose (LG4). */
import {
  batchSize,
  type CompressionType,
  compressionTypes,
  decompress,
  ProtocolError,
  RECORD_BATCH_OVERHEAD,
  recompressBatch,
} from "@ottla/protocol";
import { type AppendFault, type BatchInfo, fault } from "./append-validation.ts";
import type { LogConfig } from "./engine.ts";

/** Bound on what a batch may decompress to: the request that carried it was bounded, its content is not. */
const MAX_DECOMPRESSED_BYTES = 134_217_728;

/** Calls `inspect` with the uncompressed records of a batch. */
export function withRecords(
  batch: Buffer,
  compression: number,
  inspect: (records: Buffer) => AppendFault | null,
): AppendFault | null {
  try {
    const stored = batch.subarray(RECORD_BATCH_OVERHEAD, batchSize(batch, 0));
    return inspect(decompress(compression, stored, MAX_DECOMPRESSED_BYTES));
  } catch (error) {
    return unreadable(error);
  }
}

/** The batch as the topic wants it stored: itself, or a new one in the topic's compression. */
export function recompress(
  batch: Buffer,
  info: BatchInfo,
  config: LogConfig,
): Buffer | AppendFault {
  const wanted: CompressionType | "producer" =
    config.compressionType === "uncompressed" ? "none" : config.compressionType;
  if (wanted === "producer" || compressionTypes[info.compression] === wanted) return batch;
  const levels = config.compressionLevels;
  const level =
    wanted === "gzip" || wanted === "lz4" || wanted === "zstd" ? levels[wanted] : undefined;
  try {
    // Compressed too large it is refused anyway, and gzip takes seconds for what another codec has made small.
    const { maxMessageBytes } = config;
    return recompressBatch(batch, 0, wanted, level, MAX_DECOMPRESSED_BYTES, maxMessageBytes);
  } catch (error) {
    const isTooLarge = error instanceof ProtocolError && error.kind === "tooLarge";
    return isTooLarge ? fault("messageTooLarge", null) : unreadable(error);
  }
}

function unreadable(error: unknown): AppendFault {
  if (!(error instanceof ProtocolError)) throw error;
  return fault("corruptBatch", error.message);
}
