/**
 * The search for repetitions, which the compressors share: greedy, with one hash table of positions in the block, skipping faster where
 * nothing repeats. Four equal bytes are a match, but places are looked up by five: the matches of four that are missed are mostly chance,
 * and in text and JSON what is found instead is longer and makes the result smaller. A match is extended backwards over literals
 * not yet written.
 *
 * Most of the time goes by in waiting: for branches that cannot be foreseen, and for the end of a match, from which the next search
 * starts. So the fewer matches do the same the better; four places are looked up for each load; a match is counted eight bytes at a
 * time, backwards without a branch; and bytes behind the end of the input may be compared, as what they yield is cut off.
 */
import {
  above,
  add,
  and,
  atLeast,
  atMost,
  below,
  type Code,
  constant64,
  equal,
  fillZero,
  isZero64,
  type Local,
  leadingZeros64,
  lesser,
  load16,
  load32,
  load64,
  low32,
  multiply64,
  shiftLeft,
  shiftRight,
  shiftRight64,
  store16,
  subtract,
  trailingZeros64,
  WasmFunction,
  xor64,
} from "../../wasm/assembler.ts";
import { HASH_TABLE, INPUT } from "./block-memory.ts";
import { CopyCode } from "./copy-code.ts";

/** What differs between formats. */
export interface MatchFormat {
  /** No match may begin in the last so many bytes; at least 8, since matches are looked for in words of that size. */
  readonly startMargin: number;
  /** No match may reach into the last so many bytes. */
  readonly endMargin: number;
  /** The search moves on by one more byte after every 2 ** skipBits failures. */
  readonly skipBits: number;
  /** Appends the writing of what precedes the block. */
  begin?(f: WasmFunction, places: MatchPlaces): void;
  /** Appends the writing of literals `[literal, position)` and the match `[position, end)`, as it stands `distance` bytes before. */
  match(f: WasmFunction, places: MatchPlaces, copy: CopyCode): void;
  /** Appends the writing of the literals `[literal, size)`. */
  last(f: WasmFunction, places: MatchPlaces, copy: CopyCode): void;
}

/** All but `out` count from the start of the input. */
export interface MatchPlaces {
  readonly size: Local;
  /** Where to write next; the format moves it. */
  readonly out: Local;
  readonly literal: Local;
  readonly position: Local;
  readonly end: Local;
  readonly distance: Local;
}

const MIN_MATCH = 4;
/** Places whose five bytes lie in one word of eight. */
const PLACES = 4;
/** 2 ** 64 by the golden ratio; shifted, so that of eight bytes only the first five matter. */
const HASH_FACTOR = 0x9e3779b97f4a7c15n << 24n;

/**
 * `name(size, out, hashBits)` compresses so many bytes of the input, at most 64 KiB, to `out`; returns the position after it. What it
 * writes is bounded by the format; the slack after it must be 32 bytes.
 */
export function compressor(name: string, format: MatchFormat): WasmFunction {
  const f = new WasmFunction(name, 3);
  const [size, out, hashBits] = f.parameters as [Local, Local, Local];
  const [literal, position, end, distance] = [f.local(), f.local(), f.local(), f.local()];
  const [candidate, slot, seen, skip] = [f.local(), f.local(), f.local(), f.local()];
  const [slots, startLimit, endLimit] = [f.local(), f.local(), f.local()];
  const [words, word] = [f.local("i64"), f.local("i64")];
  const places = { size, out, literal, position, end, distance };
  const copy = new CopyCode(f);

  /** Sets `slot` to that of the first five bytes of `word`. */
  const hash = () => {
    f.set(slot, and(low32(shiftRight64(multiply64(word, constant64(HASH_FACTOR)), 48)), slots));
  };
  const remember = (place: Local | Code) => f.do(store16(slot, place, HASH_TABLE));
  /** Looks for an earlier place with the bytes of `word`, in exchange for which `place` is remembered. */
  const lookUp = (place: Local | Code) => {
    hash();
    f.set(candidate, load16(slot, HASH_TABLE));
    f.set(seen, load32(candidate, INPUT));
    remember(place);
  };

  format.begin?.(f, places);
  f.block((done) => {
    f.branchIf(done, atMost(size, format.startMargin + PLACES));
    f.set(startLimit, subtract(size, format.startMargin + PLACES - 1));
    f.set(endLimit, subtract(size, format.endMargin));
    // The upper 16 bits of a hash choose a slot, the lowest of which does not count as a slot has two bytes.
    f.set(slots, subtract(shiftLeft(2, hashBits), 2));
    f.do(fillZero(HASH_TABLE, shiftLeft(2, hashBits)));
    f.set(end, 1);
    f.loop((search) => {
      f.set(position, end);
      f.set(skip, PLACES << format.skipBits);
      f.block((found) => {
        f.loop((next) => {
          f.branchIf(done, atLeast(position, startLimit));
          f.set(words, load64(position, INPUT));
          for (let i = 0; i < PLACES; i++) {
            const place = i === 0 ? position : add(position, i);
            f.set(word, i === 0 ? words : shiftRight64(words, 8 * i));
            lookUp(place);
            f.if(equal(seen, low32(word)), () => {
              f.set(position, place);
              f.branch(found);
            });
          }
          f.set(position, add(position, shiftRight(skip, format.skipBits)));
          f.set(skip, add(skip, PLACES));
          f.branch(next);
        });
      });
      f.set(distance, subtract(position, candidate));
      f.set(end, add(position, MIN_MATCH));
      countEqual(f, { end, distance, limit: endLimit });
      f.set(position, subtract(position, equalBefore(f, { literal, position, candidate })));
      format.match(f, places, copy);
      f.set(literal, end);
      // A place that begins in a match and ends behind it.
      f.set(word, load64(end, INPUT - 2));
      hash();
      remember(subtract(end, 2));
      f.branch(search);
    });
  });
  format.last(f, places, copy);
  f.return(out);
  return f;
}

/** Moves `end` on over what is equal to what lies `distance` bytes before, at most to the limit. */
function countEqual(
  f: WasmFunction,
  {
    end,
    distance,
    limit,
  }: { readonly end: Local; readonly distance: Local; readonly limit: Local },
): void {
  const difference = f.local("i64");
  f.loop((again) => {
    f.set(difference, load64(subtract(end, distance), INPUT));
    f.set(difference, xor64(load64(end, INPUT), difference));
    f.if(
      isZero64(difference),
      () => {
        f.set(end, add(end, 8));
        f.branchIf(again, below(end, limit));
      },
      () => f.set(end, add(end, shiftRight(low32(trailingZeros64(difference)), 3))),
    );
  });
  f.if(above(end, limit), () => f.set(end, limit));
}

/** How many of the last eight literals are equal to what precedes the candidate. What precedes the input may be read, but does not count. */
function equalBefore(
  f: WasmFunction,
  places: {
    readonly literal: Local;
    readonly position: Local;
    readonly candidate: Local;
  },
): Local {
  const { literal, position, candidate } = places;
  const [most, count] = [f.local(), f.local()];
  const difference = f.local("i64");
  f.set(most, subtract(position, literal));
  f.set(most, lesser(most, candidate));
  f.set(difference, load64(candidate, INPUT - 8));
  f.set(difference, xor64(load64(position, INPUT - 8), difference));
  f.set(count, shiftRight(low32(leadingZeros64(difference)), 3));
  f.set(count, lesser(count, most));
  return count;
}
