/**
 * LZ4 frames as record batches carry them (KIP-57): independent blocks of up to 64 KiB when we write, of any size the format has when we read.
 *
 *   frame  0x184D2204 | FLG | BD | content size int64? | header checksum | (block size | block | checksum?)* | 0 | content checksum?
 *   block  sequences of: token (literal length, match length − 4) | length bytes* | literals | distance (2 bytes) | length bytes*
 *
 * Numbers are little-endian; the top bit of a block size marks a block that is stored as it is. The header checksum is the second
 * byte of XXH32 over the descriptor. Like Kafka we verify it and block checksums, and refuse dependent blocks; the checksum over the content we
 * leave alone, since the batch has its own.
 */
import type { CompressionCodec } from "../codec.ts";
import { copyLiteral, copyMatch } from "../copy.ts";
import { notCodec, tooLarge } from "../decompression-error.ts";
import { xxhash32 } from "../xxhash32.ts";

const MAGIC = 0x184d2204;
const STORED_BIT = 0x8000_0000;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const INDEPENDENT_BIT = 0x20;
const BLOCK_CHECKSUM_BIT = 0x10;
const CONTENT_SIZE_BIT = 0x08;
const RESERVED_BITS = 0x03;
const BLOCK_64K = 4;
const BLOCK_BYTES = 64 * 1024;

const MIN_MATCH = 4;
/** The format wants the last five bytes as literals and no match to begin in the last twelve. */
const LAST_LITERALS = 5;
const MATCH_LIMIT = 12;
const HASH_BITS = 13;
const table = new Uint16Array(1 << HASH_BITS);

export const lz4: CompressionCodec = {
  id: 3,
  name: "lz4",
  /** Accepted for Kafka's sake; every level compresses the fast way, as Kafka's default does. */
  levels: { min: 1, default: 9, max: 17 },
  compress: compressFrame,
  decompress: decompressFrame,
};

function compressFrame(input: Uint8Array): Buffer {
  const blocks = Math.ceil(input.length / BLOCK_BYTES);
  const output = Buffer.allocUnsafe(
    7 + blocks * (4 + 16) + input.length + Math.ceil(input.length / 255) + 4,
  );
  output.writeUInt32LE(MAGIC, 0);
  output[4] = VERSION_1 | INDEPENDENT_BIT;
  output[5] = BLOCK_64K << 4;
  output[6] = xxhash32(output, 4, 6) >>> 8;
  let at = 7;
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const to = Math.min(from + BLOCK_BYTES, input.length);
    const end = compressBlock(input, from, to, output, at + 4);
    const size = end - at - 4;
    if (size < to - from) {
      output.writeUInt32LE(size, at);
      at = end;
    } else {
      output.writeUInt32LE(to - from + STORED_BIT, at);
      output.set(input.subarray(from, to), at + 4);
      at += 4 + to - from;
    }
  }
  output.writeUInt32LE(0, at);
  return output.subarray(0, at + 4);
}

