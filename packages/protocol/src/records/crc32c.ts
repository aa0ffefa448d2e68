/**
 * CRC-32C (Castagnoli), the checksum of record batches, in three ways: slicing by eight in JavaScript for the first inputs of a process and for
 * few bytes that lie elsewhere; slicing by sixteen in WebAssembly (`crc32c-slicing.ts`), two to three times as fast; and sixteen streams in
 * WebAssembly (`crc32c-module.ts`), faster still per byte, but joining them takes as long as slicing does for some 700 bytes.
 */
import type { WasmMemory } from "../wasm/memory.ts";
import { appendFactor, crc32cModule } from "./crc32c-module.ts";
import { crcTables, createSlice, type Slice } from "./crc32c-slicing.ts";

/** Checksum of `length` bytes at `pointer` of the memory it was made for; `seed` is the checksum of what came before them. */
export type MemoryCrc32c = (pointer: number, length: number, seed?: number) => number;

/** Below this the bytes of others are not worth copying to where WebAssembly reads them. */
const STAGE_FROM_BYTES = 256;
/** Below this joining the streams costs more than they save. */
const STREAM_FROM_BYTES = 2560;
/** Modules are built once this much has been checksummed without them: building takes some milliseconds, which a start must not pay. */
const MODULE_AFTER_BYTES = 1024 * 1024;
/** Streams of at most 2 KiB keep the sixteen of them in the first-level cache side by side. */
const PIECE_BYTES = 16 * 1024;
const LAST_PIECE_BYTES = 32 * 1024 - 1;

/** Eight tables of 256 entries: table k takes in a byte and k zero bytes after it. */
const TABLES = crcTables(8);

/** The factor of each stride, computed when first needed; 0, which no power of x is, stands for not yet. */
const factors = new Int32Array((LAST_PIECE_BYTES >> 8) + 1);

type Stream = (pointer: number, stride: number, state: number, factor: number) => number;

let checksummed = 0;
let streamer: WebAssembly.Module | null = null;
let staging: { readonly bytes: Uint8Array; readonly crc: MemoryCrc32c } | null = null;

/** Checksum of `bytes[start, end)`, unsigned; `seed` is the checksum of what came before them. */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start < STAGE_FROM_BYTES || !areModulesDue(end - start)) {
    return slicing(bytes, start, end, seed);
  }
  staging ??= makeStaging();
  let crc = seed;
  for (let at = start; at < end; at += LAST_PIECE_BYTES) {
    const piece = bytes.subarray(at, Math.min(at + LAST_PIECE_BYTES, end));
    staging.bytes.set(piece);
    crc = staging.crc(0, piece.length, crc);
  }
  return crc;
}

/** A checksum over bytes that already lie in `memory`, which it reads in place. The memory may grow. */
export function createCrc32c(memory: WasmMemory): MemoryCrc32c {
  const sliceInJavaScript = createJavaScriptSlice(memory);
  let slice: Slice | null = null;
  let stream: Stream | null = null;
  return (pointer, length, seed = 0) => {
    if (slice === null) {
      if (!areModulesDue(length)) {
        return ~sliceInJavaScript(pointer, length, ~seed) >>> 0;
      }
      slice = createSlice(memory) ?? sliceInJavaScript;
    }
    if (length < STREAM_FROM_BYTES) {
      return ~slice(pointer, length, ~seed) >>> 0;
    }
    stream ??= createStream(memory);
    return ~streaming(stream, slice, pointer, length, ~seed) >>> 0;
  };
}

function streaming(
  stream: Stream,
  slice: Slice,
  pointer: number,
  length: number,
  before: number,
): number {
  let state = before;
  let at = pointer;
  let left = length;
  while (left >= 256) {
    const piece = left > LAST_PIECE_BYTES ? PIECE_BYTES : left;
    const units = piece >> 8;
    let factor = factors[units]!;
    if (factor === 0) {
      factor = appendFactor(units * 16);
      factors[units] = factor;
    }
    state = stream(at, units * 16, state, factor);
    at += units * 256;
    left -= units * 256;
  }
  return slice(at, left, state);
}

function slicing(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const tables = TABLES;
  let state = ~seed;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const low =
      state ^
      (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    state =
      tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < end; at++) {
    state = tables[(state ^ bytes[at]!) & 0xff]! ^ (state >>> 8);
  }
  return ~state >>> 0;
}

function areModulesDue(length: number): boolean {
  if (checksummed <= MODULE_AFTER_BYTES) {
    checksummed += length;
  }
  return checksummed > MODULE_AFTER_BYTES;
}

function createJavaScriptSlice(memory: WasmMemory): Slice {
  let bytes = new Uint8Array(memory.buffer);
  return (pointer, length, state) => {
    if (bytes.length === 0) {
      bytes = new Uint8Array(memory.buffer);
    }
    return ~slicing(bytes, pointer, pointer + length, ~state);
  };
}

function createStream(memory: WasmMemory): Stream {
  streamer ??= compileStreamer();
  return new WebAssembly.Instance(streamer, { m: { memory } }).exports.update as Stream;
}

/** With the relaxed swizzle where the engine has it. */
function compileStreamer(): WebAssembly.Module {
  try {
    return new WebAssembly.Module(crc32cModule(true));
  } catch {
    return new WebAssembly.Module(crc32cModule(false));
  }
}

function makeStaging(): { readonly bytes: Uint8Array; readonly crc: MemoryCrc32c } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  return { bytes: new Uint8Array(memory.buffer), crc: createCrc32c(memory) };
}
