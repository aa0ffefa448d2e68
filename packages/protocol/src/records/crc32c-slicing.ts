/**
 * CRC-32C in WebAssembly by slicing by sixteen, for inputs that are too short for sixteen streams (`crc32c-module.ts`).
 *
 * Table k takes in a byte and k zero bytes after it. Sixteen bytes at once are thus sixteen look-ups, in table 15 for the first byte to
 * table 0 for the last, after the state was added to the first four. The tables are 16 KiB in a memory of their own, which all
 * modules of a process share; the bytes are read in place.
 *
 * What is no multiple of sixteen comes first: the block of so many zeros and then the first bytes has the same checksum if the state before the
 * zeros is 0. So the state is added to the bytes behind the zeros, and what of it reaches beyond the block is added to the state behind it.
 *
 * The module imports `m.tables` and `m.memory`, and exports `slice(pointer, size, state) → state`.
 */
import {
  add,
  addBytes,
  and,
  assemble,
  below,
  type Code,
  constantVector,
  equal,
  firstLane,
  type Local,
  lane32,
  load8,
  load32,
  load32As64,
  loadVector,
  low32,
  type Operand,
  shiftLeft,
  shiftRight,
  splatBytes,
  subtract,
  swizzle,
  WasmFunction,
  xor,
  xor64,
  xorVector,
} from "../wasm/assembler.ts";
import type { WasmMemory } from "../wasm/memory.ts";
import { POLYNOMIAL } from "./crc32c-module.ts";

const BLOCK_BYTES = 16;
const WORD_BYTES = 4;
const TABLE_BYTES = 1024;
const SLICES = 16;

/** The memories, in the order of their import. */
const MEMORIES = ["tables", "memory"];
const DATA = 1;

/** Takes in `size` bytes at `pointer` of the memory it was made for. */
export type Slice = (pointer: number, size: number, state: number) => number;

interface Slicer {
  readonly module: WebAssembly.Module;
  readonly tables: WebAssembly.Memory;
}

/** Null where the engine knows one memory only; undefined until it is tried. */
let slicer: Slicer | null | undefined;

/** Null where the engine knows one memory only. */
export function createSlice(memory: WasmMemory): Slice | null {
  if (slicer === undefined) {
    slicer = compileSlicer();
  }
  if (slicer === null) {
    return null;
  }
  const { module, tables } = slicer;
  return new WebAssembly.Instance(module, { m: { tables, memory } }).exports.slice as Slice;
}

/** So many tables of 256 entries: table k takes in a byte and k zero bytes after it. */
export function crcTables(count: number): Int32Array<ArrayBuffer> {
  const tables = new Int32Array(count * 256);
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

function compileSlicer(): Slicer | null {
  try {
    const module = new WebAssembly.Module(assemble([sliceFunction()], MEMORIES));
    const tables = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    new Int32Array(tables.buffer).set(crcTables(SLICES));
    return { module, tables };
  } catch {
    return null;
  }
}

function sliceFunction(): WasmFunction {
  const f = new WasmFunction("slice", 3);
  const [at, size, state] = f.parameters as [Local, Local, Local];
  const head = f.local();
  const end = f.local();
  const words = [f.local(), f.local(), f.local(), f.local()] as const;
  const stateVector = f.local("v128");
  const headVector = f.local("v128");
  f.set(end, add(at, size));
  f.if(below(size, BLOCK_BYTES), () => {
    f.block((done) => {
      f.loop((again) => {
        f.branchIf(done, equal(at, end));
        const low = and(xor(state, load8(at, 0, DATA)), 255);
        f.set(state, xor(load32(shiftLeft(low, 2)), shiftRight(state, 8)));
        f.set(at, add(at, 1));
        f.branch(again);
      });
    });
    f.return(state);
  });
  f.set(head, and(size, BLOCK_BYTES - 1));
  // Also where there is no head: V8 looks up where the memory begins at the first load that is always done, and in a loop each time.
  f.set(stateVector, firstLane(state));
  // A swizzle fills up with zeros where it is asked for bytes outside of the vector.
  const bytes = xorVector(loadVector(at, 0, DATA), stateVector);
  f.set(headVector, swizzle(bytes, placesFrom(subtract(head, BLOCK_BYTES))));
  words.forEach((word, k) => {
    f.set(word, lane32(headVector, k));
  });
  const beyond = lane32(swizzle(stateVector, placesFrom(head)), 0);
  f.set(state, xor(low32(sum(words.flatMap(lookUpWord))), beyond));
  f.set(at, add(at, head));
  f.loop((again) => {
    const [first] = words;
    f.set(first, xor(state, load32(at, 0, DATA)));
    // What does not wait for the state before is summed up by itself.
    f.set(state, low32(xor64(sum(lookUpBytes(at)), sum(lookUpWord(first, 0)))));
    f.set(at, add(at, BLOCK_BYTES));
    f.branchIf(again, below(at, end));
  });
  f.return(state);
  return f;
}

/** Sixteen places in a row. */
function placesFrom(first: Operand): Code {
  return addBytes(constantVector(Array.from({ length: 16 }, (_, i) => i)), splatBytes(first));
}

/** Look-ups of the bytes of word `k` of a block. */
function lookUpWord(word: Local, k: number): readonly Code[] {
  return [0, 1, 2, 3].map((byte) => {
    const row = byte === 0 ? shiftLeft(word, 2) : shiftRight(word, 8 * byte - 2);
    return lookUp(WORD_BYTES * k + byte, and(row, 255 * 4));
  });
}

/** Look-ups of all bytes of the block at `at` but for its first word. */
function lookUpBytes(at: Local): readonly Code[] {
  return Array.from({ length: BLOCK_BYTES - WORD_BYTES }, (_, i) =>
    lookUp(WORD_BYTES + i, shiftLeft(load8(at, WORD_BYTES + i, DATA), 2)),
  );
}

/**
 * As 64 bits: V8 makes a load of 32 bits the operand of the sum and then loads once more besides, because a load that may trap must not go.
 */
function lookUp(byte: number, row: Code): Code {
  return load32As64(row, TABLE_BYTES * (SLICES - 1 - byte));
}

/** Halves first, so that no term waits for many others. */
function sum(terms: readonly Code[]): Code {
  if (terms.length === 1) {
    return terms[0]!;
  }
  const half = terms.length / 2;
  return xor64(sum(terms.slice(0, half)), sum(terms.slice(half)));
}
