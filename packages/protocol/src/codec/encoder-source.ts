/**
 * Writes the source of an encoder: `size(m)` measures a message, `write(m, b, p)` writes it into a buffer of that size. Both walk
 * the message in the same order, and the first leaves in `L` what it had to compute (sizes of texts, records and tagged fields)
 * for the second to take up. Records of some size are not written but handed to `state.splice` with their place.
 */
import type { Field, Shape } from "../schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../schema/layout.ts";
import { fixedSize } from "./decoder-source.ts";

export class EncoderSource {
  readonly sizeLines: string[] = [];
  readonly writeLines: string[] = [];
  /** Fields and default values the code refers to as `d[index]`. */
  readonly constants: unknown[] = [];
  readonly #version: number;
  readonly #flexible: boolean;
  #names = 0;
  /** Constant bytes not yet added to the size. */
  #pending = 0;

  constructor(version: number, flexible: boolean) {
    this.#version = version;
    this.#flexible = flexible;
  }

  /** Adds what is still pending; call once at the end. */
  finish(): void {
    this.#flush();
  }

  /** Emits the passes over the struct that expression `m` names. */
  struct(shape: Shape, m: string, path: string): void {
    const layout = layoutOf(shape, this.#version, this.#flexible);
    for (const member of layout.members) {
      if (member.presence === "absent" && member.field.options.ignorable !== true) {
        this.#refuseUnlessDefault(member, `${m}.${member.name}`, `${path}.${member.name}`);
      }
    }
    for (const member of layout.plain) {
      this.#value(member, this.#read(member, m), `${path}.${member.name}`);
    }
    if (this.#flexible) {
      this.#taggedSection(layout.tagged, m, path);
    }
  }

  /** Emits `const x = m.name`, with undefined read as the default, in both passes. */
  #read(member: Member, m: string): string {
    const value = this.#name("v");
    const line = `let ${value} = ${m}.${member.name}; if (${value} === undefined) ${value} = ${this.#literal(member.field.defaultValue)};`;
    this.sizeLines.push(line);
    this.writeLines.push(line);
    return value;
  }

