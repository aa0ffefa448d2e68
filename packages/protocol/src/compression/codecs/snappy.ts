/**
 * Snappy, in the two forms that producers use: bare blocks (librdkafka and others) and blocks in the framing of the Java library
 * (xerial), which is also what we write.
 *
 *   xerial  0x82 "SNAPPY" 0x00 | version int32 | compatible version int32 | (block length int32 | block)*
 *   block   size of the content, varint | elements
 *   element tag byte, low two bits: 0 literal, 1–3 copy with an offset of 1 (11 bits), 2 or 4 bytes
 */
import type { CompressionCodec } from "../codec.ts";
import { copyLiteral, copyMatch } from "../copy.ts";
import { notCodec, tooLarge } from "../decompression-error.ts";

const XERIAL_HEADER = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);
const XERIAL_MAGIC_BYTES = 8;
const BLOCK_BYTES = 32 * 1024;
const HASH_BITS = 13;
const table = new Uint16Array(1 << HASH_BITS);

export const snappy: CompressionCodec = {
  id: 2,
  name: "snappy",
  levels: null,
  compress(input) {
    const output = Buffer.allocUnsafe(maxFramedSize(input.length));
    let at = XERIAL_HEADER.copy(output);
    for (let from = 0; from < input.length; from += BLOCK_BYTES) {
      const to = Math.min(from + BLOCK_BYTES, input.length);
      const end = compressBlock(input, from, to, output, at + 4);
      output.writeInt32BE(end - at - 4, at);
      at = end;
    }
    return output.subarray(0, at);
  },
  decompress(input, maxBytes) {
    return isXerial(input) ? decompressFramed(input, maxBytes) : decompressBare(input, maxBytes);
  },
};

function maxFramedSize(size: number): number {
  const blocks = Math.ceil(size / BLOCK_BYTES);
  return XERIAL_HEADER.length + blocks * (4 + 5 + 32) + size + Math.ceil(size / 6);
}

function isXerial(input: Uint8Array): boolean {
  if (input.length < XERIAL_HEADER.length) {
    return false;
  }
  for (let i = 0; i < XERIAL_MAGIC_BYTES; i++) {
    if (input[i] !== XERIAL_HEADER[i]) {
      return false;
    }
  }
  return true;
}

function decompressBare(input: Uint8Array, maxBytes: number): Buffer {
  const size = contentSize(input, 0, input.length);
  if (size > maxBytes) {
    throw tooLarge("snappy", maxBytes);
  }
  const output = Buffer.allocUnsafe(size);
  decompressBlock(input, sizeEnd, input.length, output, 0, size);
  return output;
}

/** Two passes: the first adds up what the blocks claim, so that the output is allocated once and within bounds. */
function decompressFramed(input: Uint8Array, maxBytes: number): Buffer {
  let total = 0;
  for (let at = XERIAL_HEADER.length; at < input.length; ) {
    const end = blockEnd(input, at);
    total += contentSize(input, at + 4, end);
    if (total > maxBytes) {
      throw tooLarge("snappy", maxBytes);
    }
    at = end;
  }
  const output = Buffer.allocUnsafe(total);
  let to = 0;
  for (let at = XERIAL_HEADER.length; at < input.length; ) {
    const end = blockEnd(input, at);
    const size = contentSize(input, at + 4, end);
    decompressBlock(input, sizeEnd, end, output, to, to + size);
    to += size;
    at = end;
  }
  return output;
}

function blockEnd(input: Uint8Array, at: number): number {
  if (input.length - at < 4) {
    throw notCodec("snappy", "a block length is cut off");
  }
  const length =
    (input[at]! << 24) | (input[at + 1]! << 16) | (input[at + 2]! << 8) | input[at + 3]!;
  if (length < 0 || length > input.length - at - 4) {
    throw notCodec("snappy", `a block claims ${length} bytes`);
  }
  return at + 4 + length;
}

/** Position after the size that `contentSize` read. */
let sizeEnd = 0;

/** What a block claims to hold. An element of three bytes yields at most 64, so the claim is checked against the block's own size. */
function contentSize(input: Uint8Array, start: number, end: number): number {
  let size = 0;
  let at = start;
  for (let shift = 0; shift <= 28; shift += 7) {
    if (at >= end) {
      break;
    }
    const byte = input[at++]!;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 128) {
      sizeEnd = at;
      if (size > (end - at) * 32) {
        throw notCodec("snappy", `${end - at} bytes cannot hold ${size}`);
      }
      return size;
    }
  }
  throw notCodec("snappy", "the content size does not end");
}

/** Decompresses elements `[start, end)` into exactly `[to, limit)`. */
function decompressBlock(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  to: number,
  limit: number,
): void {
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
          throw notCodec("snappy", "a literal is cut off");
        }
        length = littleEndian(input, at, bytes) + 1;
        at += bytes;
      }
      if (length > end - at || length > limit - out) {
        throw notCodec("snappy", "a literal is too long");
      }
      copyLiteral(input, at, output, out, length);
      at += length;
    } else {
      let distance: number;
      const bytes = (tag & 3) === 3 ? 4 : tag & 3;
      if (bytes > end - at) {
        throw notCodec("snappy", "a copy is cut off");
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
        throw notCodec("snappy", "a copy reaches outside its block");
      }
      copyMatch(output, out, distance, length);
    }
    out += length;
  }
  if (out !== limit) {
    throw notCodec("snappy", "a block is shorter than it claims");
  }
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) {
    value = value * 256 + input[at + i]!;
  }
  return value;
}

/** Compresses `[from, to)`, at most 64 KiB, into `output` at `at`; returns the position after it. Greedy, one hash table, skipping faster where nothing repeats. */
function compressBlock(
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
    table.fill(0);
    let position = from + 1;
    let skip = 32;
    while (position < last) {
      const word = word32(input, position);
      const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const candidate = from + table[slot]!;
      table[slot] = position - from;
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
        table[before] = position - 1 - from;
      }
    }
  }
  return literal < to ? writeLiteral(input, literal, to, output, out) : out;
}

function word32(input: Uint8Array, at: number): number {
  return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
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
