/**
 * Turns a shape and a version into a codec by compiling generated source. Names in that source come from schemas in this
 * package only, never from the wire. The interpreter in `test/` does the same by walking the schema and must always agree.
 */
import type { Shape } from "../schema/fields.ts";
import { readUuid, writeUuid } from "../uuid.ts";
import { DecoderSource } from "./decoder-source.ts";
import { EncoderSource } from "./encoder-source.ts";
import * as runtime from "./runtime.ts";

/** The codec of one version of a message. */
export interface Codec {
  /** Reads a message from `[offset, end)`; the position after it is left in `cursor`. @throws ProtocolError */
  decode(buffer: Buffer, offset: number, end: number): unknown;
  /** Measures a message, without the records that are spliced (`encodeState.splicedBytes`). @throws ProtocolError */
  size(message: unknown): number;
  /** Writes the message that was measured last; returns the position after it. */
  write(message: unknown, buffer: Buffer, offset: number): number;
}

/** The state that all encoders share: it is filled by `size`, used up by `write` and reset by whoever called them. */
export const encodeState = new runtime.EncodeState();

const SCOPE: Readonly<Record<string, unknown>> = {
  readUuid,
  writeUuid,
  UNKNOWN_TAGS: runtime.UNKNOWN_TAGS,
  MAX_MESSAGE_ELEMENTS: runtime.MAX_MESSAGE_ELEMENTS,
  MAX_ARRAY_ELEMENTS: runtime.MAX_ARRAY_ELEMENTS,
  SPLICE_MIN_BYTES: runtime.SPLICE_MIN_BYTES,
  cursor: runtime.cursor,
  longVarint: runtime.longVarint,
  varintSize: runtime.varintSize,
  writeVarint: runtime.writeVarint,
  readText: runtime.readText,
  textSize: runtime.textSize,
  writeText: runtime.writeText,
  writeInt64: runtime.writeInt64,
  recordsSize: runtime.recordsSize,
  copyRecords: runtime.copyRecords,
  isDefault: runtime.isDefault,
  truncated: runtime.truncated,
  nullNotAllowed: runtime.nullNotAllowed,
  badLength: runtime.badLength,
  tooManyElements: runtime.tooManyElements,
  cannotEncode: runtime.cannotEncode,
  state: encodeState,
};
const SCOPE_NAMES = Object.keys(SCOPE);
const SCOPE_VALUES = Object.values(SCOPE);

/** The codec for `version`; each direction is generated when it is first used. */
export function compileCodec(
  name: string,
  shape: Shape,
  version: number,
  flexible: boolean,
): Codec {
  return new LazyCodec(name, shape, version, flexible);
}

type Encoder = Pick<Codec, "size" | "write">;

class LazyCodec implements Codec {
  readonly #name: string;
  readonly #shape: Shape;
  readonly #version: number;
  readonly #flexible: boolean;
  #decode: Codec["decode"] | null = null;
  #encoder: Encoder | null = null;

  constructor(name: string, shape: Shape, version: number, flexible: boolean) {
    this.#name = name;
    this.#shape = shape;
    this.#version = version;
    this.#flexible = flexible;
  }

  decode(buffer: Buffer, offset: number, end: number): unknown {
    this.#decode ??= this.#compileDecoder();
    return this.#decode(buffer, offset, end);
  }

  size(message: unknown): number {
    this.#encoder ??= this.#compileEncoder();
    return this.#encoder.size(message);
  }

  write(message: unknown, buffer: Buffer, offset: number): number {
    this.#encoder ??= this.#compileEncoder();
    return this.#encoder.write(message, buffer, offset);
  }

  #compileDecoder(): Codec["decode"] {
    const source = new DecoderSource(this.#version, this.#flexible);
    const value = source.struct(this.#shape, this.#name);
    const body = [
      `return function decode${this.#name}V${this.#version}(b, p, end) {`,
      "let elements = 0;",
      ...source.lines,
      "cursor.position = p;",
      `return ${value};`,
      "}",
    ];
    return instantiate(body, source.constants) as Codec["decode"];
  }

  #compileEncoder(): Encoder {
    const source = new EncoderSource(this.#version, this.#flexible);
    source.struct(this.#shape, "m", this.#name);
    source.finish();
    const suffix = `${this.#name}V${this.#version}`;
    const body = [
      `return { size: function size${suffix}(m) {`,
      "const L = state.lengths; let n = 0, i = 0; state.splicedBytes = 0;",
      ...source.sizeLines,
      "return n;",
      `}, write: function write${suffix}(m, b, p) {`,
      "const L = state.lengths; let i = 0;",
      ...source.writeLines,
      "return p;",
      "} };",
    ];
    return instantiate(body, source.constants) as Encoder;
  }
}

function instantiate(body: readonly string[], constants: readonly unknown[]): unknown {
  const make = new Function(...SCOPE_NAMES, "d", `"use strict";\n${body.join("\n")}`);
  return make(...SCOPE_VALUES, constants);
}
