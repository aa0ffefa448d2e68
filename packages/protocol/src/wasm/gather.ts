/**
 * Copies many small pieces that lie scattered in a memory one behind the other.
 *
 * Such pieces are mostly in no cache, and waiting for one after the other would be all the time it takes. What counts is therefore that the
 * processor sees the loads of the next pieces while it waits for those of this one, so there is nothing but loads, stores and the two
 * branches of the loops in between: 64 bytes at a time, then 16, and the last 16 go past the end of the piece, where the next one begins. The
 * addresses come from the list, which is read in order, so branches are decided before the bytes arrive. Touching the lines of a few dozen
 * pieces first gains less than its branches cost once sizes differ, and `memory.copy` costs a call for each piece.
 */
import {
  add,
  assemble,
  atLeast,
  below,
  equal,
  type Local,
  load32,
  loadVector,
  shiftLeft,
  storeVector,
  subtract,
  WasmFunction,
} from "./assembler.ts";
import type { WasmMemory } from "./memory.ts";

/**
 * Copies `count` pieces one behind the other to `target` and returns the address behind the last. At `list` stands for each piece its
 * address and its size in bytes, both as unsigned little-endian 32-bit integers; a size may be 0.
 *
 * Up to `GATHER_OVERSHOOT_BYTES` behind the end are overwritten with anything, and as many behind each piece are read. Neither these nor the
 * target may overlap with pieces or the list.
 * @throws WebAssembly.RuntimeError if anything of that lies outside the memory; what came before is copied then.
 */
export type Gather = (list: number, count: number, target: number) => number;

/** So many bytes behind the end of what was gathered may change, and so many behind each piece must be within the memory. */
export const GATHER_OVERSHOOT_BYTES = 15;

const VECTOR_BYTES = 16;
const ROW_VECTORS = 4;
const ROW_BYTES = ROW_VECTORS * VECTOR_BYTES;
/** Address and size. */
const ENTRY_BYTES_LOG2 = 3;

let module: WebAssembly.Module | null = null;

/** A gatherer over `memory`, which may grow. */
export function createGather(memory: WasmMemory): Gather {
  module ??= new WebAssembly.Module(assemble([gatherFunction()]));
  const gather = new WebAssembly.Instance(module, { m: { memory } }).exports.gather as Gather;
  // WebAssembly returns a signed integer.
  return (list, count, target) => gather(list, count, target) >>> 0;
}

function gatherFunction(): WasmFunction {
  const f = new WasmFunction("gather", 3);
  const [list, count, target] = f.parameters as [Local, Local, Local];
  const listEnd = f.local();
  const from = f.local();
  const end = f.local();
  f.set(end, target);
  f.set(listEnd, add(list, shiftLeft(count, ENTRY_BYTES_LOG2)));
  f.block((done) => {
    f.branchIf(done, equal(list, listEnd));
    f.loop((next) => {
      f.set(from, load32(list));
      f.set(target, end);
      f.set(end, add(end, load32(list, 4)));
      copy(f, from, target, end);
      f.set(list, add(list, 1 << ENTRY_BYTES_LOG2));
      f.branchIf(next, below(list, listEnd));
    });
  });
  f.return(end);
  return f;
}

/** Fills `[to, end)`, and up to 15 bytes more. Both addresses move. */
function copy(f: WasmFunction, from: Local, to: Local, end: Local): void {
  f.block((isShort) => {
    f.branchIf(isShort, below(subtract(end, to), ROW_BYTES));
    f.loop((again) => {
      for (let at = 0; at < ROW_BYTES; at += VECTOR_BYTES) {
        f.do(storeVector(to, loadVector(from, at), at));
      }
      f.set(from, add(from, ROW_BYTES));
      f.set(to, add(to, ROW_BYTES));
      f.branchIf(again, atLeast(subtract(end, to), ROW_BYTES));
    });
  });
  f.block((isDone) => {
    f.branchIf(isDone, equal(to, end));
    f.loop((again) => {
      f.do(storeVector(to, loadVector(from)));
      f.set(from, add(from, VECTOR_BYTES));
      f.set(to, add(to, VECTOR_BYTES));
      f.branchIf(again, below(to, end));
    });
  });
}
