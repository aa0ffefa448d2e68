/**
 * CRC-32C in WebAssembly, sixteen streams at a time, without tables in memory, so that it runs over any memory it is given.
 *
 * The state of a CRC is 32 bits; a byte is taken in by `state = T[(state ^ byte) & 255] ^ (state >>> 8)`. Here a vector of sixteen bytes
 * holds one byte of sixteen states, and four such vectors (*planes*) hold the states of sixteen streams. T is linear: T[b] is
 * T[low nibble] ^ T[high nibble], and each byte of those is a look-up among sixteen bytes, one swizzle of a constant. Eight swizzles
 * thus take in one byte of each stream.
 *
 * The bytes are cut into sixteen streams of equal length, the *stride*, a multiple of 16. Rows of 16 bytes are loaded from each stream and
 * transposed, so that vector k holds byte k of every row. At the end the sixteen states are joined: appending n bytes to a message
 * multiplies its state by x^(8·n) modulo the polynomial, so `joined = joined · x^(8·stride) ^ next`, fifteen times. The caller passes
 * that factor. The product is the sum of `factor · x^k` over the bits k that are set, four of them to a vector.
 *
 * The module imports `m.memory` and exports `update(pointer, stride, state, factor) → state`, which takes in 16 × stride bytes.
 */
import { type Code, name, section, signed, unsigned } from "../wasm/assembler.ts";

/** The lowest power in the highest bit. */
export const POLYNOMIAL = 0x82f63b78;

/** Bytes of the module. `relaxed` uses the relaxed swizzle, a single instruction where the strict one takes several. */
export function crc32cModule(relaxed: boolean): Uint8Array<ArrayBuffer> {
  const body = updateBody(relaxed);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, 4, I32_TYPE, I32_TYPE, I32_TYPE, I32_TYPE, 1, I32_TYPE]]),
    ...section(2, [[...name("m"), ...name("memory"), 0x02, 0x00, 0x00]]),
    ...section(3, [[0]]),
    ...section(7, [[...name("update"), 0x00, 0x00]]),
    ...section(10, [[...unsigned(body.length), ...body]]),
  ]);
}

/** x^(8·bytes) modulo the polynomial, bit 31 being x^0: what appending that many bytes multiplies a state by. */
export function appendFactor(bytes: number): number {
  let factor = 0x8000_0000 | 0;
  let square = timesX(factor, 8);
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) {
      factor = product(factor, square);
    }
    square = product(square, square);
  }
  return factor;
}

function product(a: number, b: number): number {
  let sum = 0;
  let term = b;
  for (let bit = 31; bit >= 0; bit--) {
    if (((a >>> bit) & 1) === 1) {
      sum ^= term;
    }
    term = timesX(term, 1);
  }
  return sum;
}

// Locals: the parameters, then integers, then vectors.
const POINTER = 0;
const STRIDE = 1;
const STATE = 2;
const FACTOR = 3;
const ROWS_END = 4;
const ROW = 5;
const COUNT = 6;
const PLANES = [7, 8, 9, 10];
const NIBBLES = 11;
const INDEX = 12;
const LOW = 13;
const HIGH = 14;
/** Tables of the low and the high nibble for each plane; when joining, the terms of the factor. */
const TABLES = [15, 16, 17, 18, 19, 20, 21, 22];
const ROWS = Array.from({ length: 16 }, (_, i) => 23 + i);
const SCRATCH = Array.from({ length: 16 }, (_, i) => 39 + i);

function updateBody(relaxed: boolean): Code {
  const code: number[] = [];
  // The state so far belongs to the first stream; the others start from zero.
  PLANES.forEach((plane, k) => {
    code.push(...v128Const(ZEROS), ...get(STATE), ...i32(8 * k), I32_SHR_U);
    code.push(...simd(I8X16_REPLACE_LANE, 0), ...set(plane));
    // Constants are set before the loop: inside it they would be built anew each time.
    code.push(...v128Const(nibbleTable(k, 0)), ...set(TABLES[2 * k]!));
    code.push(...v128Const(nibbleTable(k, 4)), ...set(TABLES[2 * k + 1]!));
  });
  code.push(...v128Const(LOW_NIBBLES), ...set(NIBBLES));
  code.push(...get(POINTER), ...get(STRIDE), I32_ADD, ...set(ROWS_END));
  code.push(...loop());
  code.push(...get(POINTER), ...set(ROW));
  for (const row of ROWS) {
    code.push(...get(ROW), ...simd(V128_LOAD), 0, 0, ...set(row));
    code.push(...get(ROW), ...get(STRIDE), I32_ADD, ...set(ROW));
  }
  for (const column of transpose(code)) {
    code.push(...takeIn(column, relaxed));
  }
  code.push(...get(POINTER), ...i32(16), I32_ADD, ...tee(POINTER));
  code.push(...get(ROWS_END), I32_LT_U, ...branchIf(0), END);
  code.push(...statesOfPlanes(), ...termsOfFactor(), ...join(), ...get(STATE), END);
  const locals = [2, ...unsigned(3), I32_TYPE, ...unsigned(48), V128_TYPE];
  return [...locals, ...code];
}

