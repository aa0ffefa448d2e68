/**
 * What generated codecs call: the parts of decoding and encoding that are not worth emitting in line. Every function here is
 * small and stands alone, so that V8 can inline it into the generated code.
 */
import { Buffer } from "node:buffer";
import { ProtocolError } from "../protocol-error.ts";
import type { Field, RecordsInput } from "../schema/fields.ts";

/** Key under which tagged fields that the schema does not know are kept on a decoded message or struct. */
export const UNKNOWN_TAGS: unique symbol = Symbol("unknownTaggedFields");

/** A tagged field from a newer peer, kept as it came. `data` is a view of the frame. */
export interface UnknownTaggedField {
  readonly tag: number;
  readonly data: Buffer;
}

/** Bound of any array, whatever the frame's size (Kafka 4.4 has the same). */
export const MAX_ARRAY_ELEMENTS = 1_000_000;

/**
 * Bound of all array elements and tagged fields of a message together. Small elements in nested arrays grow about fiftyfold in memory,
 * so bytes alone bound nothing: this keeps the largest frame from exhausting the heap.
 */
export const MAX_MESSAGE_ELEMENTS = 4_000_000;

/** Records up to this size are copied into the message; larger ones are passed by reference, as a buffer of their own. */
export const SPLICE_MIN_BYTES = 1024;

/** Position after the last varint of several bytes, and after the last decoded message. */
export const cursor = { position: 0 };

/**
 * Continues an unsigned varint whose first byte, already read, had its high bit set; leaves the position in `cursor`.
 * The result is a signed 32-bit integer, as in Kafka. @throws ProtocolError after five bytes without an end.
 */
export function longVarint(buffer: Buffer, offset: number, end: number, first: number): number {
  let value = first & 0x7f;
  let at = offset;
  for (let shift = 7; shift <= 28; shift += 7) {
    if (at >= end) {
      throw truncated();
    }
    const byte = buffer[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 128) {
      cursor.position = at;
      return value;
    }
  }
  throw new ProtocolError("malformed", "an unsigned varint is longer than five bytes");
}

export function varintSize(value: number): number {
  return value < 0
    ? 5
    : value < 0x80
      ? 1
      : value < 0x4000
        ? 2
        : value < 0x200000
          ? 3
          : value < 0x10000000
            ? 4
            : 5;
}

/** Writes an unsigned varint and returns the position after it. */
export function writeVarint(buffer: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value >>> 0;
  while (rest > 127) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/**
 * Recently read short texts, by a hash of their bytes. Topic names and client ids come again and again; a text found here costs no call
 * into the engine, and it brings along the hash that maps ask for.
 */
const CACHE_SLOTS = 1024;
const CACHED_TEXT_BYTES = 32;
const cachedTexts: string[] = new Array<string>(CACHE_SLOTS).fill("");

/** Reads text; invalid UTF-8 turns into replacement characters, as in Kafka. */
export function readText(buffer: Buffer, offset: number, length: number): string {
  if (length === 0) {
    return "";
  }
  if (length > CACHED_TEXT_BYTES) {
    return buffer.toString("utf8", offset, offset + length);
  }
  let hash = length;
  for (let i = 0; i < length; i++) {
    hash = (Math.imul(hash, 31) + buffer[offset + i]!) | 0;
  }
  const slot = (hash ^ (hash >>> 15)) & (CACHE_SLOTS - 1);
  const cached = cachedTexts[slot]!;
  if (isSameAscii(cached, buffer, offset, length)) {
    return cached;
  }
  const text = buffer.toString("utf8", offset, offset + length);
  cachedTexts[slot] = text;
  return text;
}

/** Whether `text` consists of exactly these bytes; never so for bytes that are not ASCII. */
function isSameAscii(text: string, buffer: Buffer, offset: number, length: number): boolean {
  if (text.length !== length) {
    return false;
  }
  for (let i = 0; i < length; i++) {
    const byte = buffer[offset + i]!;
    if (byte > 127 || text.charCodeAt(i) !== byte) {
      return false;
    }
  }
  return true;
}

const SHORT_TEXT = 48;

/** Bytes that `text` takes in UTF-8; short ASCII, the common case, is measured without leaving JavaScript. */
export function textSize(text: string): number {
  const length = text.length;
  if (length > SHORT_TEXT) {
    return Buffer.byteLength(text);
  }
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) > 127) {
      return Buffer.byteLength(text);
    }
  }
  return length;
}

