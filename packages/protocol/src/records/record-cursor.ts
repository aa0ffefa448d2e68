/**
 * Reads the records of a batch one after the other, as places in a buffer. A record is
 *
 *   length varint | attributes int8 | timestampDelta varlong | offsetDelta varint | keyLength varint | key
 *   | valueLength varint | value | headerCount varint | (keyLength varint | key | valueLength varint | value)*
 *
 * with lengths of −1 for null. Nothing is allocated per record; every length is checked against the record and the record against the
 * batch, so walking a batch to its end validates it.
 */
import type { Allocate } from "../compression/codec.ts";
import { decompress } from "../compression/compression.ts";
import { ProtocolError } from "../protocol-error.ts";
import {
  baseOffset,
  baseTimestamp,
  batchSize,
  compressionId,
  isLogAppendTime,
  maxTimestamp,
  RECORD_BATCH_OVERHEAD,
  recordsCount,
} from "./batch-header.ts";
import { readZigzag, readZigzagLong, varintCursor } from "./varint.ts";

const NO_BYTES = Buffer.alloc(0);

/** Bound on what one batch may decompress to, unless the caller sets another. */
export const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export class RecordCursor {
  /** Where the positions below point to: the batch's own buffer, or its decompressed records. */
  buffer: Buffer = NO_BYTES;
  offset = 0;
  timestampMs = 0;
  /** Offset relative to the batch. */
  offsetDelta = 0;
  /** Place of the key; both are −1 for null. */
  keyStart = -1;
  keyEnd = -1;
  /** Place of the value; both are −1 for null. */
  valueStart = -1;
  valueEnd = -1;
  headersCount = 0;
  /** Where the first header starts. */
  headersStart = 0;
  /** Place of the whole record, length included. */
  recordStart = 0;
  recordEnd = 0;

  #position = 0;
  #end = 0;
  #left = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #appendTime = -1;
  #isAppendTime = false;

  /**
   * Places the cursor before the first record of the complete batch at `at`, decompressing its records if need be, into
   * memory that may come from `allocate`.
   * @throws ProtocolError `unsupportedCompression`, `corrupt`, or `tooLarge` beyond `maxBytes`
   */
  start(
    batch: Buffer,
    at = 0,
    maxBytes: number = MAX_DECOMPRESSED_BYTES,
    allocate?: Allocate,
  ): void {
    const recordsAt = at + RECORD_BATCH_OVERHEAD;
    const batchEnd = at + batchSize(batch, at);
    const compression = compressionId(batch, at);
    if (compression === 0) {
      this.buffer = batch;
      this.#position = recordsAt;
      this.#end = batchEnd;
    } else {
      const compressed = batch.subarray(recordsAt, batchEnd);
      this.buffer = decompress(compression, compressed, maxBytes, allocate);
      this.#position = 0;
      this.#end = this.buffer.length;
    }
    this.recordEnd = this.#position;
    this.#left = recordsCount(batch, at);
    this.#baseOffset = baseOffset(batch, at);
    this.#baseTimestamp = baseTimestamp(batch, at);
    this.#isAppendTime = isLogAppendTime(batch, at);
    this.#appendTime = maxTimestamp(batch, at);
    if (this.#left < 0) {
      throw corrupt(`a batch claims ${this.#left} records`);
    }
  }

  /** Moves to the next record; false after the last. @throws ProtocolError `corrupt` when the bytes contradict themselves or the count */
  next(): boolean {
    const buffer = this.buffer;
    const start = this.#position;
    if (this.#left === 0) {
      if (start !== this.#end) {
        throw corrupt("a batch holds more than the records it counts");
      }
      return false;
    }
    const length = readZigzag(buffer, start, this.#end);
    let at = varintCursor.position;
    if (length < 0 || length > this.#end - at) {
      throw corrupt(`a record claims ${length} bytes, beyond its batch`);
    }
    const end = at + length;
    at = this.#readBody(buffer, at, end);
    this.#skipHeaders(buffer, at, end);
    this.recordStart = start;
    this.recordEnd = end;
    this.#position = end;
    this.#left--;
    return true;
  }

  /** A view of the current key. */
  key(): Buffer | null {
    return this.keyStart < 0 ? null : this.buffer.subarray(this.keyStart, this.keyEnd);
  }

  /** A view of the current value. */
  value(): Buffer | null {
    return this.valueStart < 0 ? null : this.buffer.subarray(this.valueStart, this.valueEnd);
  }

  /** The current record's headers; values are views. */
  headers(): RecordHeader[] {
    const headers: RecordHeader[] = [];
    let at = this.headersStart;
    for (let i = 0; i < this.headersCount; i++) {
      const keySize = readZigzag(this.buffer, at, this.recordEnd);
      at = varintCursor.position + keySize;
      const key = this.buffer.toString("utf8", at - keySize, at);
      const valueSize = readZigzag(this.buffer, at, this.recordEnd);
      at = varintCursor.position + Math.max(valueSize, 0);
      headers.push({ key, value: valueSize < 0 ? null : this.buffer.subarray(at - valueSize, at) });
    }
    return headers;
  }

  /** Everything between the length and the headers; returns the position after it. */
  #readBody(buffer: Buffer, start: number, end: number): number {
    if (start >= end) {
      throw corrupt("a record is empty");
    }
    const timestampDelta = readZigzagLong(buffer, start + 1, end);
    this.offsetDelta = readZigzag(buffer, varintCursor.position, end);
    this.offset = this.#baseOffset + this.offsetDelta;
    this.timestampMs = this.#isAppendTime ? this.#appendTime : this.#baseTimestamp + timestampDelta;
    const keySize = readSize(buffer, varintCursor.position, end);
    let at = varintCursor.position;
    this.keyStart = keySize < 0 ? -1 : at;
    this.keyEnd = keySize < 0 ? -1 : at + keySize;
    at = keySize < 0 ? at : at + keySize;
    const valueSize = readSize(buffer, at, end);
    at = varintCursor.position;
    this.valueStart = valueSize < 0 ? -1 : at;
    this.valueEnd = valueSize < 0 ? -1 : at + valueSize;
    return valueSize < 0 ? at : at + valueSize;
  }

  #skipHeaders(buffer: Buffer, start: number, end: number): void {
    const count = readZigzag(buffer, start, end);
    let at = varintCursor.position;
    if (count < 0 || count > end - at) {
      throw corrupt(`a record claims ${count} headers`);
    }
    this.headersCount = count;
    this.headersStart = at;
    for (let i = 0; i < count; i++) {
      const keySize = readSize(buffer, at, end);
      if (keySize < 0) {
        throw corrupt("a header has no key");
      }
      const valueSize = readSize(buffer, varintCursor.position + keySize, end);
      at = varintCursor.position + Math.max(valueSize, 0);
    }
    if (at !== end) {
      throw corrupt("a record is longer than its fields");
    }
  }
}

/** Reads a length that must fit before `end`; any negative one means null. */
function readSize(buffer: Buffer, offset: number, end: number): number {
  const size = readZigzag(buffer, offset, end);
  if (size > end - varintCursor.position) {
    throw corrupt(`a field of ${size} bytes does not fit its record`);
  }
  return size;
}

function corrupt(message: string): ProtocolError {
  return new ProtocolError("corrupt", message);
}
