/**
 * LZ4 frames as record batches carry them (KIP-57): independent blocks of up to 64 KiB when we write, of any size the format has when we read.
 *
 *   frame  0x184D2204 | FLG | BD | content size int64? | header checksum | (block size | block | checksum?)* | 0 | content checksum?
 *
 * Numbers are little-endian; the top bit of a block size marks a block that is stored as it is. The header checksum is the second
 * byte of XXH32 over the descriptor. Like Kafka we verify it and block checksums, and refuse dependent blocks; the checksum over the content we
 * leave alone, since the batch has its own.
 */

import { type BlockMachine, blockMachine, hashBitsFor } from "../blocks/block-machine.ts";
import { INPUT } from "../blocks/block-memory.ts";
import { BlockOutput } from "../blocks/block-output.ts";
import {
  DISTANCE_CUT_OFF,
  LENGTH_CUT_OFF,
  LITERALS_CUT_OFF,
  LZ4_TOO_LONG,
  MATCH_OUTSIDE,
  NO_LAST_LITERALS,
} from "../blocks/lz4-block.ts";
import type { CompressionCodec } from "../codec.ts";
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

/** What we write before the blocks. */
const FRAME_HEADER = frameHeader();
/** More than a block can grow beyond its content: a byte for every 255 literals and the token, its own size, slack. */
const BLOCK_OVERHEAD_BYTES = BLOCK_BYTES / 255 + 64;

const FAILURES: Readonly<Record<number, string>> = {
  [LITERALS_CUT_OFF]: "literals are cut off",
  [LZ4_TOO_LONG]: "a block is too long",
  [DISTANCE_CUT_OFF]: "a distance is cut off",
  [MATCH_OUTSIDE]: "a match reaches outside its block",
  [LENGTH_CUT_OFF]: "a length is cut off",
  [NO_LAST_LITERALS]: "a block does not end with literals",
};

export const lz4: CompressionCodec = {
  id: 3,
  name: "lz4",
  /** Accepted for Kafka's sake; every level compresses the fast way, as Kafka's default does. */
  levels: { min: 1, default: 9, max: 17 },
  compress: (input, _level, roomBytes, allocate) =>
    compressFrame(blockMachine(input.length), input).take(roomBytes, allocate),
  decompress: (input, maxBytes, allocate) =>
    decompressFrame(blockMachine(input.length), input, maxBytes).take(0, allocate),
};

function frameHeader(): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt32LE(MAGIC, 0);
  header[4] = VERSION_1 | INDEPENDENT_BIT;
  header[5] = BLOCK_64K << 4;
  header[6] = xxhash32(header, 4, 6) >>> 8;
  return header;
}

function compressFrame(machine: BlockMachine, input: Buffer): BlockOutput {
  const { memory } = machine;
  const output = new BlockOutput(machine);
  let at = output.reserve(FRAME_HEADER.length);
  memory.set(FRAME_HEADER, at);
  output.advance(at + FRAME_HEADER.length);
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const size = Math.min(BLOCK_BYTES, input.length - from);
    input.copy(memory, INPUT, from, from + size);
    at = output.reserve(BLOCK_BYTES + BLOCK_OVERHEAD_BYTES);
    let end = machine.compressLz4(size, at + 4, hashBitsFor(size));
    if (end - at - 4 < size) {
      writeUnsigned32(memory, at, end - at - 4);
    } else {
      writeUnsigned32(memory, at, size + STORED_BIT);
      memory.copyWithin(at + 4, INPUT, INPUT + size);
      end = at + 4 + size;
    }
    output.advance(end);
  }
  at = output.reserve(4);
  writeUnsigned32(memory, at, 0);
  output.advance(at + 4);
  return output;
}

function writeUnsigned32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function unsigned32(input: Uint8Array, at: number): number {
  const low = input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16);
  return low + input[at + 3]! * 0x100_0000;
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

function decompressFrame(machine: BlockMachine, input: Buffer, maxBytes: number): BlockOutput {
  const { hasBlockChecksums, maxBlockBytes, size: headerSize } = readFrameHeader(input);
  const output = new BlockOutput(machine);
  let at = headerSize;
  for (;;) {
    if (input.length - at < 4) {
      throw notCodec("lz4", "a block size is cut off");
    }
    const word = unsigned32(input, at);
    at += 4;
    if (word === 0) {
      return output;
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
    const allowed = maxBytes - output.sizeBytes;
    const room = isStored ? size : Math.min(allowed, maxBlockBytes, size * 255);
    if (room > allowed) {
      throw tooLarge("lz4", maxBytes);
    }
    const to = output.reserve(room);
    if (isStored) {
      input.copy(machine.memory, to, at, end);
      output.advance(to + size);
    } else {
      input.copy(machine.memory, INPUT, at, end);
      const filled = machine.decompressLz4(INPUT, INPUT + size, to, to + room);
      if (filled < 0) {
        throw filled === LZ4_TOO_LONG && allowed <= maxBlockBytes
          ? tooLarge("lz4", maxBytes)
          : notCodec("lz4", FAILURES[filled]!);
      }
      output.advance(filled);
    }
    at = end + (hasBlockChecksums ? 4 : 0);
  }
}