  #value(member: Member, v: string, path: string): void {
    const { field } = member;
    const size = fixedSize(member);
    if (size > 0) {
      this.#pending += size;
      this.writeLines.push(...fixedWrite(field, v), `p += ${size};`);
      return;
    }
    if (field.kind === "struct") {
      this.#struct(member, v, path);
      return;
    }
    this.#ifNull(member, v, path);
    switch (field.kind) {
      case "string":
        this.#text(member, v, path);
        break;
      case "bytes":
        this.#bytes(member, v);
        break;
      case "records":
        this.#records(member, v);
        break;
      default:
        this.#array(member, v, path);
    }
    this.#end("}");
  }

  /** Opens the branch for null and leaves the one for a value open. */
  #ifNull(member: Member, v: string, path: string): void {
    this.#flush();
    if (!member.nullable) {
      this.sizeLines.push(
        `if (${v} === null) { throw nullNotAllowed(${JSON.stringify(path)}); } else {`,
      );
      this.writeLines.push("{");
      return;
    }
    const width = member.compact ? 1 : member.field.kind === "string" ? 2 : 4;
    this.sizeLines.push(`if (${v} === null) { n += ${width}; } else {`);
    this.writeLines.push(`if (${v} === null) {`);
    if (member.compact) {
      this.writeLines.push("b[p++] = 0;");
    } else {
      this.writeLines.push(...Array.from({ length: width }, () => "b[p++] = 255;"));
    }
    this.writeLines.push("} else {");
  }

  #struct(member: Member, v: string, path: string): void {
    if (!member.nullable) {
      this.#flush();
      this.sizeLines.push(`if (${v} === null) throw nullNotAllowed(${JSON.stringify(path)});`);
      this.struct(member.field.fields!, v, path);
      return;
    }
    this.#pending += 1;
    this.#flush();
    this.sizeLines.push(`if (${v} !== null) {`);
    this.writeLines.push(`if (${v} === null) { b[p++] = 255; } else { b[p++] = 1;`);
    this.struct(member.field.fields!, v, path);
    this.#end("}");
  }

  #text(member: Member, v: string, path: string): void {
    const length = this.#name("l");
    this.sizeLines.push(
      `const ${length} = textSize(${v});`,
      `if (${length} > 32767) throw badLength(${JSON.stringify(path)}, ${length});`,
      `L[i++] = ${length};`,
      member.compact ? `n += ${length} + varintSize(${length} + 1);` : `n += ${length} + 2;`,
    );
    this.writeLines.push(`const ${length} = L[i++];`);
    this.#writeLength(member, length);
    this.writeLines.push(`writeText(b, p, ${v}, ${length});`, `p += ${length};`);
  }

  #bytes(member: Member, v: string): void {
    const length = this.#name("l");
    this.sizeLines.push(
      `const ${length} = ${v}.length;`,
      member.compact ? `n += ${length} + varintSize(${length} + 1);` : `n += ${length} + 4;`,
    );
    this.writeLines.push(`const ${length} = ${v}.length;`);
    this.#writeLength(member, length);
    this.writeLines.push(`b.set(${v}, p);`, `p += ${length};`);
  }

  #records(member: Member, v: string): void {
    const length = this.#name("l");
    this.sizeLines.push(
      `const ${length} = recordsSize(${v});`,
      `L[i++] = ${length};`,
      member.compact ? `n += varintSize(${length} + 1);` : "n += 4;",
      `if (${length} > SPLICE_MIN_BYTES) state.splicedBytes += ${length}; else n += ${length};`,
    );
    this.writeLines.push(`const ${length} = L[i++];`);
    this.#writeLength(member, length);
    this.writeLines.push(
      `if (${length} > SPLICE_MIN_BYTES) state.splice(p, ${v}); else { copyRecords(b, p, ${v}); p += ${length}; }`,
    );
  }

  #array(member: Member, v: string, path: string): void {
    const element = memberOf(member.name, member.field.element!, this.#version, this.#flexible);
    const length = this.#name("l");
    const index = this.#name("i");
    const item = this.#name("v");
    const elementSize = fixedSize(element);
    this.sizeLines.push(
      `const ${length} = ${v}.length;`,
      member.compact ? `n += varintSize(${length} + 1);` : "n += 4;",
    );
    this.writeLines.push(`const ${length} = ${v}.length;`);
    this.#writeLength(member, length);
    const loop = `for (let ${index} = 0; ${index} < ${length}; ${index}++) { const ${item} = ${v}[${index}];`;
    this.writeLines.push(loop);
    if (elementSize > 0) {
      this.sizeLines.push(`n += ${elementSize} * ${length};`);
      this.writeLines.push(...fixedWrite(element.field, item), `p += ${elementSize};`, "}");
      return;
    }
    this.sizeLines.push(loop);
    this.#value(element, item, path);
    this.#end("}");
  }

  #taggedSection(tagged: readonly Member[], m: string, path: string): void {
    this.#flush();
    const count = this.#name("c");
    const unknown = this.#name("u");
    const slot = this.#name("s");
    this.sizeLines.push(`let ${count} = 0; const ${slot} = i++;`);
    this.writeLines.push(`p = writeVarint(b, p, L[i++]);`);
    for (const member of tagged) {
      this.#taggedField(member, m, count, `${path}.${member.name}`);
    }
    const loop = `for (const x of ${unknown}) {`;
    this.sizeLines.push(
      `const ${unknown} = ${m}[UNKNOWN_TAGS];`,
      `if (${unknown} !== undefined) {`,
      `${count} += ${unknown}.length;`,
      `${loop} n += varintSize(x.tag) + varintSize(x.data.length) + x.data.length; }`,
      "}",
      `L[${slot}] = ${count}; n += varintSize(${count});`,
    );
    this.writeLines.push(
      `const ${unknown} = ${m}[UNKNOWN_TAGS];`,
      `if (${unknown} !== undefined) { ${loop}`,
      "p = writeVarint(b, p, x.tag); p = writeVarint(b, p, x.data.length);",
      "b.set(x.data, p); p += x.data.length;",
      "} }",
    );
  }

  /** A tagged field is written only when it differs from its default; its size goes before it, so the first pass leaves it in a slot. */
  #taggedField(member: Member, m: string, count: string, path: string): void {
    const tag = member.field.options.tag!;
    const slot = this.#name("s");
    const before = this.#name("n");
    const value = this.#name("v");
    const read = `const ${value} = ${m}.${member.name};`;
    this.sizeLines.push(
      read,
      `const ${slot} = i++;`,
      `if (${this.#isDefault(member.field, value)}) { L[${slot}] = -1; } else {`,
      `const ${before} = n; ${count}++;`,
    );
    this.writeLines.push(
      read,
      `const ${slot} = L[i++];`,
      `if (${slot} >= 0) {`,
      `p = writeVarint(b, p, ${tag}); p = writeVarint(b, p, ${slot});`,
    );
    this.#value(member, value, path);
    this.#flush();
    this.sizeLines.push(
      `L[${slot}] = n - ${before}; n += varintSize(${tag}) + varintSize(n - ${before});`,
      "}",
    );
    this.writeLines.push("}");
  }

  #refuseUnlessDefault(member: Member, value: string, path: string): void {
    this.sizeLines.push(
      `if (${value} !== undefined && !(${this.#isDefault(member.field, value)})) throw cannotEncode(${JSON.stringify(path)}, ${this.#version});`,
    );
  }

  #isDefault(field: Field, value: string): string {
    const fallback = field.defaultValue;
    if (fallback === null || typeof fallback !== "object") {
      return `${value} === undefined || ${value} === ${JSON.stringify(fallback)}`;
    }
    return `${value} === undefined || isDefault(${this.#literal(field)}, ${value})`;
  }

  #writeLength(member: Member, length: string): void {
    if (member.compact) {
      this.writeLines.push(
        `if (${length} < 127) b[p++] = ${length} + 1; else p = writeVarint(b, p, ${length} + 1);`,
      );
    } else if (member.field.kind === "string") {
      this.writeLines.push(`b[p] = ${length} >> 8; b[p + 1] = ${length}; p += 2;`);
    } else {
      this.writeLines.push(...int32Write(length), "p += 4;");
    }
  }

  #end(text: string): void {
    this.#flush();
    this.sizeLines.push(text);
    this.writeLines.push(text);
  }

  #flush(): void {
    if (this.#pending > 0) {
      this.sizeLines.push(`n += ${this.#pending};`);
      this.#pending = 0;
    }
  }

  #literal(value: unknown): string {
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

function fixedWrite(field: Field, v: string): readonly string[] {
  switch (field.kind) {
    case "int8":
      return [`b[p] = ${v};`];
    case "boolean":
      return [`b[p] = ${v} ? 1 : 0;`];
    case "int16":
    case "uint16":
      return [`b[p] = ${v} >> 8; b[p + 1] = ${v};`];
    case "int32":
    case "uint32":
      return int32Write(v);
    case "int64":
      return [`writeInt64(b, p, ${v});`];
    case "float64":
      return [`b.writeDoubleBE(${v}, p);`];
    default:
      return [`writeUuid(b, p, ${v});`];
  }
}

function int32Write(v: string): readonly string[] {
  return [`b[p] = ${v} >> 24; b[p + 1] = ${v} >> 16; b[p + 2] = ${v} >> 8; b[p + 3] = ${v};`];
}
