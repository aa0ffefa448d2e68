/** Copies for assembled decompressors and compressors: 16 bytes at a time, so up to 15 bytes past their end are written too. */
import {
  add,
  below,
  type Local,
  load8,
  loadVector,
  type Operand,
  shiftLeft,
  storeVector,
  subtract,
  swizzle,
  type WasmFunction,
} from "../../wasm/assembler.ts";
import { PATTERNS, STEPS } from "./block-memory.ts";

/** So many bytes are moved at once where most copies are shorter: cheaper than a loop whose end nobody can foresee. */
export const QUICK_BYTES = 32;

/** Appends the move of `QUICK_BYTES`. */
export function quickCopy(f: WasmFunction, from: Operand, to: Operand): void {
  f.do(storeVector(to, loadVector(from)));
  f.do(storeVector(to, loadVector(from, 16), 16));
}

/** Appends copies to a function. They have variables of their own, shared by all copies in it. */
export class CopyCode {
  readonly #f: WasmFunction;
  readonly #source: Local;
  readonly #target: Local;
  readonly #step: Local;
  readonly #pattern: Local;

  constructor(f: WasmFunction) {
    this.#f = f;
    this.#source = f.local();
    this.#target = f.local();
    this.#step = f.local();
    this.#pattern = f.local("v128");
  }

  /** Moves 16 bytes or more from `from` to `[to, end)`, whose places are at least 16 bytes apart if they overlap. */
  far(from: Operand, to: Operand, end: Operand): void {
    const f = this.#f;
    f.set(this.#source, from);
    f.set(this.#target, to);
    f.loop((again) => {
      f.do(storeVector(this.#target, loadVector(this.#source)));
      f.set(this.#source, add(this.#source, 16));
      f.set(this.#target, add(this.#target, 16));
      f.branchIf(again, below(this.#target, end));
    });
  }

  /** Fills `[to, end)` with what lies `distance` bytes back, over and over. */
  match(to: Operand, distance: Operand, end: Operand): void {
    const f = this.#f;
    f.if(
      below(distance, 16),
      () => {
        const row = add(shiftLeft(distance, 4), PATTERNS);
        f.set(this.#pattern, swizzle(loadVector(subtract(to, distance)), loadVector(row)));
        f.set(this.#step, load8(distance, STEPS));
        f.set(this.#target, to);
        f.loop((again) => {
          f.do(storeVector(this.#target, this.#pattern));
          f.set(this.#target, add(this.#target, this.#step));
          f.branchIf(again, below(this.#target, end));
        });
      },
      () => this.far(subtract(to, distance), to, end),
    );
  }
}
