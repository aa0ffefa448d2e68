/**
 * CRC-32C (Castagnoli), the checksum of record batches, in two ways: slicing by eight in JavaScript for small inputs and for the first
 * ones of a process, and WebAssembly (`crc32c-module.ts`), about five times as fast, for the rest.
 */
import type { WasmMemory } from "../wasm/memory.ts";
import { appendFactor, crc32cModule } from "./crc32c-module.ts";

/** Checksum of `length` bytes at `pointer` of the memory it was made for; `seed` is the checksum of what came before them. */
export type MemoryCrc32c = (pointer: number, length: number, seed?: number) => number;

const POLYNOMIAL = 0x82f63b78;
/** Below this the detour through WebAssembly costs more than it saves. */
const MODULE_FROM_BYTES = 512;
/** The module is built once this much has been checksummed without it: building takes some milliseconds, which a start must not pay. */
const MODULE_AFTER_BYTES = 1024 * 1024;
/** Streams of at most 2 KiB keep the sixteen of them in the first-level cache side by side. */
const PIECE_BYTES = 16 * 1024;
const LAST_PIECE_BYTES = 32 * 1024 - 1;

/** Eight tables of 256 entries: table k takes in a byte and k zero bytes after it. */
const TABLES = buildTables();

/** The factor of each stride, computed when first needed; 0, which no power of x is, stands for not yet. */
const factors = new Int32Array((LAST_PIECE_BYTES >> 8) + 1);

type Update = (pointer: number, stride: number, state: number, factor: number) => number;

let checksummed = 0;
let module: WebAssembly.Module | null = null;
let staging: { readonly bytes: Uint8Array; readonly crc: MemoryCrc32c } | null = null;

/** Checksum of `bytes[start, end)`, unsigned; `seed` is the checksum of what came before them. */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start < MODULE_FROM_BYTES || !isModuleDue(end - start)) {
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
  let bytes = new Uint8Array(memory.buffer);
  let update: Update | null = null;
  return (pointer, length, seed = 0) => {
    if (bytes.length === 0) {
      bytes = new Uint8Array(memory.buffer);
    }
    if (length < MODULE_FROM_BYTES || (update === null && !isModuleDue(length))) {
      return slicing(bytes, pointer, pointer + length, seed);
    }
    update ??= instantiate(memory);
    return striding(update, bytes, pointer, length, seed);
  };
}

function striding(
  update: Update,
  bytes: Uint8Array,
  pointer: number,
  length: number,
  seed: number,
): number {
  let state = ~seed;
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
    state = update(at, units * 16, state, factor);
    at += units * 256;
    left -= units * 256;
  }
  return slicing(bytes, at, at + left, ~state);
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

function isModuleDue(length: number): boolean {
  if (module === null) {
    checksummed += length;
    return checksummed > MODULE_AFTER_BYTES;
  }
  return true;
}

function instantiate(memory: WasmMemory): Update {
  module ??= compileModule();
  return new WebAssembly.Instance(module, { m: { memory } }).exports.update as Update;
}

/** With the relaxed swizzle where the engine has it. */
function compileModule(): WebAssembly.Module {
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

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    }
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256]!;
    tables[at] = tables[previous & 0xff]! ^ (previous >>> 8);
  }
  return tables;
}
