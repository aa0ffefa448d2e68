/**
 * The blocks of LZ4 in JavaScript: for the first bytes of a process, and what the module (`lz4-module.ts`) is tested against.
 *
 *   block  sequences of: token (literal length, match length − 4) | length bytes* | literals | distance (2 bytes) | length bytes*
 */
import { copyLiteral, copyMatch } from "../copy.ts";
import { HASH_BITS, positions, word32 } from "./match-table.ts";

export const MIN_MATCH = 4;
/** The format wants the last five bytes as literals and no match to begin in the last twelve. */
export const LAST_LITERALS = 5;
export const MATCH_LIMIT = 12;

/** Failures: what decompressing returns instead of a position. */
export const LITERALS_CUT_OFF = -1;
export const LZ4_TOO_LONG = -2;
export const DISTANCE_CUT_OFF = -3;
export const MATCH_OUTSIDE = -4;
export const LENGTH_CUT_OFF = -5;
export const NO_LAST_LITERALS = -6;

/** Compresses `[from, to)`, at most 64 KiB, into `output` at `at`; returns the position after it. Greedy, one hash table, skipping faster where nothing repeats. */
export function compressLz4Block(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  at: number,
): number {
  let out = at;
  let literal = from;
  const lastMatch = to - MATCH_LIMIT;
  const matchEnd = to - LAST_LITERALS;
  if (from < lastMatch) {
    positions.fill(0);
    let position = from + 1;
    let skip = 64;
    while (position < lastMatch) {
      const word = word32(input, position);
      const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
      const candidate = from + positions[slot]!;
      positions[slot] = position - from;
      if (word32(input, candidate) !== word) {
        position += skip++ >> 6;
        continue;
      }
      let end = position + MIN_MATCH;
      for (
        let match = candidate + MIN_MATCH;
        end < matchEnd && input[end] === input[match];
        match++
      ) {
        end++;
      }
      out = writeLiterals(input, literal, position, output, out, end - position - MIN_MATCH);
      out = writeMatch(output, out, position - candidate, end - position - MIN_MATCH);
      position = end;
      literal = end;
      skip = 64;
    }
  }
  return writeLiterals(input, literal, to, output, out, 0);
}

/** Writes the token of a sequence and its literals `[from, to)`; returns the position after them. */
function writeLiterals(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  at: number,
  matchCode: number,
): number {
  const literals = to - from;
  output[at] = (Math.min(literals, 15) << 4) | Math.min(matchCode, 15);
  const out = literals >= 15 ? writeLength(output, at + 1, literals - 15) : at + 1;
  copyLiteral(input, from, output, out, literals);
  return out + literals;
}

/** Writes the distance of a match and what of its length the token had no room for. */
function writeMatch(output: Uint8Array, at: number, distance: number, matchCode: number): number {
  output[at] = distance;
  output[at + 1] = distance >> 8;
  return matchCode >= 15 ? writeLength(output, at + 2, matchCode - 15) : at + 2;
}

function writeLength(output: Uint8Array, at: number, length: number): number {
  let out = at;
  let rest = length;
  while (rest >= 255) {
    output[out++] = 255;
    rest -= 255;
  }
  output[out++] = rest;
  return out;
}

/** Decompresses one block to `[start, limit)`; returns the position after what it held, or a failure. */
export function decompressLz4Block(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  start: number,
  limit: number,
): number {
  let at = from;
  let out = start;
  while (at < end) {
    const token = input[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      literals = readLength(input, at, end);
      if (literals < 0) {
        return literals;
      }
      at = lengthEnd;
    }
    if (literals > end - at) {
      return LITERALS_CUT_OFF;
    }
    if (literals > limit - out) {
      return LZ4_TOO_LONG;
    }
    copyLiteral(input, at, output, out, literals);
    at += literals;
    out += literals;
    if (at === end) {
      return out;
    }
    if (end - at < 2) {
      return DISTANCE_CUT_OFF;
    }
    const distance = input[at]! | (input[at + 1]! << 8);
    at += 2;
    let length = token & 15;
    if (length === 15) {
      length = readLength(input, at, end);
      if (length < 0) {
        return length;
      }
      at = lengthEnd;
    }
    length += MIN_MATCH;
    if (distance === 0 || distance > out - start) {
      return MATCH_OUTSIDE;
    }
    if (length > limit - out) {
      return LZ4_TOO_LONG;
    }
    copyMatch(output, out, distance, length);
    out += length;
  }
  return NO_LAST_LITERALS;
}

/** Position after the length that `readLength` read. */
let lengthEnd = 0;

/** A length that the token had no room for, or a failure. */
function readLength(input: Uint8Array, from: number, end: number): number {
  let length = 15;
  for (let at = from; at < end; ) {
    const byte = input[at++]!;
    length += byte;
    if (byte !== 255) {
      lengthEnd = at;
      return length;
    }
  }
  return LENGTH_CUT_OFF;
}