/** Writes `text`, which takes `size` bytes. */
export function writeText(buffer: Buffer, offset: number, text: string, size: number): void {
  if (size !== text.length || size > SHORT_TEXT) {
    buffer.write(text, offset, size, "utf8");
    return;
  }
  for (let i = 0; i < size; i++) {
    buffer[offset + i] = text.charCodeAt(i);
  }
}

const TWO_TO_63 = 2 ** 63;

/** Writes a number as int64, clamped to its range. */
export function writeInt64(buffer: Buffer, offset: number, value: number): void {
  let high: number;
  let low: number;
  if (value === (value | 0)) {
    high = value >> 31;
    low = value;
  } else if (value >= TWO_TO_63) {
    high = 0x7fffffff;
    low = -1;
  } else if (value < -TWO_TO_63) {
    high = -0x80000000;
    low = 0;
  } else {
    high = Math.floor(value / 0x1_0000_0000);
    low = value >>> 0;
  }
  buffer[offset] = high >> 24;
  buffer[offset + 1] = high >> 16;
  buffer[offset + 2] = high >> 8;
  buffer[offset + 3] = high;
  buffer[offset + 4] = low >> 24;
  buffer[offset + 5] = low >> 16;
  buffer[offset + 6] = low >> 8;
  buffer[offset + 7] = low;
}

/** Total size of `records`, −1 for null. */
export function recordsSize(records: RecordsInput): number {
  if (records === null) {
    return -1;
  }
  if (!Array.isArray(records)) {
    return (records as Buffer).length;
  }
  let size = 0;
  for (let i = 0; i < records.length; i++) {
    size += (records[i] as Buffer).length;
  }
  return size;
}

/** Copies `records` into `buffer`; for those too small to be worth a buffer of their own. */
export function copyRecords(buffer: Buffer, offset: number, records: RecordsInput): void {
  if (Array.isArray(records)) {
    let at = offset;
    for (const part of records as readonly Buffer[]) {
      buffer.set(part, at);
      at += part.length;
    }
  } else {
    buffer.set(records as Buffer, offset);
  }
}

/**
 * What the size pass leaves for the write pass of the same message: sizes of texts, tagged fields and records in the order in
 * which both passes meet them, and the records to splice. One of each serves all encoders: encoding never yields.
 */
export class EncodeState {
  /** Sizes in traversal order. */
  lengths: number[] = [];
  /** Bytes of records that are passed by reference, found by the size pass. */
  splicedBytes = 0;
  /** Where spliced records belong in the contiguous bytes, filled by the write pass. */
  readonly cuts: number[] = [];
  readonly spliced: RecordsInput[] = [];

  splice(position: number, records: RecordsInput): void {
    this.cuts.push(position);
    this.spliced.push(records);
  }

  /** Lets go of records, and of the memory of an extraordinary message. */
  reset(): void {
    this.splicedBytes = 0;
    if (this.cuts.length > 0) {
      this.cuts.length = 0;
      this.spliced.length = 0;
    }
    if (this.lengths.length > 65_536) {
      this.lengths = [];
    }
  }
}

/** Whether encoding `value` would say nothing that the default does not say. */
export function isDefault(field: Field, value: unknown): boolean {
  if (value === undefined || value === field.defaultValue) {
    return true;
  }
  if (value === null || field.defaultValue === null) {
    return false;
  }
  switch (field.kind) {
    case "array":
    case "bytes":
      return (value as { readonly length: number }).length === 0;
    case "struct":
      return isDefaultStruct(field, value as Record<string | symbol, unknown>);
    default:
      return false;
  }
}

function isDefaultStruct(field: Field, value: Record<string | symbol, unknown>): boolean {
  const fields = field.fields!;
  for (const name in fields) {
    if (!isDefault(fields[name]!, value[name])) {
      return false;
    }
  }
  return value[UNKNOWN_TAGS] === undefined;
}

export function truncated(): ProtocolError {
  return new ProtocolError("truncated", "the bytes end before the message does");
}

export function nullNotAllowed(name: string): ProtocolError {
  return new ProtocolError("malformed", `${name} must not be null in this version`);
}

export function badLength(name: string, length: number): ProtocolError {
  return new ProtocolError("malformed", `${name} has length ${length}, which is out of bounds`);
}

export function tooManyElements(name: string, count: number): ProtocolError {
  return new ProtocolError("tooLarge", `${name} claims ${count} elements`);
}

export function cannotEncode(name: string, version: number): ProtocolError {
  return new ProtocolError("unsupportedVersion", `version ${version} cannot carry ${name}`);
}
