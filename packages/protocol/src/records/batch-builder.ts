/**
 * Builds a record batch: records are appended to a growing buffer behind room for the header; `build` compresses them if asked to and
 * writes the header and its checksum.
 */
import { textSize, writeText } from "../codec/runtime.ts";
import type { Allocate } from "../compression/codec.ts";
import {
  type CompressionType,
  compressBehind,
  compressionIdOf,
} from "../compression/compression.ts";
import {
  CONTROL_BIT,
  RECORD_BATCH_OVERHEAD,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
  writeBatchHeader,
} from "./batch-header.ts";
import { writeZigzag, zigzagSize } from "./varint.ts";

export interface BatchOptions {
  readonly compression?: CompressionType;
  /** The codec's own scale; its default when left out. */
  readonly compressionLevel?: number;
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  /** −1, the default, for a producer that is not idempotent. */
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Makes this time the timestamp of every record. */
  readonly logAppendTimeMs?: number;
  /** Bytes to start with; the buffer doubles as needed. */
  readonly initialBytes?: number;
  /**
   * Where to write, instead of a buffer of its own, as long as it is large enough. The caller may use it again when it is done with the
   * batch; an uncompressed one is a view of it.
   */
  readonly buffer?: Buffer;
  /** Where a compressed batch may be put. */
  readonly allocate?: Allocate;
}

/** Text is written as UTF-8. */
export type RecordBytes = Uint8Array | string | null;

export interface HeaderInput {
  readonly key: string;
  readonly value: RecordBytes;
}

const NO_HEADERS: readonly HeaderInput[] = [];

export class BatchBuilder {
  readonly #options: BatchOptions;
  #buffer: Buffer;
  #position = RECORD_BATCH_OVERHEAD;
  #count = 0;
  #lastOffsetDelta = -1;
  #baseTimestamp = 0;
  #maxTimestamp = -1;

  constructor(options: BatchOptions = {}) {
    this.#options = options;
    this.#buffer = options.buffer ?? Buffer.allocUnsafe(Math.max(options.initialBytes ?? 512, 128));
  }

  get recordsCount(): number {
    return this.#count;
  }

  /** Bytes of the batch so far, before compression. */
  get sizeBytes(): number {
    return this.#position;
  }

  /**
   * Appends a record, by default one offset after the last. Returns its offset relative to the batch. Bytes are copied.
   * `offsetDelta` must grow from record to record.
   */
  append(
    timestampMs: number,
    key: RecordBytes,
    value: RecordBytes,
    headers: readonly HeaderInput[] = NO_HEADERS,
    offsetDelta: number = this.#lastOffsetDelta + 1,
  ): number {
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs;
    }
    const timestampDelta = timestampMs - this.#baseTimestamp;
    const bodySize = recordBodySize(timestampDelta, offsetDelta, key, value, headers);
    this.#reserve(zigzagSize(bodySize) + bodySize);
    const buffer = this.#buffer;
    let at = writeZigzag(buffer, this.#position, bodySize);
    buffer[at++] = 0;
    at = writeZigzag(buffer, at, timestampDelta);
    at = writeZigzag(buffer, at, offsetDelta);
    at = writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    at = writeZigzag(buffer, at, headers.length);
    for (let i = 0; i < headers.length; i++) {
      const header = headers[i]!;
      at = writeBytes(buffer, at, header.key);
      at = writeBytes(buffer, at, header.value);
    }
    this.#position = at;
    this.#count++;
    this.#lastOffsetDelta = offsetDelta;
    if (timestampMs > this.#maxTimestamp) {
      this.#maxTimestamp = timestampMs;
    }
    return offsetDelta;
  }

  /** Bytes that `append` would add with these arguments. */
  sizeOf(
    timestampMs: number,
    key: RecordBytes,
    value: RecordBytes,
    headers: readonly HeaderInput[] = NO_HEADERS,
  ): number {
    const timestampDelta = this.#count === 0 ? 0 : timestampMs - this.#baseTimestamp;
    const size = recordBodySize(timestampDelta, this.#lastOffsetDelta + 1, key, value, headers);
    return zigzagSize(size) + size;
  }

  /** The finished batch. The builder must not be used afterwards: the bytes are its own. */
  build(): Buffer {
    const { compression = "none", compressionLevel, logAppendTimeMs, allocate } = this.#options;
    let batch = this.#buffer.subarray(0, this.#position);
    if (compression !== "none") {
      const records = batch.subarray(RECORD_BATCH_OVERHEAD);
      batch = compressBehind(
        RECORD_BATCH_OVERHEAD,
        compression,
        records,
        compressionLevel,
        allocate,
      );
    }
    writeBatchHeader(batch, 0, {
      baseOffset: this.#options.baseOffset ?? 0,
      size: batch.length,
      partitionLeaderEpoch: this.#options.partitionLeaderEpoch ?? -1,
      attributes: this.#attributes(),
      lastOffsetDelta: this.#lastOffsetDelta,
      baseTimestamp: this.#baseTimestamp,
      maxTimestamp: logAppendTimeMs ?? this.#maxTimestamp,
      producerId: this.#options.producerId ?? -1,
      producerEpoch: this.#options.producerEpoch ?? -1,
      baseSequence: this.#options.baseSequence ?? -1,
      recordsCount: this.#count,
    });
    return batch;
  }

  #attributes(): number {
    const { compression = "none", isTransactional, isControl, logAppendTimeMs } = this.#options;
    return (
      compressionIdOf(compression) |
      (logAppendTimeMs === undefined ? 0 : TIMESTAMP_TYPE_BIT) |
      (isTransactional === true ? TRANSACTIONAL_BIT : 0) |
      (isControl === true ? CONTROL_BIT : 0)
    );
  }

  #reserve(size: number): void {
    const needed = this.#position + size;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#position);
      this.#buffer = grown;
    }
  }
}

/** Bytes of a record after its length. */
function recordBodySize(
  timestampDelta: number,
  offsetDelta: number,
  key: RecordBytes,
  value: RecordBytes,
  headers: readonly HeaderInput[],
): number {
  let size = 1 + zigzagSize(timestampDelta) + zigzagSize(offsetDelta);
  size += bytesSize(key) + bytesSize(value) + zigzagSize(headers.length);
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!;
    size += bytesSize(header.key) + bytesSize(header.value);
  }
  return size;
}

function bytesSize(bytes: RecordBytes): number {
  if (bytes === null) {
    return 1;
  }
  const length = typeof bytes === "string" ? textSize(bytes) : bytes.length;
  return zigzagSize(length) + length;
}

function writeBytes(buffer: Buffer, offset: number, bytes: RecordBytes): number {
  if (bytes === null) {
    buffer[offset] = 1;
    return offset + 1;
  }
  if (typeof bytes === "string") {
    const size = textSize(bytes);
    const at = writeZigzag(buffer, offset, size);
    writeText(buffer, at, bytes, size);
    return at + size;
  }
  const at = writeZigzag(buffer, offset, bytes.length);
  buffer.set(bytes, at);
  return at + bytes.length;
}
