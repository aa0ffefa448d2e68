/**
 * The reference for generated codecs: the same schemas, walked field by field in the plainest way, with bigint and without any regard for speed.
 * Tests hold both against each other.
 */
import { UNKNOWN_TAGS, type UnknownTaggedField } from "../codec/runtime.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { Shape } from "../schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../schema/layout.ts";
import type { Schema } from "../schema/schema.ts";

type Struct = Record<string | symbol, unknown>;

const MAX_ELEMENTS = 1_000_000;
const MAX_ALL_ELEMENTS = 4_000_000;

/** Encodes a message, which must be complete: every field present. */
export function interpretEncode(schema: Schema, version: number, message: unknown): Buffer {
  const writer = new Writer(version, schema.isFlexible(version));
  writer.struct(schema.fields, message as Struct);
  return Buffer.concat(writer.parts);
}

/** Decodes a message. @throws ProtocolError */
export function interpretDecode(schema: Schema, version: number, bytes: Buffer): unknown {
  return new Reader(bytes, version, schema.isFlexible(version)).struct(schema.fields);
}

class Writer {
  readonly parts: Buffer[] = [];
  readonly #version: number;
  readonly #flexible: boolean;

  constructor(version: number, flexible: boolean) {
    this.#version = version;
    this.#flexible = flexible;
  }

  struct(shape: Shape, value: Struct): void {
    const layout = layoutOf(shape, this.#version, this.#flexible);
    for (const member of layout.plain) {
      this.#value(member, value[member.name]);
    }
    if (this.#flexible) {
      const tagged = layout.tagged.filter(
        (member) => !isSame(member.field.defaultValue, value[member.name]),
      );
      const unknown = (value[UNKNOWN_TAGS] ?? []) as readonly UnknownTaggedField[];
      this.#varint(tagged.length + unknown.length);
      for (const member of tagged) {
        const inner = new Writer(this.#version, this.#flexible);
        inner.#value(member, value[member.name]);
        this.#tag(member.field.options.tag!, Buffer.concat(inner.parts));
      }
      for (const { tag, data } of unknown) {
        this.#tag(tag, data);
      }
    }
  }

  #tag(tag: number, data: Buffer): void {
    this.#varint(tag);
    this.#varint(data.length);
    this.parts.push(data);
  }

  #value(member: Member, value: unknown): void {
    const { kind } = member.field;
    switch (kind) {
      case "boolean":
        this.#integer(1, value === true ? 1n : 0n);
        return;
      case "int8":
        this.#integer(1, BigInt(value as number));
        return;
      case "int16":
      case "uint16":
        this.#integer(2, BigInt(value as number));
        return;
      case "int32":
      case "uint32":
        this.#integer(4, BigInt(value as number));
        return;
      case "int64":
        this.#integer(8, clamp(BigInt(value as number)));
        return;
      case "float64": {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(value as number);
        this.parts.push(bytes);
        return;
      }
      case "uuid":
        this.parts.push(Buffer.from(value as string, "base64url"));
        return;
      case "struct":
        if (member.nullable) {
          this.#integer(1, value === null ? -1n : 1n);
        }
        if (value !== null) {
          this.struct(member.field.fields!, value as Struct);
        }
        return;
      case "string":
        this.#bytes(member, value === null ? null : Buffer.from(value as string), 2);
        return;
      case "bytes":
        this.#bytes(member, value as Buffer | null, 4);
        return;
      case "records":
        this.#bytes(
          member,
          Array.isArray(value) ? Buffer.concat(value) : (value as Buffer | null),
          4,
        );
        return;
      default:
        this.#array(member, value as readonly unknown[] | null);
        return;
    }
  }

  #array(member: Member, value: readonly unknown[] | null): void {
    this.#length(member, value === null ? -1 : value.length, 4);
    const element = memberOf(member.name, member.field.element!, this.#version, this.#flexible);
    for (const item of value ?? []) {
      this.#value(element, item);
    }
  }

  #bytes(member: Member, value: Buffer | null, width: number): void {
    this.#length(member, value === null ? -1 : value.length, width);
    if (value !== null) {
      this.parts.push(value);
    }
  }

  #length(member: Member, length: number, width: number): void {
    if (member.compact) {
      this.#varint(length + 1);
    } else {
      this.#integer(width, BigInt(length));
    }
  }

  #integer(width: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt.asIntN(64, value));
    this.parts.push(bytes.subarray(8 - width));
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    while (rest > 127) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.parts.push(Buffer.from([...bytes, rest]));
  }
}

class Reader {
  readonly #bytes: Buffer;
  readonly #version: number;
  readonly #flexible: boolean;
  #position = 0;
  #elements = 0;

