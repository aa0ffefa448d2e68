/** The blocks of LZ4, assembled; `lz4-block.ts` is the same in JavaScript and describes the format. */
import {
  above,
  add,
  and,
  atLeast,
  atMost,
  below,
  equal,
  isZero,
  type Local,
  lesser,
  load8,
  load16,
  loadVector,
  notEqual,
  or,
  shiftLeft,
  shiftRight,
  store8,
  store16,
  storeVector,
  subtract,
  WasmFunction,
} from "../../wasm/assembler.ts";
import { INPUT } from "./block-memory.ts";
import { CopyCode, QUICK_BYTES, quickCopy } from "./copy-code.ts";
import {
  DISTANCE_CUT_OFF,
  LAST_LITERALS,
  LENGTH_CUT_OFF,
  LITERALS_CUT_OFF,
  LZ4_TOO_LONG,
  MATCH_LIMIT,
  MATCH_OUTSIDE,
  MIN_MATCH,
  NO_LAST_LITERALS,
} from "./lz4-block.ts";
import { compressor, type MatchPlaces } from "./match-code.ts";

/** A length of this much goes on in further bytes. */
const LONG = 15;
/** What follows a token of at most 14 literals: they, a distance and a byte of the match's length. */
const SHORT_INPUT_BYTES = 14 + 2 + 1;
/** What those literals and a match that a token has room for make, 14 + 18. */
const SHORT_OUTPUT_BYTES = 32;

/** `compressLz4(size, out, hashBits)`, see `compressor`. */
export function lz4Compressor(): WasmFunction {
  return compressor("compressLz4", {
    startMargin: MATCH_LIMIT,
    endMargin: LAST_LITERALS,
    skipBits: 6,
    match(f, places, copy) {
      const { out, position, end, distance } = places;
      const code = f.local();
      f.set(code, subtract(subtract(end, position), MIN_MATCH));
      writeLiterals(f, places, position, code, copy);
      f.do(store16(out, distance));
      f.set(out, add(out, 2));
      writeLength(f, out, code);
    },
    last(f, places, copy) {
      writeLiterals(f, places, places.size, null, copy);
    },
  });
}

/** Writes the token of a sequence and its literals, which end at `end`; `matchCode` is the match's length beyond the least, or null for no match. */
function writeLiterals(
  f: WasmFunction,
  { out, literal }: MatchPlaces,
  end: Local,
  matchCode: Local | null,
  copy: CopyCode,
): void {
  const [count, stop] = [f.local(), f.local()];
  f.set(count, subtract(end, literal));
  const high = shiftLeft(lesser(count, LONG), 4);
  f.do(store8(out, matchCode === null ? high : or(high, lesser(matchCode, LONG))));
  f.set(out, add(out, 1));
  f.if(
    atMost(count, QUICK_BYTES),
    () => {
      writeLastLength(f, out, count);
      quickCopy(f, add(literal, INPUT), out);
      f.set(out, add(out, count));
    },
    () => {
      writeLength(f, out, count);
      f.set(stop, add(out, count));
      copy.far(add(literal, INPUT), out, stop);
      f.set(out, stop);
    },
  );
}

/** Writes what a token has no room for, if anything. */
function writeLength(f: WasmFunction, out: Local, length: Local): void {
  f.if(
    below(length, LONG + 255),
    () => writeLastLength(f, out, length),
    () => {
      const left = f.local();
      f.set(left, length);
      f.loop((again) => {
        f.do(store8(out, 255));
        f.set(out, add(out, 1));
        f.set(left, subtract(left, 255));
        f.branchIf(again, atLeast(left, LONG + 255));
      });
      writeLastLength(f, out, left);
    },
  );
}

/** Writes the last byte of a length if it has one: without a branch, a byte that does not count is written over. */
function writeLastLength(f: WasmFunction, out: Local, left: Local): void {
  f.do(store8(out, subtract(left, LONG)));
  f.set(out, add(out, atLeast(left, LONG)));
}

