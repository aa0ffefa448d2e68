/**
 * A small assembler for WebAssembly: functions over 32-bit integers and imported memories, written as nested expressions.
 *
 *     const f = new WasmFunction("sum", 2);
 *     const [at, end] = f.parameters;
 *     const sum = f.local();
 *     f.loop((again) => {
 *       f.set(sum, add(sum, load8(at)));
 *       f.set(at, add(at, 1));
 *       f.branchIf(again, below(at, end));
 *     });
 *     f.return(sum);
 *     new WebAssembly.Module(assemble([f]));
 *
 * An expression is its bytes in the binary format; a number among operands is a constant. Integers are unsigned where it matters. The
 * statements of a function are appended in the order of the calls; a label is the nesting depth of its block, from which a branch works out how far
 * out it leads.
 */
export type Code = readonly number[];
export type Operand = Code | Local | number;
export type ValueType = "i32" | "i64" | "v128";

const TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };
const VOID = 0x40;
const END = 0x0b;

export interface Local {
  readonly index: number;
}

/** Where a branch may lead: the end of a block, or the start of a loop. */
export interface Label {
  readonly depth: number;
}

export class WasmFunction {
  readonly name: string;
  /** 32-bit integers, which may be assigned to. */
  readonly parameters: readonly Local[];
  readonly #localTypes: number[] = [];
  readonly #code: number[] = [];
  #depth = 0;

  /** A function of that many integers that returns one. */
  constructor(name: string, parameters: number) {
    this.name = name;
    this.parameters = Array.from({ length: parameters }, (_, index) => ({ index }));
  }

  /** A new variable, zero at first. */
  local(type: ValueType = "i32"): Local {
    this.#localTypes.push(TYPES[type]);
    return { index: this.parameters.length + this.#localTypes.length - 1 };
  }

  set(local: Local, value: Operand): void {
    this.#code.push(...code(value), 0x21, ...unsigned(local.index));
  }

  /** Appends a statement, such as a store. */
  do(statement: Code): void {
    this.#code.push(...statement);
  }

  /** A branch to the label leaves the block. */
  block(body: (exit: Label) => void): void {
    this.#nested([0x02, VOID], body);
  }

  /** A branch to the label starts over; without one the loop ends. */
  loop(body: (again: Label) => void): void {
    this.#nested([0x03, VOID], body);
  }

  if(condition: Operand, then: () => void, otherwise?: () => void): void {
    this.#nested([...code(condition), 0x04, VOID], () => {
      then();
      if (otherwise !== undefined) {
        this.#code.push(0x05);
        otherwise();
      }
    });
  }

  branch(label: Label): void {
    this.#code.push(0x0c, ...unsigned(this.#depth - label.depth));
  }

  branchIf(label: Label, condition: Operand): void {
    this.#code.push(...code(condition), 0x0d, ...unsigned(this.#depth - label.depth));
  }

  return(value: Operand): void {
    this.#code.push(...code(value), 0x0f);
  }

  returnIf(condition: Operand, value: Operand): void {
    this.if(condition, () => this.return(value));
  }

  /** The function as the code section has it. Falling off its end is a trap. */
  body(): Code {
    const locals = this.#localTypes.flatMap((type) => [1, type]);
    const body = [...unsigned(this.#localTypes.length), ...locals, ...this.#code, 0x00, END];
    return [...unsigned(body.length), ...body];
  }

  #nested(opening: Code, body: (label: Label) => void): void {
    this.#code.push(...opening);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.#code.push(END);
  }
}

/** Bytes of a module that imports `m.memory`, or memories by other names, and exports the functions by theirs. */
export function assemble(
  functions: readonly WasmFunction[],
  memories: readonly string[] = ["memory"],
): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    parameters.length,
    ...parameters.map(() => TYPES.i32),
    1,
    TYPES.i32,
  ]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      2,
      memories.map((memory) => [...name("m"), ...name(memory), 0x02, 0x00, 0x00]),
    ),
    ...section(
      3,
      functions.map((_, index) => [index]),
    ),
    ...section(
      7,
      functions.map((one, index) => [...name(one.name), 0x00, index]),
    ),
    ...section(
      10,
      functions.map((one) => one.body()),
    ),
  ]);
}

export const isZero = unary(0x45);
export const equal = binary(0x46);
export const notEqual = binary(0x47);
export const below = binary(0x49);
export const above = binary(0x4b);
export const atMost = binary(0x4d);
export const atLeast = binary(0x4f);
export const add = binary(0x6a);
export const subtract = binary(0x6b);
export const multiply = binary(0x6c);
export const and = binary(0x71);
export const or = binary(0x72);
export const xor = binary(0x73);
export const shiftLeft = binary(0x74);
export const shiftRight = binary(0x76);

