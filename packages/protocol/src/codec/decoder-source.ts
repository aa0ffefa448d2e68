/**
 * Writes the source of a decoder: one function of straight-line code and nested loops, `(b, p, end) => message`, that reads from
 * `b` at `p`. Runs of fixed-size fields share one bounds check; every length is checked against `end` before anything is made
 * of it. Fields that the version lacks are set to their default, so that all versions of a message share one hidden class.
 */
import type { Field, Shape } from "../schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../schema/layout.ts";

export class DecoderSource {
  readonly lines: string[] = [];
  /** Default values that cannot be written as a literal; the code knows them as `d[index]`. */
  readonly constants: unknown[] = [];
  readonly #version: number;
  readonly #flexible: boolean;
  #names = 0;

  constructor(version: number, flexible: boolean) {
    this.#version = version;
    this.#flexible = flexible;
  }

  /** Emits code that reads a struct; returns the expression of its value. */
  struct(shape: Shape, path: string): string {
    const layout = layoutOf(shape, this.#version, this.#flexible);
    const values = new Map<string, string>();
    for (const member of layout.members) {
      if (member.presence !== "plain") {
        values.set(member.name, this.#constant(member.field));
      }
    }
    this.#plain(layout.plain, values, path);
    const unknown = this.#flexible ? this.#taggedSection(layout.tagged, values, path) : null;
    const value = this.#name("m");
    const properties = layout.members.map(({ name }) => `${name}: ${values.get(name)}`);
    this.lines.push(`const ${value} = { ${properties.join(", ")} };`);
    if (unknown !== null) {
      this.lines.push(`if (${unknown} !== null) ${value}[UNKNOWN_TAGS] = ${unknown};`);
    }
    return value;
  }

  /** Plain members: fixed-size neighbours are read under one bounds check. */
  #plain(members: readonly Member[], values: Map<string, string>, path: string): void {
    let index = 0;
    while (index < members.length) {
      let run = index;
      let size = 0;
      while (run < members.length && fixedSize(members[run]!) > 0) {
        size += fixedSize(members[run]!);
        run++;
      }
      if (run === index) {
        const member = members[index]!;
        values.set(member.name, this.#variable(member, `${path}.${member.name}`));
        index++;
        continue;
      }
      this.#need(size);
      let at = 0;
      for (; index < run; index++) {
        const member = members[index]!;
        const value = this.#name("v");
        this.lines.push(`const ${value} = ${fixedRead(member.field, at)};`);
        values.set(member.name, value);
        at += fixedSize(member);
      }
      this.lines.push(`p += ${size};`);
    }
  }

  /** Reads one value of any kind; returns its expression. */
  #value(member: Member, path: string): string {
    const size = fixedSize(member);
    if (size === 0) {
      return this.#variable(member, path);
    }
    const value = this.#name("v");
    this.#need(size);
    this.lines.push(`const ${value} = ${fixedRead(member.field, 0)};`, `p += ${size};`);
    return value;
  }

  #variable(member: Member, path: string): string {
    const { field } = member;
    if (field.kind === "struct") {
      return member.nullable ? this.#nullableStruct(field, path) : this.struct(field.fields!, path);
    }
    const value = this.#name("v");
    const length = this.#length(member);
    this.lines.push(`let ${value};`, `if (${length} < 0) {`);
    this.lines.push(
      member.nullable ? `${value} = null;` : `throw nullNotAllowed(${JSON.stringify(path)});`,
    );
    this.lines.push("} else {");
    if (field.kind === "array") {
      this.#array(member, value, length, path);
    } else {
      this.#span(field, value, length, path);
    }
    this.lines.push("}");
    return value;
  }

