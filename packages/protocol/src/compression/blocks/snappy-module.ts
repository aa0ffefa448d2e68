/** The blocks of snappy, assembled; `snappy-block.ts` is the same in JavaScript and describes the format. */
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
  load8,
  load16,
  load32,
  loadVector,
  notEqual,
  or,
  select,
  shiftLeft,
  shiftRight,
  store8,
  store16,
  store32,
  storeVector,
  subtract,
  WasmFunction,
} from "../../wasm/assembler.ts";
import { INPUT } from "./block-memory.ts";
import { CopyCode, QUICK_BYTES, quickCopy } from "./copy-code.ts";
import { compressor, type MatchPlaces } from "./match-code.ts";
import {
  COPY_CUT_OFF,
  COPY_OUTSIDE,
  LITERAL_CUT_OFF,
  LITERAL_TOO_LONG,
  TOO_SHORT,
} from "./snappy-block.ts";

/** Literals longer than this carry their length in further bytes. */
const SHORT_LITERAL = 60;

/** `compressSnappy(size, out, hashBits)`, see `compressor`. */
export function snappyCompressor(): WasmFunction {
  return compressor("compressSnappy", {
    startMargin: 15,
    endMargin: 0,
    skipBits: 5,
    begin: writeSize,
    match(f, places, copy) {
      const { literal, position } = places;
      f.if(notEqual(literal, position), () => writeLiteral(f, places, position, copy));
      writeCopies(f, places);
    },
    last(f, places, copy) {
      const { literal, size } = places;
      f.if(notEqual(literal, size), () => writeLiteral(f, places, size, copy));
    },
  });
}

/** The size of the content, a varint. */
function writeSize(f: WasmFunction, { size, out }: MatchPlaces): void {
  const rest = f.local();
  f.set(rest, size);
  f.block((written) => {
    f.loop((again) => {
      f.branchIf(written, below(rest, 128));
      f.do(store8(out, or(rest, 128)));
      f.set(out, add(out, 1));
      f.set(rest, shiftRight(rest, 7));
      f.branch(again);
    });
  });
  f.do(store8(out, rest));
  f.set(out, add(out, 1));
}

/** An element for the literals up to `end`. */
function writeLiteral(
  f: WasmFunction,
  { out, literal }: MatchPlaces,
  end: Local,
  copy: CopyCode,
): void {
  const [last, stop] = [f.local(), f.local()];
  f.set(last, subtract(subtract(end, literal), 1));
  f.if(
    below(last, QUICK_BYTES),
    () => {
      f.do(store8(out, shiftLeft(last, 2)));
      quickCopy(f, add(literal, INPUT), add(out, 1));
      f.set(out, add(add(out, last), 2));
    },
    () => {
      writeLiteralTag(f, out, last);
      f.set(stop, add(add(out, last), 1));
      copy.far(add(literal, INPUT), out, stop);
      f.set(out, stop);
    },
  );
}

/** The tag of a literal and what its length has no room for there. */
function writeLiteralTag(f: WasmFunction, out: Local, last: Local): void {
  f.if(
    below(last, SHORT_LITERAL),
    () => {
      f.do(store8(out, shiftLeft(last, 2)));
      f.set(out, add(out, 1));
    },
    () => {
      f.do(store16(out, last, 1));
      f.if(
        below(last, 256),
        () => {
          f.do(store8(out, SHORT_LITERAL << 2));
          f.set(out, add(out, 2));
        },
        () => {
          f.do(store8(out, (SHORT_LITERAL + 1) << 2));
          f.set(out, add(out, 3));
        },
      );
    },
  );
}

/** A copy element holds at most 64 bytes; the last one must not be shorter than four. */
function writeCopies(f: WasmFunction, { out, position, end, distance }: MatchPlaces): void {
  const left = f.local();
  const writeFar = (length: Local | number) => {
    const tag = add(shiftLeft(subtract(length, 1), 2), 2);
    f.do(store32(out, or(tag, shiftLeft(distance, 8))));
    f.set(out, add(out, 3));
  };
  f.set(left, subtract(end, position));
  f.block((short) => {
    f.loop((again) => {
      f.branchIf(short, below(left, 68));
      writeFar(64);
      f.set(left, subtract(left, 64));
      f.branch(again);
    });
  });
  f.if(above(left, 64), () => {
    writeFar(60);
    f.set(left, subtract(left, 60));
  });
  f.if(
    and(below(left, 12), below(distance, 2048)),
    () => {
      const tag = or(shiftLeft(subtract(left, 4), 2), shiftLeft(shiftRight(distance, 8), 5));
      f.do(store8(out, or(tag, 1)));
      f.do(store8(out, distance, 1));
      f.set(out, add(out, 2));
    },
    () => writeFar(left),
  );
}

/** The longest literal that is copied at once. */
const QUICK_LITERAL = 16;
/** What a literal of that length and the copy after it take, of which the least is needed to read them without a look at the end. */
const QUICK_INPUT_BYTES = QUICK_LITERAL + 3;

/**
 * `decompressSnappy(from, end, start, limit)` decompresses the elements `[from, end)` into exactly `[start, limit)`; returns `limit`, or a
 * failure. Before anything is written or read its length is held against what is left on both sides. After a short literal comes a
 * copy as a rule, which is read without another turn.
 */
