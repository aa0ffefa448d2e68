/**
 * Record batches for tests, built by hand so that they can also be wrong. Reading is strict: a batch that does not parse is an error of
 * the broker that sent it.
 */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import {
  attributes,
  baseOffset,
  baseSequence,
  baseTimestamp,
  batchSize,
  COMPRESSION_MASK,
  isBatchComplete,
  isBatchCrcValid,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  recordsCount,
  writeBatchHeader,
} from "@ottla/protocol";

export interface TestRecord {
  readonly key?: string | null;
  readonly value?: string | null;
  readonly headers?: readonly (readonly [name: string, value: string | null])[];
  /** Milliseconds after the batch's base timestamp. */
  readonly timestampDelta?: number;
  readonly offsetDelta?: number;
}

export interface BatchOptions {
  readonly baseOffset?: number;
  readonly baseTimestamp?: number;
  readonly maxTimestamp?: number;
  readonly codec?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** Attribute bits besides the codec's. */
  readonly attributes?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly lastOffsetDelta?: number;
  readonly recordsCount?: number;
  readonly leaderEpoch?: number;
}

/** Attribute bits of a batch besides its codec. */
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

const CODEC_IDS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** A batch of format v2 with a valid checksum. */
export function batchOf(records: readonly TestRecord[], options: BatchOptions = {}): Buffer {
  const codec = options.codec ?? "none";
  const base = options.baseTimestamp ?? 0;
  const plain = Buffer.concat(records.map((record, index) => encodeRecord(record, index)));
  const payload = COMPRESS[codec](plain);
  const batch = Buffer.alloc(RECORD_BATCH_OVERHEAD + payload.length);
  payload.copy(batch, RECORD_BATCH_OVERHEAD);
  const deltas = records.map(({ timestampDelta = 0 }) => timestampDelta);
  writeBatchHeader(batch, 0, {
    baseOffset: options.baseOffset ?? 0,
    size: batch.length,
    partitionLeaderEpoch: options.leaderEpoch ?? -1,
    attributes: (options.attributes ?? 0) | CODEC_IDS[codec],
    lastOffsetDelta: options.lastOffsetDelta ?? records.length - 1,
    baseTimestamp: base,
    maxTimestamp: options.maxTimestamp ?? base + Math.max(0, ...deltas),
    producerId: options.producerId ?? -1,
    producerEpoch: options.producerEpoch ?? -1,
    baseSequence: options.baseSequence ?? -1,
    recordsCount: options.recordsCount ?? records.length,
  });
  return batch;
}

/** A batch as read back, its records decoded when the codec is one this file can undo. */
export interface ReadBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordsCount: number;
  readonly records: readonly ReadRecord[] | null;
}

export interface ReadRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** The batches in a Fetch response; a last one that was cut off is left out, as clients do. @throws {Error} on a bad checksum */
export function readBatches(bytes: Buffer): ReadBatch[] {
  const batches: ReadBatch[] = [];
  let at = 0;
  while (isBatchComplete(bytes, at, bytes.length)) {
    if (!isBatchCrcValid(bytes, at)) throw new Error(`bad checksum in batch at ${at}`);
    const size = batchSize(bytes, at);
    const payload = bytes.subarray(at + RECORD_BATCH_OVERHEAD, at + size);
    const plain = decompress(payload, attributes(bytes, at) & COMPRESSION_MASK);
    const base = { offset: baseOffset(bytes, at), timestamp: baseTimestamp(bytes, at) };
    batches.push({
      baseOffset: base.offset,
      lastOffset: base.offset + lastOffsetDelta(bytes, at),
      leaderEpoch: partitionLeaderEpoch(bytes, at),
      attributes: attributes(bytes, at),
      baseTimestamp: base.timestamp,
      maxTimestamp: maxTimestamp(bytes, at),
      producerId: producerId(bytes, at),
      producerEpoch: producerEpoch(bytes, at),
      baseSequence: baseSequence(bytes, at),
      recordsCount: recordsCount(bytes, at),
      records: plain === null ? null : decodeRecords(plain, recordsCount(bytes, at), base),
    });
    at += size;
  }
  return batches;
}

function encodeRecord(record: TestRecord, index: number): Buffer {
  const headers = record.headers ?? [];
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(record.timestampDelta ?? 0),
    varint(record.offsetDelta ?? index),
    sized(record.key ?? null),
    sized(record.value ?? null),
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [sized(name), sized(value)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function sized(text: string | null): Buffer {
  if (text === null) return varint(-1);
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Zigzag varint. */
function varint(value: number): Buffer {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  const bytes: number[] = [];
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function decodeRecords(
  bytes: Buffer,
  count: number,
  base: { readonly offset: number; readonly timestamp: number },
): ReadRecord[] {
  let at = 0;
  const next = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("a record ends early");
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const text = (): string | null => {
    const size = next();
    if (size < 0) return null;
    at += size;
    return bytes.toString("utf8", at - size, at);
  };
  return Array.from({ length: count }, () => {
    const end = next() + at;
    at++; // Attributes of a record: none exist.
    const timestamp = base.timestamp + next();
    const offset = base.offset + next();
    const key = text();
    const value = text();
    const headers = Array.from({ length: next() }, () => [text() ?? "", text()] as const);
    if (at !== end) throw new Error(`record at offset ${offset} does not fill its size`);
    return { offset, timestamp, key, value, headers };
  });
}

/** Snappy and LZ4 as their formats allow without compressing anything. */
const COMPRESS: Readonly<Record<keyof typeof CODEC_IDS, (bytes: Buffer) => Buffer>> = {
  none: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
  snappy(bytes) {
    if (bytes.length > 60) throw new Error("only short literals");
    return Buffer.concat([Buffer.from([bytes.length, (bytes.length - 1) << 2]), bytes]);
  },
  lz4(bytes) {
    // Frame header for independent blocks of 64 KiB, its checksum; one stored block; the end mark.
    const header = Buffer.from("04224d18604082", "hex");
    const size = Buffer.alloc(4);
    size.writeUInt32LE((bytes.length | 0x8000_0000) >>> 0);
    return Buffer.concat([header, size, bytes, Buffer.alloc(4)]);
  },
};

function decompress(bytes: Buffer, id: number): Buffer | null {
  if (id === CODEC_IDS.none) return bytes;
  if (id === CODEC_IDS.gzip) return gunzipSync(bytes);
  if (id === CODEC_IDS.zstd) return zstdDecompressSync(bytes);
  return null;
}