  #span(field: Field, value: string, length: string, path: string): void {
    if (field.kind === "string") {
      this.lines.push(
        `if (${length} > 32767) throw badLength(${JSON.stringify(path)}, ${length});`,
      );
    }
    this.lines.push(`if (${length} > end - p) throw truncated();`);
    this.lines.push(
      field.kind === "string"
        ? `${value} = readText(b, p, ${length});`
        : `${value} = b.subarray(p, p + ${length});`,
      `p += ${length};`,
    );
  }

  /** An array is made at its length: no more elements than bytes are left, nor than a message may have in all its arrays. */
  #array(member: Member, value: string, length: string, path: string): void {
    const element = memberOf(member.name, member.field.element!, this.#version, this.#flexible);
    const index = this.#name("i");
    this.lines.push(
      `if (${length} > MAX_ARRAY_ELEMENTS || ${length} > end - p) throw tooManyElements(${JSON.stringify(path)}, ${length});`,
      `elements += ${length};`,
      `if (elements > MAX_MESSAGE_ELEMENTS) throw tooManyElements(${JSON.stringify(path)}, elements);`,
      `${value} = new Array(${length});`,
      `for (let ${index} = 0; ${index} < ${length}; ${index}++) {`,
    );
    this.lines.push(`${value}[${index}] = ${this.#value(element, path)};`, "}");
  }

  #nullableStruct(field: Field, path: string): string {
    const value = this.#name("v");
    this.#need(1);
    this.lines.push(`let ${value} = null;`, "if (b[p++] < 128) {");
    this.lines.push(`${value} = ${this.struct(field.fields!, path)};`, "}");
    return value;
  }

  /** Emits the length prefix of text, bytes or an array; negative means null. */
  #length(member: Member): string {
    const length = this.#name("n");
    if (member.compact) {
      this.#varint(length);
      this.lines.push(`${length} -= 1;`);
    } else if (member.field.kind === "string") {
      this.#need(2);
      this.lines.push(`const ${length} = (b[p] << 24 | b[p + 1] << 16) >> 16;`, "p += 2;");
    } else {
      this.#need(4);
      this.lines.push(`const ${length} = ${int32At(0)};`, "p += 4;");
    }
    return length;
  }

  #taggedSection(tagged: readonly Member[], values: Map<string, string>, path: string): string {
    const count = this.#name("n");
    const unknown = this.#name("u");
    const tag = this.#name("t");
    const size = this.#name("s");
    const targets = tagged.map((member) => {
      const target = this.#name("v");
      this.lines.push(`let ${target} = ${values.get(member.name)};`);
      values.set(member.name, target);
      return target;
    });
    this.lines.push(`let ${unknown} = null;`);
    this.#varint(count);
    this.lines.push(
      `if (${count} > 0 && (elements += ${count}) > MAX_MESSAGE_ELEMENTS) throw tooManyElements(${JSON.stringify(path)}, elements);`,
    );
    this.lines.push(`for (; ${count} > 0; ${count}--) {`);
    this.#varint(tag);
    this.#varint(size);
    this.lines.push(`if (${size} < 0 || ${size} > end - p) throw truncated();`);
    this.lines.push(`switch (${tag}) {`);
    tagged.forEach((member, index) => {
      this.lines.push(`case ${member.field.options.tag}: {`);
      const value = this.#value(member, `${path}.${member.name}`);
      this.lines.push(`${targets[index]} = ${value};`, "break;", "}");
    });
    this.lines.push(
      "default:",
      `(${unknown} ??= []).push({ tag: ${tag}, data: b.subarray(p, p + ${size}) });`,
      `p += ${size};`,
      "}",
      "}",
    );
    return unknown;
  }

  #varint(name: string): void {
    this.lines.push(
      "if (p >= end) throw truncated();",
      `let ${name} = b[p++];`,
      `if (${name} > 127) { ${name} = longVarint(b, p, end, ${name}); p = cursor.position; }`,
    );
  }

  #need(size: number): void {
    this.lines.push(`if (${size} > end - p) throw truncated();`);
  }

  #constant(field: Field): string {
    const value = field.defaultValue;
    if (value === null || typeof value !== "object") {
      return JSON.stringify(value);
    }
    this.constants.push(value);
    return `d[${this.constants.length - 1}]`;
  }

  #name(prefix: string): string {
    this.#names++;
    return `${prefix}${this.#names}`;
  }
}

/** Bytes of a kind whose size never varies, else 0. */
export function fixedSize({ field }: Member): number {
  switch (field.kind) {
    case "int8":
    case "boolean":
      return 1;
    case "int16":
    case "uint16":
      return 2;
    case "int32":
    case "uint32":
      return 4;
    case "int64":
    case "float64":
      return 8;
    case "uuid":
      return 16;
    default:
      return 0;
  }
}

function fixedRead(field: Field, at: number): string {
  switch (field.kind) {
    case "int8":
      return `b[${place(at)}] << 24 >> 24`;
    case "boolean":
      return `b[${place(at)}] !== 0`;
    case "int16":
      return `(b[${place(at)}] << 24 | b[${place(at + 1)}] << 16) >> 16`;
    case "uint16":
      return `b[${place(at)}] << 8 | b[${place(at + 1)}]`;
    case "int32":
      return int32At(at);
    case "uint32":
      return `(${int32At(at)}) >>> 0`;
    case "int64":
      return `(${int32At(at)}) * 4294967296 + ((${int32At(at + 4)}) >>> 0)`;
    case "float64":
      return `b.readDoubleBE(${place(at)})`;
    default:
      return `readUuid(b, ${place(at)})`;
  }
}

function int32At(at: number): string {
  return `b[${place(at)}] << 24 | b[${place(at + 1)}] << 16 | b[${place(at + 2)}] << 8 | b[${place(at + 3)}]`;
}

function place(at: number): string {
  return at === 0 ? "p" : `p + ${at}`;
}
