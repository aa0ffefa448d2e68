/** Record batches (magic 2, uncompressed) made once before a measurement. */
import { ByteWriter } from "./bytes.ts";

/** Bytes of a batch before its first record. */
export const batchHeaderBytes = 61;
/** The part of a batch that a broker never rewrites begins here: everything under the CRC. */
export const batchCrcFrom = 21;

export interface BatchSpec {
  readonly records: number;
  /** Size of each record's value; keys are null. */
  readonly valueBytes: number;
  readonly timestampMs: number;
}

/** Values are pseudo-random bytes, the same for the same spec, different in each record. */
export function encodeBatch(spec: BatchSpec): Buffer {
  const records = new ByteWriter();
  const random = xorshift(spec.records * 31 + spec.valueBytes);
  for (let index = 0; index < spec.records; index++) {
    const value = Buffer.allocUnsafe(spec.valueBytes);
    for (let i = 0; i < value.length; i++) value[i] = random() & 0xff;
    const body = new ByteWriter();
    body.int8(0).varint(0).varint(index).varint(-1).varint(value.length).raw(value).varint(0);
    records.varint(body.size).raw(body.toBuffer());
  }
  const recordBytes = records.toBuffer();
  const batch = new ByteWriter()
    .int64(0) // Base offset; the broker stamps its own.
    .int32(batchHeaderBytes - 12 + recordBytes.length)
    .int32(-1) // Partition leader epoch.
    .int8(2)
    .int32(0) // CRC, below.
    .int16(0)
    .int32(spec.records - 1)
    .int64(spec.timestampMs)
    .int64(spec.timestampMs)
    .int64(-1)
    .int16(-1)
    .int32(-1)
    .int32(spec.records)
    .raw(recordBytes)
    .toBuffer();
  batch.writeUInt32BE(crc32c(batch, batchCrcFrom, batch.length), 17);
  return batch;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of a range. */
export function crc32c(buffer: Uint8Array, start: number, end: number): number {
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ buffer[i]!) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function xorshift(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