/**
 * `decompressLz4(from, end, start, limit)` decompresses the block `[from, end)` to `[start, limit)`; returns the position after what it
 * held, or a failure. Before anything is written or read its length is held against what is left on both sides. Most sequences are short and
 * far from both ends: for them one comparison on either side does, and both copies are of constant length; a match that a token has no
 * room for adds a second.
 */
export function lz4Decompressor(): WasmFunction {
  const f = new WasmFunction("decompressLz4", 4);
  const [at, end, start, limit] = f.parameters as [Local, Local, Local, Local];
  const [out, token, literals, length] = [f.local(), f.local(), f.local(), f.local()];
  const [distance, source, stop, byte] = [f.local(), f.local(), f.local(), f.local()];
  const [shortEnd, shortLimit] = [f.local(), f.local()];
  const copy = new CopyCode(f);

  f.set(out, start);
  f.set(shortEnd, subtract(end, SHORT_INPUT_BYTES));
  f.set(shortLimit, subtract(limit, SHORT_OUTPUT_BYTES));
  f.loop((next) => {
    f.returnIf(atLeast(at, end), NO_LAST_LITERALS);
    f.set(token, load8(at));
    f.set(at, add(at, 1));
    f.set(literals, shiftRight(token, 4));
    f.set(length, and(token, LONG));
    const isShort = and(
      notEqual(literals, LONG),
      and(atMost(at, shortEnd), atMost(out, shortLimit)),
    );
    f.if(
      isShort,
      () => {
        f.do(storeVector(out, loadVector(at)));
        f.set(at, add(at, literals));
        f.set(out, add(out, literals));
        f.set(distance, load16(at));
        f.set(at, add(at, 2));
        f.set(source, subtract(out, distance));
        const isFar = and(atLeast(distance, 16), atLeast(source, start));
        f.if(isFar, () => {
          f.if(notEqual(length, LONG), () => {
            quickCopy(f, source, out);
            f.set(out, add(out, add(length, MIN_MATCH)));
            f.branch(next);
          });
          f.set(byte, load8(at));
          f.if(notEqual(byte, 255), () => {
            f.set(at, add(at, 1));
            f.set(length, add(byte, LONG + MIN_MATCH));
            f.returnIf(above(length, subtract(limit, out)), LZ4_TOO_LONG);
            quickCopy(f, source, out);
            f.set(stop, add(out, length));
            f.if(above(length, QUICK_BYTES), () => {
              copy.far(add(source, QUICK_BYTES), add(out, QUICK_BYTES), stop);
            });
            f.set(out, stop);
            f.branch(next);
          });
        });
      },
      () => {
        readLength(f, { at, end, length: literals });
        f.returnIf(above(literals, subtract(end, at)), LITERALS_CUT_OFF);
        f.returnIf(above(literals, subtract(limit, out)), LZ4_TOO_LONG);
        f.set(stop, add(out, literals));
        copy.far(at, out, stop);
        f.set(at, add(at, literals));
        f.set(out, stop);
        f.returnIf(equal(at, end), out);
        f.returnIf(below(subtract(end, at), 2), DISTANCE_CUT_OFF);
        f.set(distance, load16(at));
        f.set(at, add(at, 2));
      },
    );
    readLength(f, { at, end, length });
    f.set(length, add(length, MIN_MATCH));
    f.returnIf(or(isZero(distance), above(distance, subtract(out, start))), MATCH_OUTSIDE);
    f.returnIf(above(length, subtract(limit, out)), LZ4_TOO_LONG);
    f.set(stop, add(out, length));
    copy.match(out, distance, stop);
    f.set(out, stop);
    f.branch(next);
  });
  return f;
}

/** Adds the bytes that continue a length, if it has any. A block of 4 MiB cannot make it overflow. */
function readLength(
  f: WasmFunction,
  { at, end, length }: { readonly at: Local; readonly end: Local; readonly length: Local },
): void {
  f.if(equal(length, LONG), () => {
    const byte = f.local();
    f.loop((again) => {
      f.returnIf(atLeast(at, end), LENGTH_CUT_OFF);
      f.set(byte, load8(at));
      f.set(at, add(at, 1));
      f.set(length, add(length, byte));
      f.branchIf(again, equal(byte, 255));
    });
  });
}