/** On 64-bit integers. */
export const isZero64 = unary(0x50);
export const leadingZeros64 = unary(0x79);
export const trailingZeros64 = unary(0x7a);
export const multiply64 = binary(0x7e);
export const xor64 = binary(0x85);
/** The lower half of a 64-bit integer. */
export const low32 = unary(0xa7);

/** Moves a 64-bit integer right by a constant number of bits. */
export function shiftRight64(value: Operand, bits: number): Code {
  return [...code(value), ...constant64(BigInt(bits)), 0x88];
}

/** A constant of 64 bits. */
export function constant64(value: bigint): Code {
  return [0x42, ...signed(BigInt.asIntN(64, value))];
}

export const load8 = load(0x2d);
export const load16 = load(0x2f);
export const load32 = load(0x28);
export const load64 = load(0x29);
/** 32 bits as a 64-bit integer. */
export const load32As64 = load(0x35);
export const loadVector = load(0xfd, 0x00);
export const store8 = store(0x3a);
export const store16 = store(0x3b);
export const store32 = store(0x36);
export const storeVector = store(0xfd, 0x0b);

/** Bytes of the first vector at the places that the second names; 0 for places from 16 on. */
export const swizzle = binary(0xfd, 0x0e);
export const xorVector = binary(0xfd, 0x51);
/** Adds the sixteen bytes of two vectors, each for itself. */
export const addBytes = binary(0xfd, 0x6e);
/** The lower byte of an integer, sixteen times. */
export const splatBytes = unary(0xfd, 0x0f);

/** A vector of sixteen bytes. */
export function constantVector(bytes: Code): Code {
  return [0xfd, 0x0c, ...bytes];
}

/** The vector of a 32-bit integer and zeros behind it. */
export function firstLane(value: Operand): Code {
  return [...constantVector(new Array<number>(16).fill(0)), ...code(value), 0xfd, 0x1c, 0];
}

/** One of the four 32-bit integers of a vector. */
export function lane32(vector: Operand, lane: number): Code {
  return [...code(vector), 0xfd, 0x1b, lane];
}

/** The first operand if the condition holds, else the second. Both are computed. */
export function select(then: Operand, otherwise: Operand, condition: Operand): Code {
  return [...code(then), ...code(otherwise), ...code(condition), 0x1b];
}

/** The smaller of two variables, or of one and a constant. */
export function lesser(left: Local, right: Local | number): Code {
  return select(left, right, below(left, right));
}

/** Sets `size` bytes at `address` to zero. */
export function fillZero(address: Operand, size: Operand): Code {
  return [...code(address), ...code(0), ...code(size), 0xfc, 0x0b, 0x00];
}

function unary(...opcode: number[]): (operand: Operand) => Code {
  return (operand) => [...code(operand), ...opcode];
}

function binary(...opcode: number[]): (left: Operand, right: Operand) => Code {
  return (left, right) => [...code(left), ...code(right), ...opcode];
}

/** Little-endian, from any address. */
function load(...opcode: number[]): (address: Operand, offset?: number, memory?: number) => Code {
  return (address, offset = 0, memory = 0) => [
    ...code(address),
    ...opcode,
    ...place(offset, memory),
  ];
}

function store(...opcode: number[]): (address: Operand, value: Operand, offset?: number) => Code {
  return (address, value, offset = 0) => [
    ...code(address),
    ...code(value),
    ...opcode,
    ...place(offset, 0),
  ];
}

/** No alignment, the memory unless it is the first, the offset. */
function place(offset: number, memory: number): Code {
  const of = memory === 0 ? [0] : [0x40, ...unsigned(memory)];
  return [...of, ...unsigned(offset)];
}

function code(operand: Operand): Code {
  if (typeof operand === "number") {
    return [0x41, ...signed(operand | 0)];
  }
  return "index" in operand ? [0x20, ...unsigned(operand.index)] : operand;
}

/** A section of the binary format: how many items, and the items. */
export function section(id: number, items: readonly Code[]): Code {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
}

export function name(text: string): Code {
  return [text.length, ...Buffer.from(text)];
}

/** LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** Signed LEB128. */
export function signed(value: number | bigint): Code {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest < -64n || rest > 63n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest & 0x7fn)];
}