export function snappyDecompressor(): WasmFunction {
  const f = new WasmFunction("decompressSnappy", 4);
  const [at, end, start, limit] = f.parameters as [Local, Local, Local, Local];
  const [out, tag, length, bytes] = [f.local(), f.local(), f.local(), f.local()];
  const [distance, source, stop] = [f.local(), f.local(), f.local()];
  const [quickEnd, quickLimit, quickCopyLimit] = [f.local(), f.local(), f.local()];
  const copy = new CopyCode(f);
  const readTag = () => {
    f.set(tag, load8(at));
    f.set(at, add(at, 1));
    f.set(length, shiftRight(tag, 2));
  };

  f.set(out, start);
  f.set(quickEnd, subtract(end, QUICK_INPUT_BYTES));
  f.set(quickLimit, subtract(limit, QUICK_LITERAL));
  f.set(quickCopyLimit, subtract(limit, 2 * QUICK_BYTES));
  f.block((finished) => {
    f.loop((next) => {
      f.branchIf(finished, atLeast(at, end));
      readTag();
      f.block((isCopy) => {
        f.branchIf(isCopy, and(tag, 3));
        const isQuick = and(
          below(length, QUICK_LITERAL),
          and(atMost(at, quickEnd), atMost(out, quickLimit)),
        );
        f.if(isQuick, () => {
          f.do(storeVector(out, loadVector(at)));
          f.set(at, add(add(at, length), 1));
          f.set(out, add(add(out, length), 1));
          readTag();
          f.branchIf(isCopy, and(tag, 3));
          f.set(at, subtract(at, 1));
          f.branch(next);
        });
        f.if(atLeast(length, SHORT_LITERAL), () => {
          f.set(bytes, subtract(length, SHORT_LITERAL - 1));
          f.returnIf(above(bytes, subtract(end, at)), LITERAL_CUT_OFF);
          f.set(length, and(load32(at), shiftRight(-1, subtract(32, shiftLeft(bytes, 3)))));
          f.set(at, add(at, bytes));
        });
        // The length is one less than the literal's, which could not hold one more than the largest integer.
        const isTooLong = or(
          atLeast(length, subtract(end, at)),
          atLeast(length, subtract(limit, out)),
        );
        f.returnIf(isTooLong, LITERAL_TOO_LONG);
        f.set(stop, add(add(out, length), 1));
        copy.far(at, out, stop);
        f.set(at, add(add(at, length), 1));
        f.set(out, stop);
        f.branch(next);
      });
      const isQuick = and(atMost(at, subtract(end, 2)), atMost(out, quickCopyLimit));
      f.if(
        and(notEqual(and(tag, 3), 3), isQuick),
        () => {
          const isNear = equal(and(tag, 3), 1);
          const near = or(shiftLeft(shiftRight(tag, 5), 8), load8(at));
          f.set(distance, select(near, load16(at), isNear));
          f.set(length, select(add(and(length, 7), 4), add(length, 1), isNear));
          f.set(at, subtract(add(at, 2), isNear));
          f.if(and(atLeast(distance, 16), atMost(distance, subtract(out, start))), () => {
            f.set(source, subtract(out, distance));
            quickCopy(f, source, out);
            f.if(above(length, QUICK_BYTES), () => {
              quickCopy(f, add(source, QUICK_BYTES), add(out, QUICK_BYTES));
            });
            f.set(out, add(out, length));
            f.branch(next);
          });
        },
        () => readCopy(f, { at, end, tag, length, distance }),
      );
      const isOutside = or(
        or(isZero(distance), above(distance, subtract(out, start))),
        above(length, subtract(limit, out)),
      );
      f.returnIf(isOutside, COPY_OUTSIDE);
      f.set(stop, add(out, length));
      copy.match(out, distance, stop);
      f.set(out, stop);
      f.branch(next);
    });
  });
  f.returnIf(equal(out, limit), limit);
  f.return(TOO_SHORT);
  return f;
}

/** Reads what a copy's tag has no room for. */
function readCopy(
  f: WasmFunction,
  places: {
    readonly at: Local;
    readonly end: Local;
    readonly tag: Local;
    readonly length: Local;
    readonly distance: Local;
  },
): void {
  const { at, end, tag, length, distance } = places;
  f.if(
    equal(and(tag, 3), 1),
    () => {
      f.returnIf(atLeast(at, end), COPY_CUT_OFF);
      f.set(distance, or(shiftLeft(shiftRight(tag, 5), 8), load8(at)));
      f.set(length, add(and(length, 7), 4));
      f.set(at, add(at, 1));
    },
    () => {
      f.set(length, add(length, 1));
      f.if(
        equal(and(tag, 3), 2),
        () => {
          f.returnIf(below(subtract(end, at), 2), COPY_CUT_OFF);
          f.set(distance, load16(at));
          f.set(at, add(at, 2));
        },
        () => {
          f.returnIf(below(subtract(end, at), 4), COPY_CUT_OFF);
          f.set(distance, load32(at));
          f.set(at, add(at, 4));
        },
      );
    },
  );
}
