import { constants } from "node:buffer";
import {
  type CompressionType,
  compressBehind,
  compressionIdOf,
  decompress,
} from "../compression/compression.ts";
import {
  attributes,
  batchSize,
  COMPRESSION_MASK,
  LOG_OVERHEAD,
  RECORD_BATCH_OVERHEAD,
  stampCrc,
} from "./batch-header.ts";
import { MAX_DECOMPRESSED_BYTES } from "./record-cursor.ts";

/**
 * A copy of the complete batch at `at` with its records in another compression; all else, but for size and checksum, stays.
 * @throws ProtocolError when the records cannot be decompressed, or `tooLarge` when they, or what becomes of them, go beyond their bound
 */
export function recompressBatch(
  batch: Buffer,
  at: number,
  compression: CompressionType,
  level?: number,
  maxBytes: number = MAX_DECOMPRESSED_BYTES,
  maxResultBytes: number = constants.MAX_LENGTH,
): Buffer {
  const recordsAt = at + RECORD_BATCH_OVERHEAD;
  const stored = batch.subarray(recordsAt, at + batchSize(batch, at));
  const bits = attributes(batch, at);
  const plain = decompress(bits & COMPRESSION_MASK, stored, maxBytes);
  const copy = compressBehind(
    RECORD_BATCH_OVERHEAD,
    compression,
    plain,
    level,
    Buffer.allocUnsafe,
    maxResultBytes,
  );
  batch.copy(copy, 0, at, recordsAt);
  copy.writeInt32BE(copy.length - LOG_OVERHEAD, 8);
  copy.writeInt16BE((bits & ~COMPRESSION_MASK) | compressionIdOf(compression), 21);
  stampCrc(copy, 0);
  return copy;
}
