/**
 * Compresses and decompresses blocks of LZ4 and snappy in a memory of fixed size that is used over and over: WebAssembly, and JavaScript
 * over the same memory for the first bytes of a process. A block is put in at `INPUT`; `block-memory.ts` has the layout.
 */
import { assemble } from "../../wasm/assembler.ts";
import { INPUT, MAX_HASH_BITS, MEMORY_PAGES, writePatterns } from "./block-memory.ts";
import { compressLz4Block, decompressLz4Block } from "./lz4-block.ts";
import { lz4Compressor, lz4Decompressor } from "./lz4-module.ts";
import { compressSnappyBlock, decompressSnappyBlock } from "./snappy-block.ts";
import { snappyCompressor, snappyDecompressor } from "./snappy-module.ts";

/** Compresses so many bytes at `INPUT`, at most 64 KiB, to `out`; returns the position after it. Up to 32 bytes more may be written. */
type Compress = (size: number, out: number, hashBits: number) => number;
/** Decompresses `[from, end)` to `[start, limit)`; returns the position after it, or a failure, which is negative. Up to 16 bytes more may be written. */
type Decompress = (from: number, end: number, start: number, limit: number) => number;

export interface BlockMachine {
  readonly memory: Uint8Array;
  readonly compressLz4: Compress;
  readonly decompressLz4: Decompress;
  readonly compressSnappy: Compress;
  readonly decompressSnappy: Decompress;
}

/** The module is built once this much has gone through without it: building takes some milliseconds, which a start must not pay. */
const MODULE_AFTER_BYTES = 256 * 1024;

let machine: BlockMachine | null = null;
let isAssembled = false;
let workedBytes = 0;

/** The machine of this thread, to be used at once for so many bytes of input. */
export function blockMachine(bytes: number): BlockMachine {
  if (machine === null) {
    machine = createBlockMachine("javascript");
  } else if (!isAssembled && workedBytes > MODULE_AFTER_BYTES) {
    machine = createBlockMachine("module");
    isAssembled = true;
  }
  workedBytes += bytes;
  return machine;
}

export function createBlockMachine(kind: "javascript" | "module"): BlockMachine {
  const shared = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
  const memory = new Uint8Array(shared.buffer);
  return kind === "module"
    ? { memory, ...instantiate(shared, memory) }
    : {
        memory,
        compressLz4: (size, out) => compressLz4Block(memory, INPUT, INPUT + size, memory, out),
        decompressLz4: (from, end, start, limit) =>
          decompressLz4Block(memory, from, end, memory, start, limit),
        compressSnappy: (size, out) =>
          compressSnappyBlock(memory, INPUT, INPUT + size, memory, out),
        decompressSnappy: (from, end, start, limit) =>
          decompressSnappyBlock(memory, from, end, memory, start, limit),
      };
}

/** Table entries for an input: no more than it has bytes, since the table is cleared each time and a small one is faster; log 2. */
export function hashBitsFor(bytes: number): number {
  return Math.min(MAX_HASH_BITS, Math.max(8, 31 - Math.clz32(bytes)));
}

function instantiate(shared: WebAssembly.Memory, memory: Uint8Array): Omit<BlockMachine, "memory"> {
  writePatterns(memory);
  const module = new WebAssembly.Module(
    assemble([lz4Compressor(), lz4Decompressor(), snappyCompressor(), snappyDecompressor()]),
  );
  const { exports } = new WebAssembly.Instance(module, { m: { memory: shared } });
  return {
    compressLz4: exports.compressLz4 as Compress,
    decompressLz4: exports.decompressLz4 as Decompress,
    compressSnappy: exports.compressSnappy as Compress,
    decompressSnappy: exports.decompressSnappy as Decompress,
  };
}
