/**
 * The search for repetitions, which the compressors share: greedy, with one hash table of positions in the block, skipping faster where
 * nothing repeats. A match found is extended backwards over literals not yet written; after one, the next place is tried at once.
 */
import {
  add,
  atLeast,
  atMost,
  equal,
  fillZero,
  isZero64,
  type Local,
  load8,
  load16,
  load32,
  load64,
  low32,
  multiply,
  notEqual,
  shiftLeft,
  shiftRight,
  store16,
  subtract,
  trailingZeros64,
  WasmFunction,
  xor64,
} from "../../wasm/assembler.ts";
import { HASH_TABLE } from "./block-memory.ts";
import { CopyCode } from "./copy-code.ts";

/** What differs between formats. */
export interface MatchFormat {
  /** No match may begin in the last so many bytes; at least 8, since matches are looked for 4 bytes at a time. */
  readonly startMargin: number;
  /** No match may reach into the last so many bytes. */
  readonly endMargin: number;
  /** The search moves on by one more byte after every 2 ** skipBits failures. */
  readonly skipBits: number;
  /** Appends the writing of what precedes the block. */
  begin?(f: WasmFunction, places: MatchPlaces): void;
  /** Appends the writing of literals `[literal, position)` and the match `[position, end)`, as it stands `distance` bytes before. */
  match(f: WasmFunction, places: MatchPlaces, copy: CopyCode): void;
  /** Appends the writing of the literals `[literal, to)`. */
  last(f: WasmFunction, places: MatchPlaces, copy: CopyCode): void;
}

export interface MatchPlaces {
  readonly from: Local;
  readonly to: Local;
  /** Where to write next; the format moves it. */
  readonly out: Local;
  readonly literal: Local;
  readonly position: Local;
  readonly end: Local;
  readonly distance: Local;
}

const HASH_FACTOR = 0x9e3779b1;

/**
 * `name(from, to, out, hashBits)` compresses `[from, to)`, at most 64 KiB, to `out`; returns the position after it. What it writes is
 * bounded by the format; the slack after it must be 32 bytes.
 */
export function compressor(name: string, format: MatchFormat): WasmFunction {
  const f = new WasmFunction(name, 4);
  const [from, to, out, hashBits] = f.parameters as [Local, Local, Local, Local];
  const [literal, position, end, distance] = [f.local(), f.local(), f.local(), f.local()];
  const [candidate, slot, word, skip] = [f.local(), f.local(), f.local(), f.local()];
  const [shift, startLimit, endLimit] = [f.local(), f.local(), f.local()];
  const counting = { end, match: f.local(), difference: f.local("i64"), limit: endLimit };
  const places = { from, to, out, literal, position, end, distance };
  const copy = new CopyCode(f);

  /** Remembers `place` in the table, under the four bytes there. */
  const remember = (place: Local) => f.do(store16(slot, subtract(place, from), HASH_TABLE));
  const hash = (place: Local) => {
    f.set(word, load32(place));
    f.set(slot, shiftLeft(shiftRight(multiply(word, HASH_FACTOR), shift), 1));
  };
  /** Looks for an earlier place with the four bytes at `position`, in exchange for which that is remembered. */
  const lookUp = () => {
    hash(position);
    f.set(candidate, add(from, load16(slot, HASH_TABLE)));
    remember(position);
  };

  format.begin?.(f, places);
  f.set(literal, from);
  f.block((done) => {
    f.branchIf(done, atMost(subtract(to, from), format.startMargin));
    f.set(startLimit, subtract(to, format.startMargin));
    f.set(endLimit, subtract(to, format.endMargin));
    f.set(shift, subtract(32, hashBits));
    f.do(fillZero(HASH_TABLE, shiftLeft(2, hashBits)));
    f.set(position, add(from, 1));
    f.loop((search) => {
      f.set(skip, 1 << format.skipBits);
      f.loop((next) => {
        f.branchIf(done, atLeast(position, startLimit));
        lookUp();
        f.if(notEqual(load32(candidate), word), () => {
          f.set(position, add(position, shiftRight(skip, format.skipBits)));
          f.set(skip, add(skip, 1));
          f.branch(next);
        });
      });
      f.block((extended) => {
        f.loop((backwards) => {
          f.branchIf(extended, atMost(position, literal));
          f.branchIf(extended, atMost(candidate, from));
          f.branchIf(
            extended,
            notEqual(load8(subtract(position, 1)), load8(subtract(candidate, 1))),
          );
          f.set(position, subtract(position, 1));
          f.set(candidate, subtract(candidate, 1));
          f.branch(backwards);
        });
      });
      f.loop((matched) => {
        f.set(distance, subtract(position, candidate));
        f.set(end, add(position, 4));
        f.set(counting.match, add(candidate, 4));
        countEqual(f, counting);
        format.match(f, places, copy);
        f.set(literal, end);
        f.branchIf(done, atLeast(end, startLimit));
        f.set(position, subtract(end, 2));
        hash(position);
        remember(position);
        f.set(position, end);
        lookUp();
        f.branchIf(matched, equal(load32(candidate), word));
      });
      f.set(position, add(position, 1));
      f.branch(search);
    });
  });
  format.last(f, places, copy);
  f.return(out);
  return f;
}

/** Moves `end` and `match` on over what is equal at both, until `end` reaches the limit. */
function countEqual(
  f: WasmFunction,
  places: {
    readonly end: Local;
    readonly match: Local;
    readonly difference: Local;
    readonly limit: Local;
  },
): void {
  const { end, match, difference, limit } = places;
  f.block((counted) => {
    f.loop((again) => {
      f.if(atMost(end, subtract(limit, 8)), () => {
        f.set(difference, xor64(load64(end), load64(match)));
        f.if(isZero64(difference), () => {
          f.set(end, add(end, 8));
          f.set(match, add(match, 8));
          f.branch(again);
        });
        f.set(end, add(end, shiftRight(low32(trailingZeros64(difference)), 3)));
        f.branch(counted);
      });
    });
    f.loop((again) => {
      f.branchIf(counted, atLeast(end, limit));
      f.branchIf(counted, notEqual(load8(end), load8(match)));
      f.set(end, add(end, 1));
      f.set(match, add(match, 1));
      f.branch(again);
    });
  });
}
