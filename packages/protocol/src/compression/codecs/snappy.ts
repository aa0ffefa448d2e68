/**
 * Snappy, in the two forms that producers use: bare blocks (librdkafka and others) and blocks in the framing of the Java library
 * (xerial), which is also what we write.
 *
 *   xerial  0x82 "SNAPPY" 0x00 | version int32 | compatible version int32 | (block length int32 | block)*
 */

import { type BlockMachine, blockMachine, hashBitsFor } from "../blocks/block-machine.ts";
import { INPUT, OUTPUT, REGION_BYTES } from "../blocks/block-memory.ts";
import { BlockOutput } from "../blocks/block-output.ts";
import {
  COPY_CUT_OFF,
  COPY_OUTSIDE,
  decompressSnappyBlock,
  LITERAL_CUT_OFF,
  LITERAL_TOO_LONG,
  TOO_SHORT,
} from "../blocks/snappy-block.ts";
import type { Allocate, CompressionCodec } from "../codec.ts";
import { notCodec, tooLarge } from "../decompression-error.ts";

const XERIAL_HEADER = Buffer.from([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);
const XERIAL_MAGIC_BYTES = 8;
const BLOCK_BYTES = 32 * 1024;
/** More than a block can grow beyond its content: lengths of literals, sizes, slack. */
const BLOCK_OVERHEAD_BYTES = BLOCK_BYTES / 6 + 64;

const FAILURES: Readonly<Record<number, string>> = {
  [LITERAL_CUT_OFF]: "a literal is cut off",
  [LITERAL_TOO_LONG]: "a literal is too long",
  [COPY_CUT_OFF]: "a copy is cut off",
  [COPY_OUTSIDE]: "a copy reaches outside its block",
  [TOO_SHORT]: "a block is shorter than it claims",
};

export const snappy: CompressionCodec = {
  id: 2,
  name: "snappy",
  levels: null,
  compress: (input, _level, roomBytes, allocate) =>
    compressFramed(blockMachine(input.length), input).take(roomBytes, allocate),
  decompress(input, maxBytes, allocate) {
    const machine = blockMachine(input.length);
    return isXerial(input)
      ? decompressFramed(machine, input, maxBytes, allocate)
      : decompressBare(machine, input, maxBytes, allocate);
  },
};

function compressFramed(machine: BlockMachine, input: Buffer): BlockOutput {
  const { memory } = machine;
  const output = new BlockOutput(machine);
  let at = output.reserve(XERIAL_HEADER.length);
  memory.set(XERIAL_HEADER, at);
  output.advance(at + XERIAL_HEADER.length);
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const size = Math.min(BLOCK_BYTES, input.length - from);
    input.copy(memory, INPUT, from, from + size);
    at = output.reserve(BLOCK_BYTES + BLOCK_OVERHEAD_BYTES);
    const end = machine.compressSnappy(size, at + 4, hashBitsFor(size));
    writeInt32(memory, at, end - at - 4);
    output.advance(end);
  }
  return output;
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
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

function decompressBare(
  machine: BlockMachine,
  input: Buffer,
  maxBytes: number,
  allocate: Allocate,
): Buffer {
  const size = contentSize(input, 0, input.length);
  if (size > maxBytes) {
    throw tooLarge("snappy", maxBytes);
  }
  const output = allocate(size);
  decompressBlock(machine, input, sizeEnd, input.length, output, 0, size);
  return output;
}

/** Two passes: the first adds up what the blocks claim, so that the output is allocated once and within bounds. */
function decompressFramed(
  machine: BlockMachine,
  input: Buffer,
  maxBytes: number,
  allocate: Allocate,
): Buffer {
  let total = 0;
  for (let at = XERIAL_HEADER.length; at < input.length; ) {
    const end = blockEnd(input, at);
    total += contentSize(input, at + 4, end);
    if (total > maxBytes) {
      throw tooLarge("snappy", maxBytes);
    }
    at = end;
  }
  const output = allocate(total);
  let to = 0;
  for (let at = XERIAL_HEADER.length; at < input.length; ) {
    const end = blockEnd(input, at);
    const size = contentSize(input, at + 4, end);
    decompressBlock(machine, input, sizeEnd, end, output, to, size);
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

/**
 * Decompresses the elements `[start, end)` to `size` bytes of `output` at `to`. What is larger than the machine's memory is
 * decompressed where it is.
 */
function decompressBlock(
  machine: BlockMachine,
  input: Buffer,
  start: number,
  end: number,
  output: Buffer,
  to: number,
  size: number,
): void {
  const { memory } = machine;
  const bytes = end - start;
  if (bytes > REGION_BYTES || size > REGION_BYTES) {
    check(decompressSnappyBlock(input, start, end, output, to, to + size));
    return;
  }
  input.copy(memory, INPUT, start, end);
  check(machine.decompressSnappy(INPUT, INPUT + bytes, OUTPUT, OUTPUT + size));
  output.set(memory.subarray(OUTPUT, OUTPUT + size), to);
}

function check(filled: number): void {
  if (filled < 0) {
    throw notCodec("snappy", FAILURES[filled]!);
  }
}