/** One byte of every stream. */
function takeIn(column: number, relaxed: boolean): Code {
  const code: number[] = [];
  code.push(...get(PLANES[0]!), ...get(column), ...simd(V128_XOR), ...set(INDEX));
  code.push(...get(INDEX), ...get(NIBBLES), ...simd(V128_AND), ...set(LOW));
  code.push(...get(INDEX), ...i32(4), ...simd(I16X8_SHR_U));
  code.push(...get(NIBBLES), ...simd(V128_AND), ...set(HIGH));
  PLANES.forEach((plane, k) => {
    code.push(...get(TABLES[2 * k]!), ...get(LOW), ...swizzle(relaxed));
    code.push(...get(TABLES[2 * k + 1]!), ...get(HIGH), ...swizzle(relaxed), ...simd(V128_XOR));
    if (k < 3) {
      code.push(...get(PLANES[k + 1]!), ...simd(V128_XOR));
    }
    code.push(...set(plane));
  });
  return code;
}

/** Four rounds of interleaving rows i and i + 8 transpose sixteen rows of sixteen bytes. Returns where the columns are. */
function transpose(code: number[]): readonly number[] {
  let from = ROWS;
  let to = SCRATCH;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 8; i++) {
      for (const half of [0, 1]) {
        code.push(...get(from[i]!), ...get(from[i + 8]!), ...interleave(1, half));
        code.push(...set(to[2 * i + half]!));
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Turns the planes into sixteen 32-bit states, four to a vector, in the first four rows. */
function statesOfPlanes(): Code {
  const code: number[] = [];
  for (const half of [0, 1]) {
    for (const pair of [0, 1]) {
      code.push(...get(PLANES[2 * pair]!), ...get(PLANES[2 * pair + 1]!), ...interleave(1, half));
      code.push(...set(SCRATCH[pair]!));
    }
    for (const quarter of [0, 1]) {
      code.push(...get(SCRATCH[0]!), ...get(SCRATCH[1]!), ...interleave(2, quarter));
      code.push(...set(ROWS[2 * half + quarter]!));
    }
  }
  return code;
}

/** Fills the tables with factor · x^k: lane j of table g belongs to bit 31 − (4·g + j). */
function termsOfFactor(): Code {
  const code: number[] = [...get(FACTOR), ...simd(I32X4_SPLAT), ...set(TABLES[0]!)];
  for (let lane = 1; lane < 4; lane++) {
    code.push(...get(TABLES[0]!), ...vectorTimesX(), ...set(INDEX));
    // Lanes from `lane` on take the product.
    const lanes = Array.from({ length: 16 }, (_, i) => (i < 4 * lane ? i : 16 + i));
    code.push(...get(TABLES[0]!), ...get(INDEX), ...simd(I8X16_SHUFFLE, ...lanes));
    code.push(...set(TABLES[0]!));
  }
  for (let group = 1; group < 8; group++) {
    code.push(...get(TABLES[group - 1]!));
    for (let i = 0; i < 4; i++) {
      code.push(...vectorTimesX());
    }
    code.push(...set(TABLES[group]!));
  }
  return code;
}

/** Replaces the vector on the stack by each of its lanes times x: `(v >>> 1) ^ (P & −(v & 1))`. */
function vectorTimesX(): Code {
  return [
    ...tee(LOW),
    ...i32(31),
    ...simd(I32X4_SHL),
    ...i32(31),
    ...simd(I32X4_SHR_S),
    ...v128Const(words(new Array<number>(4).fill(POLYNOMIAL))),
    ...simd(V128_AND),
    ...get(LOW),
    ...i32(1),
    ...simd(I32X4_SHR_U),
    ...simd(V128_XOR),
  ];
}

/** Joins the states in the first four rows, leaving the result in the state. */
function join(): Code {
  const masks = TABLES.map((_, group) =>
    words([0, 1, 2, 3].map((lane) => 1 << (31 - 4 * group - lane))),
  );
  const code: number[] = [];
  masks.forEach((mask, group) => {
    code.push(...v128Const(mask), ...set(SCRATCH[group]!));
  });
  code.push(...i32(0), ...set(STATE), ...i32(16), ...set(COUNT), ...loop());
  // The product of the state and the factor, four bits at a time.
  code.push(...get(STATE), ...simd(I32X4_SPLAT), ...set(INDEX));
  TABLES.forEach((term, group) => {
    const mask = SCRATCH[group]!;
    code.push(...get(INDEX), ...get(mask), ...simd(V128_AND), ...get(mask), ...simd(I32X4_EQ));
    code.push(...get(term), ...simd(V128_AND));
    if (group % 2 === 1) {
      code.push(...simd(V128_XOR));
    }
  });
  code.push(...simd(V128_XOR), ...set(LOW), ...simd(V128_XOR), ...get(LOW), ...simd(V128_XOR));
  // The next state sits in lane 0 of the first row: added there, it comes along in the sum over lanes.
  code.push(...get(ROWS[0]!), ...v128Const(words([-1, 0, 0, 0])), ...simd(V128_AND));
  code.push(...simd(V128_XOR), ...set(LOW));
  for (const distance of [8, 4]) {
    const lanes = Array.from({ length: 16 }, (_, i) => (i + distance) % 16);
    code.push(...get(LOW), ...get(LOW), ...get(LOW), ...simd(I8X16_SHUFFLE, ...lanes));
    code.push(...simd(V128_XOR), ...set(LOW));
  }
  code.push(...get(LOW), ...simd(I32X4_EXTRACT_LANE, 0), ...set(STATE));
  // Shift all states down by one.
  const down = Array.from({ length: 16 }, (_, i) => i + 4);
  for (let row = 0; row < 4; row++) {
    code.push(...get(ROWS[row]!), ...get(ROWS[Math.min(row + 1, 3)]!));
    code.push(...simd(I8X16_SHUFFLE, ...down), ...set(ROWS[row]!));
  }
  code.push(...get(COUNT), ...i32(1), I32_SUB, ...tee(COUNT), ...branchIf(0), END);
  return code;
}

function timesX(value: number, times: number): number {
  let multiple = value;
  for (let i = 0; i < times; i++) {
    multiple = (multiple & 1) === 1 ? (multiple >>> 1) ^ POLYNOMIAL : multiple >>> 1;
  }
  return multiple | 0;
}

/** Byte `k` of T for the sixteen values of a nibble that sits `shift` bits up. */
function nibbleTable(k: number, shift: number): Code {
  return Array.from({ length: 16 }, (_, nibble) => (timesX(nibble << shift, 8) >>> (8 * k)) & 0xff);
}

function words(values: readonly number[]): Code {
  return values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff));
}