  constructor(bytes: Buffer, version: number, flexible: boolean) {
    this.#bytes = bytes;
    this.#version = version;
    this.#flexible = flexible;
  }

  struct(shape: Shape): Struct {
    const layout = layoutOf(shape, this.#version, this.#flexible);
    const value: Struct = {};
    for (const { name, field } of layout.members) {
      value[name] = field.defaultValue;
    }
    for (const member of layout.plain) {
      value[member.name] = this.#value(member);
    }
    if (this.#flexible) {
      this.#taggedSection(layout.tagged, value);
    }
    return value;
  }

  #taggedSection(tagged: readonly Member[], value: Struct): void {
    const unknown: UnknownTaggedField[] = [];
    const total = this.#varint();
    this.#count(Math.max(total, 0));
    for (let count = total; count > 0; count--) {
      const tag = this.#varint();
      const size = this.#varint();
      this.#check(size < 0 ? Number.POSITIVE_INFINITY : size);
      const member = tagged.find(({ field }) => field.options.tag === tag);
      if (member === undefined) {
        unknown.push({ tag, data: this.#take(size) });
      } else {
        value[member.name] = this.#value(member);
      }
    }
    if (unknown.length > 0) {
      value[UNKNOWN_TAGS] = unknown;
    }
  }

  #value(member: Member): unknown {
    switch (member.field.kind) {
      case "boolean":
        return this.#take(1)[0] !== 0;
      case "int8":
        return this.#take(1).readInt8();
      case "int16":
        return this.#take(2).readInt16BE();
      case "uint16":
        return this.#take(2).readUInt16BE();
      case "int32":
        return this.#take(4).readInt32BE();
      case "uint32":
        return this.#take(4).readUInt32BE();
      case "int64":
        return Number(this.#take(8).readBigInt64BE());
      case "float64":
        return this.#take(8).readDoubleBE();
      case "uuid":
        return this.#take(16).toString("base64url");
      case "struct":
        return member.nullable && this.#take(1).readInt8() < 0
          ? null
          : this.struct(member.field.fields!);
      case "array":
        return this.#array(member);
      case "string": {
        const bytes = this.#sized(member, 2);
        return bytes === null ? null : bytes.toString();
      }
      default:
        return this.#sized(member, 4);
    }
  }

  #array(member: Member): unknown {
    const length = this.#length(member, 4);
    if (length < 0) {
      return this.#null(member);
    }
    if (length > MAX_ELEMENTS || length > this.#bytes.length - this.#position) {
      throw new ProtocolError("tooLarge", member.name);
    }
    this.#count(length);
    const element = memberOf(member.name, member.field.element!, this.#version, this.#flexible);
    return Array.from({ length }, () => this.#value(element));
  }

  #count(elements: number): void {
    this.#elements += elements;
    if (this.#elements > MAX_ALL_ELEMENTS) {
      throw new ProtocolError("tooLarge", "the message");
    }
  }

  #sized(member: Member, width: number): Buffer | null {
    const length = this.#length(member, width);
    if (length < 0) {
      return this.#null(member);
    }
    if (member.field.kind === "string" && length > 32_767) {
      throw new ProtocolError("malformed", member.name);
    }
    return this.#take(length);
  }

  #null(member: Member): null {
    if (!member.nullable) {
      throw new ProtocolError("malformed", member.name);
    }
    return null;
  }

  #length(member: Member, width: number): number {
    if (member.compact) {
      return this.#varint() - 1;
    }
    return this.#take(width).readIntBE(0, width);
  }

  #varint(): number {
    let value = 0n;
    for (let shift = 0n; shift <= 28n; shift += 7n) {
      const byte = this.#take(1)[0]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 128) {
        return Number(BigInt.asIntN(32, value));
      }
    }
    throw new ProtocolError("malformed", "varint");
  }

  #take(size: number): Buffer {
    this.#check(size);
    this.#position += size;
    return this.#bytes.subarray(this.#position - size, this.#position);
  }

  #check(size: number): void {
    if (size > this.#bytes.length - this.#position) {
      throw new ProtocolError("truncated", "the end");
    }
  }
}

function clamp(value: bigint): bigint {
  const limit = 2n ** 63n;
  return value >= limit ? limit - 1n : value < -limit ? -limit : value;
}

/** Whether a value says no more than the default. */
function isSame(fallback: unknown, value: unknown): boolean {
  if (fallback === null || value === null || typeof fallback !== "object") {
    return fallback === value;
  }
  if (Array.isArray(fallback) || Buffer.isBuffer(fallback)) {
    return (value as { readonly length: number }).length === 0;
  }
  const struct = value as Struct;
  return (
    struct[UNKNOWN_TAGS] === undefined &&
    Object.entries(fallback).every(([name, inner]) => isSame(inner, struct[name]))
  );
}