/** Greedy, one hash table of positions in the block, skipping faster where nothing repeats. Returns the position after the block. */
function compressBlock(
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
    table.fill(0);
    let position = from + 1;
    let skip = 64;
    while (position < lastMatch) {
      const word = word32(input, position);
      const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
      const candidate = from + table[slot]!;
      table[slot] = position - from;
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

function word32(input: Uint8Array, at: number): number {
  return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
}

function unsigned32(input: Uint8Array, at: number): number {
  return word32(input, at) >>> 0;
}

interface FrameHeader {
  readonly hasBlockChecksums: boolean;
  readonly maxBlockBytes: number;
  /** Where the first block starts. */
  readonly size: number;
}

function readFrameHeader(input: Uint8Array): FrameHeader {
  if (input.length < 7) {
    throw notCodec("lz4", "the frame header is cut off");
  }
  if (unsigned32(input, 0) !== MAGIC) {
    throw notCodec("lz4", "no frame starts here");
  }
  const flags = input[4]!;
  if ((flags & VERSION_MASK) !== VERSION_1 || (flags & RESERVED_BITS) !== 0) {
    throw notCodec("lz4", `frame flags ${flags}`);
  }
  if ((flags & INDEPENDENT_BIT) === 0) {
    throw notCodec("lz4", "dependent blocks are not supported");
  }
  const blockCode = input[5]! >> 4;
  if (blockCode < BLOCK_64K || blockCode > 7 || (input[5]! & 0x0f) !== 0) {
    throw notCodec("lz4", `block descriptor ${input[5]}`);
  }
  const size = (flags & CONTENT_SIZE_BIT) === 0 ? 7 : 15;
  if (input.length < size) {
    throw notCodec("lz4", "the frame header is cut off");
  }
  if (((xxhash32(input, 4, size - 1) >>> 8) & 0xff) !== input[size - 1]) {
    throw notCodec("lz4", "the header checksum is wrong");
  }
  return {
    hasBlockChecksums: (flags & BLOCK_CHECKSUM_BIT) !== 0,
    maxBlockBytes: 1 << (8 + 2 * blockCode),
    size,
  };
}

function decompressFrame(input: Uint8Array, maxBytes: number): Buffer {
  const { hasBlockChecksums, maxBlockBytes, size: headerSize } = readFrameHeader(input);
  let output: Buffer = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(input.length * 4, 1024)));
  let out = 0;
  let at = headerSize;
  for (;;) {
    if (input.length - at < 4) {
      throw notCodec("lz4", "a block size is cut off");
    }
    const word = unsigned32(input, at);
    at += 4;
    if (word === 0) {
      return output.subarray(0, out);
    }
    const isStored = word >= STORED_BIT;
    const size = isStored ? word - STORED_BIT : word;
    const end = at + size;
    if (size > maxBlockBytes || end + (hasBlockChecksums ? 4 : 0) > input.length) {
      throw notCodec("lz4", `a block claims ${size} bytes`);
    }
    if (hasBlockChecksums && xxhash32(input, at, end) !== unsigned32(input, end)) {
      throw notCodec("lz4", "a block checksum is wrong");
    }
    const size255 = isStored ? size : Math.min(size * 255, maxBlockBytes);
    output = withRoom(output, out, size255, maxBytes);
    if (isStored) {
      if (size > output.length - out) {
        throw tooLarge("lz4", maxBytes);
      }
      output.set(input.subarray(at, end), out);
      out += size;
    } else {
      const limit = Math.min(out + maxBlockBytes, output.length);
      out = decompressBlock(input, at, end, output, out, limit, maxBytes);
    }
    at = end + (hasBlockChecksums ? 4 : 0);
  }
}

/** Grows the output so that another block fits, but never beyond what is allowed. */
function withRoom(output: Buffer, used: number, needed: number, maxBytes: number): Buffer {
  if (output.length - used >= needed || output.length >= maxBytes) {
    return output;
  }
  const grown = Buffer.allocUnsafe(Math.min(Math.max(output.length * 2, used + needed), maxBytes));
  output.copy(grown, 0, 0, used);
  return grown;
}

/** Decompresses one block to `[start, limit)`; returns the position after what it held. */
function decompressBlock(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  start: number,
  limit: number,
  maxBytes: number,
): number {
  let at = from;
  let out = start;
  while (at < end) {
    const token = input[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      literals = readLength(input, at, end, 15);
      at = lengthEnd;
    }
    if (literals > end - at) {
      throw notCodec("lz4", "literals are cut off");
    }
    if (literals > limit - out) {
      throw limit >= maxBytes ? tooLarge("lz4", maxBytes) : notCodec("lz4", "a block is too long");
    }
    copyLiteral(input, at, output, out, literals);
    at += literals;
    out += literals;
    if (at === end) {
      return out;
    }
    if (end - at < 2) {
      throw notCodec("lz4", "a distance is cut off");
    }
    const distance = input[at]! | (input[at + 1]! << 8);
    at += 2;
    let length = token & 15;
    if (length === 15) {
      length = readLength(input, at, end, 15);
      at = lengthEnd;
    }
    length += MIN_MATCH;
    if (distance === 0 || distance > out - start) {
      throw notCodec("lz4", "a match reaches outside its block");
    }
    if (length > limit - out) {
      throw limit >= maxBytes ? tooLarge("lz4", maxBytes) : notCodec("lz4", "a block is too long");
    }
    copyMatch(output, out, distance, length);
    out += length;
  }
  throw notCodec("lz4", "a block does not end with literals");
}

/** Position after the length that `readLength` read. */
let lengthEnd = 0;

function readLength(input: Uint8Array, from: number, end: number, start: number): number {
  let length = start;
  for (let at = from; at < end; ) {
    const byte = input[at++]!;
    length += byte;
    if (byte !== 255) {
      lengthEnd = at;
      return length;
    }
  }
  throw notCodec("lz4", "a length is cut off");
}