// The instructions used here, vectors for the most part.

const I32_TYPE = 0x7f;
const V128_TYPE = 0x7b;
const END = 0x0b;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const I32_SUB = 0x6b;
const I32_SHR_U = 0x76;
const V128_LOAD = 0x00;
const V128_CONST = 0x0c;
const I8X16_SHUFFLE = 0x0d;
const I8X16_SWIZZLE = 0x0e;
const I32X4_SPLAT = 0x11;
const I8X16_REPLACE_LANE = 0x17;
const I32X4_EXTRACT_LANE = 0x1b;
const I32X4_EQ = 0x37;
const V128_AND = 0x4e;
const V128_XOR = 0x51;
const I16X8_SHR_U = 0x8d;
const I8X16_RELAXED_SWIZZLE = 0x100;
const I32X4_SHL = 0xab;
const I32X4_SHR_S = 0xac;
const I32X4_SHR_U = 0xad;
const LOW_NIBBLES = new Array<number>(16).fill(0x0f);
const ZEROS = new Array<number>(16).fill(0);

function get(local: number): Code {
  return [0x20, ...unsigned(local)];
}

function set(local: number): Code {
  return [0x21, ...unsigned(local)];
}

function tee(local: number): Code {
  return [0x22, ...unsigned(local)];
}

function loop(): Code {
  return [0x03, 0x40];
}

function branchIf(depth: number): Code {
  return [0x0d, depth];
}

function i32(value: number): Code {
  return [0x41, ...signed(value)];
}

function simd(opcode: number, ...lanes: number[]): Code {
  return [0xfd, ...unsigned(opcode), ...lanes];
}

function v128Const(bytes: Code): Code {
  return [...simd(V128_CONST), ...bytes];
}

function swizzle(relaxed: boolean): Code {
  return simd(relaxed ? I8X16_RELAXED_SWIZZLE : I8X16_SWIZZLE);
}

/** Interleaves lanes of `width` bytes of the lower (0) or upper (1) halves of two vectors. */
function interleave(width: number, half: number): Code {
  const lanes = Array.from({ length: 16 }, (_, i) => {
    const lane = Math.floor(i / (2 * width)) * width + (i % width) + 8 * half;
    return Math.floor(i / width) % 2 === 0 ? lane : lane + 16;
  });
  return [...simd(I8X16_SHUFFLE), ...lanes];
}
