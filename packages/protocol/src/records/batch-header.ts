/**
 * The header of a record batch, format v2 (magic 2), read and stamped in place. All numbers are big-endian.
 *
 *    0 baseOffset int64            27 baseTimestamp int64
 *    8 batchLength int32           35 maxTimestamp int64
 *   12 partitionLeaderEpoch int32  43 producerId int64
 *   16 magic int8                  51 producerEpoch int16
 *   17 crc uint32                  53 baseSequence int32
 *   21 attributes int16            57 recordsCount int32
 *   23 lastOffsetDelta int32       61 records, compressed as a whole
 *
 * `batchLength` counts from offset 12 on. The CRC-32C covers everything from `attributes` to the end, so a broker may set
 * base offset and leader epoch without touching it. Attribute bits: 0–2 compression, 3 timestamp type, 4 transactional,
 * 5 control, 6 delete horizon. Functions here take the place of a batch in a buffer and trust that `isBatchComplete` or the
 * walker has looked at it before.
 */
import { readInt16, readInt32, readInt64, writeInt64 } from "../primitives.ts";
import { crc32c } from "./crc32c.ts";

/** Bytes of a batch before its records. */
export const RECORD_BATCH_OVERHEAD = 61;
/** Bytes before those that `batchLength` counts. */
export const LOG_OVERHEAD = 12;
/** The only record format that is written. */
export const MAGIC_V2 = 2;

const BASE_OFFSET = 0;
const BATCH_LENGTH = 8;
const LEADER_EPOCH = 12;
const MAGIC = 16;
const CRC = 17;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51;
const BASE_SEQUENCE = 53;
const RECORDS_COUNT = 57;

/** Attribute bits. */
export const COMPRESSION_MASK = 0x07;
export const TIMESTAMP_TYPE_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

export function baseOffset(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BASE_OFFSET);
}

/** Bytes of the batch after its first 12, as the batch itself says. */
export function batchLength(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + BATCH_LENGTH);
}

/** Bytes of the whole batch, as the batch itself says. */
export function batchSize(buffer: Buffer, at: number): number {
  return batchLength(buffer, at) + LOG_OVERHEAD;
}

export function partitionLeaderEpoch(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + LEADER_EPOCH);
}

export function magic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + MAGIC);
}

/** The stored checksum. */
export function batchCrc(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + CRC) >>> 0;
}

export function attributes(buffer: Buffer, at: number): number {
  return readInt16(buffer, at + ATTRIBUTES);
}

/** Compression id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export function compressionId(buffer: Buffer, at: number): number {
  return attributes(buffer, at) & COMPRESSION_MASK;
}

export function isLogAppendTime(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & TIMESTAMP_TYPE_BIT) !== 0;
}

export function isTransactional(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & TRANSACTIONAL_BIT) !== 0;
}

export function isControl(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & CONTROL_BIT) !== 0;
}

/** Whether baseTimestamp holds the time at which tombstones may go (KIP-534). */
export function hasDeleteHorizon(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & DELETE_HORIZON_BIT) !== 0;
}

export function lastOffsetDelta(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + LAST_OFFSET_DELTA);
}

/** Offset of the last record the batch once had; compaction may have removed it. */
export function lastOffset(buffer: Buffer, at: number): number {
  return baseOffset(buffer, at) + lastOffsetDelta(buffer, at);
}

export function baseTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BASE_TIMESTAMP);
}

export function maxTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + MAX_TIMESTAMP);
}

/** −1 when the producer is not idempotent. */
export function producerId(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + PRODUCER_ID);
}

export function producerEpoch(buffer: Buffer, at: number): number {
  return readInt16(buffer, at + PRODUCER_EPOCH);
}

export function baseSequence(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + BASE_SEQUENCE);
}

/** Records in the batch, as the batch itself says. */
export function recordsCount(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + RECORDS_COUNT);
}

/** Whether `[at, end)` holds a batch of format v2 in full, going by its own length. Looks at no checksum. */
export function isBatchComplete(buffer: Buffer, at: number, end: number): boolean {
  if (end - at < RECORD_BATCH_OVERHEAD) {
    return false;
  }
  const size = batchSize(buffer, at);
  return magic(buffer, at) === MAGIC_V2 && size >= RECORD_BATCH_OVERHEAD && size <= end - at;
}

/** Computes the checksum over a complete batch. */
export function computeBatchCrc(buffer: Buffer, at: number): number {
  return crc32c(buffer, at + ATTRIBUTES, at + batchSize(buffer, at));
}

/** Whether the stored checksum of a complete batch is right. */
export function isBatchCrcValid(buffer: Buffer, at: number): boolean {
  return computeBatchCrc(buffer, at) === batchCrc(buffer, at);
}

/** Gives the batch its place in the log. Outside the checksum. */
export function stampBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, at + BASE_OFFSET, offset);
}

/** Outside the checksum. */
export function stampPartitionLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + LEADER_EPOCH);
}

/** Makes the append time the timestamp of all records: sets the maximum and the LogAppendTime bit, and renews the checksum. */
export function stampLogAppendTime(buffer: Buffer, at: number, timestampMs: number): void {
  writeInt64(buffer, at + MAX_TIMESTAMP, timestampMs);
  buffer.writeInt16BE(attributes(buffer, at) | TIMESTAMP_TYPE_BIT, at + ATTRIBUTES);
  stampCrc(buffer, at);
}

/** Sets the largest timestamp (CreateTime) and renews the checksum. */
export function stampMaxTimestamp(buffer: Buffer, at: number, timestampMs: number): void {
  writeInt64(buffer, at + MAX_TIMESTAMP, timestampMs);
  stampCrc(buffer, at);
}

/** Renews the checksum of a complete batch. */
export function stampCrc(buffer: Buffer, at: number): void {
  buffer.writeUInt32BE(computeBatchCrc(buffer, at), at + CRC);
}

/** What a new batch's header says; `size` is the whole batch's. */
export interface BatchHeaderFields {
  readonly baseOffset: number;
  readonly size: number;
  readonly partitionLeaderEpoch: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordsCount: number;
}

/** Writes a header before records that are in place already, and its checksum. */
export function writeBatchHeader(buffer: Buffer, at: number, header: BatchHeaderFields): void {
  writeInt64(buffer, at + BASE_OFFSET, header.baseOffset);
  buffer.writeInt32BE(header.size - LOG_OVERHEAD, at + BATCH_LENGTH);
  buffer.writeInt32BE(header.partitionLeaderEpoch, at + LEADER_EPOCH);
  buffer.writeInt8(MAGIC_V2, at + MAGIC);
  buffer.writeInt16BE(header.attributes, at + ATTRIBUTES);
  buffer.writeInt32BE(header.lastOffsetDelta, at + LAST_OFFSET_DELTA);
  writeInt64(buffer, at + BASE_TIMESTAMP, header.baseTimestamp);
  writeInt64(buffer, at + MAX_TIMESTAMP, header.maxTimestamp);
  writeInt64(buffer, at + PRODUCER_ID, header.producerId);
  buffer.writeInt16BE(header.producerEpoch, at + PRODUCER_EPOCH);
  buffer.writeInt32BE(header.baseSequence, at + BASE_SEQUENCE);
  buffer.writeInt32BE(header.recordsCount, at + RECORDS_COUNT);
  stampCrc(buffer, at);
}
