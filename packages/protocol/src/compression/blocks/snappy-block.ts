/**
 * The blocks of snappy in JavaScript: for the first bytes of a process and for blocks that are larger than the module's memory, and what
 * the module (`snappy-module.ts`) is tested against.
 *
 *   block   size of the content, varint | elements
 *   element tag byte, low two bits: 0 literal, 1–3 copy with an offset of 1 (11 bits), 2 or 4 bytes
 */
import { copyLiteral, copyMatch } from "../copy.ts";
import { HASH_BITS, positions, word32 } from "./match-table.ts";

/** Failures: what decompressing returns instead of a position. */
export const LITERAL_CUT_OFF = -1;
export const LITERAL_TOO_LONG = -2;
export const COPY_CUT_OFF = -3;
export const COPY_OUTSIDE = -4;
export const TOO_SHORT = -5;

/** Compresses `[from, to)`, at most 64 KiB, into `output` at `at`; returns the position after it. Greedy, one hash table, skipping faster where nothing repeats. */
export function compressSnappyBlock(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  at: number,
): number {
  let out = writeSize(output, at, to - from);
  let literal = from;
  const last = to - 15;
  if (last > from) {
    positions.fill(0);
    let position = from + 1;
    let skip = 32;
    while (position < last) {
      const word = word32(input, position);
      const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const candidate = from + positions[slot]!;
      positions[slot] = position - from;
      if (word32(input, candidate) !== word) {
        position += skip++ >> 5;
        continue;
      }
      if (position > literal) {
        out = writeLiteral(input, literal, position, output, out);
      }
      let end = position + 4;
      for (let match = candidate + 4; end < to && input[end] === input[match]; match++) {
        end++;
      }
      out = writeCopies(output, out, position - candidate, end - position);
      position = end;
      literal = end;
      skip = 32;
      if (position < last) {
        const before = Math.imul(word32(input, position - 1), 0x1e35a7bd) >>> (32 - HASH_BITS);
        positions[before] = position - 1 - from;
      }
    }
  }
  return literal < to ? writeLiteral(input, literal, to, output, out) : out;
}

function writeSize(output: Uint8Array, at: number, size: number): number {
  let out = at;
  let rest = size;
  while (rest > 127) {
    output[out++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  output[out++] = rest;
  return out;
}

function writeLiteral(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  at: number,
): number {
  const length = to - from;
  let out = at;
  if (length <= 60) {
    output[out++] = (length - 1) << 2;
  } else if (length <= 256) {
    output[out++] = 60 << 2;
    output[out++] = length - 1;
  } else {
    output[out++] = 61 << 2;
    output[out++] = length - 1;
    output[out++] = (length - 1) >> 8;
  }
  copyLiteral(input, from, output, out, length);
  return out + length;
}

/** A copy element holds at most 64 bytes; the last one must not be shorter than four. */
function writeCopies(output: Uint8Array, at: number, distance: number, length: number): number {
  let out = at;
  let left = length;
  while (left >= 68) {
    out = writeFarCopy(output, out, distance, 64);
    left -= 64;
  }
  if (left > 64) {
    out = writeFarCopy(output, out, distance, 60);
    left -= 60;
  }
  if (left < 12 && distance < 2048) {
    output[out++] = 1 | ((left - 4) << 2) | ((distance >> 8) << 5);
    output[out++] = distance;
    return out;
  }
  return writeFarCopy(output, out, distance, left);
}

function writeFarCopy(output: Uint8Array, at: number, distance: number, length: number): number {
  output[at] = 2 | ((length - 1) << 2);
  output[at + 1] = distance;
  output[at + 2] = distance >> 8;
  return at + 3;
}

/** Decompresses elements `[start, end)` into exactly `[to, limit)`; returns `limit`, or a failure. */
export function decompressSnappyBlock(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  to: number,
  limit: number,
): number {
  const base = to;
  let at = start;
  let out = to;
  while (at < end) {
    const tag = input[at++]!;
    let length: number;
    if ((tag & 3) === 0) {
      length = (tag >> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        if (bytes > end - at) {
          return LITERAL_CUT_OFF;
        }
        length = littleEndian(input, at, bytes) + 1;
        at += bytes;
      }
      if (length > end - at || length > limit - out) {
        return LITERAL_TOO_LONG;
      }
      copyLiteral(input, at, output, out, length);
      at += length;
    } else {
      let distance: number;
      const bytes = (tag & 3) === 3 ? 4 : tag & 3;
      if (bytes > end - at) {
        return COPY_CUT_OFF;
      }
      if (bytes === 1) {
        length = ((tag >> 2) & 7) + 4;
        distance = ((tag >> 5) << 8) | input[at]!;
      } else {
        length = (tag >> 2) + 1;
        distance = littleEndian(input, at, bytes);
      }
      at += bytes;
      if (distance === 0 || distance > out - base || length > limit - out) {
        return COPY_OUTSIDE;
      }
      copyMatch(output, out, distance, length);
    }
    out += length;
  }
  return out === limit ? limit : TOO_SHORT;
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) {
    value = value * 256 + input[at + i]!;
  }
  return value;
}
