import fc from "fast-check";
import { UNKNOWN_TAGS } from "../codec/runtime.ts";
import type { Field, Shape } from "../schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../schema/layout.ts";
import type { Schema } from "../schema/schema.ts";

/** Complete messages that `version` of the schema can carry: fields it lacks hold their default. */
export function messageArbitrary(schema: Schema, version: number): fc.Arbitrary<unknown> {
  return structArbitrary(schema.fields, version, schema.isFlexible(version));
}

function structArbitrary(shape: Shape, version: number, flexible: boolean): fc.Arbitrary<unknown> {
  const layout = layoutOf(shape, version, flexible);
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of layout.members) {
    fields[member.name] =
      member.presence === "absent"
        ? fc.constant(member.field.defaultValue)
        : fc.oneof(
            { weight: 4, arbitrary: memberArbitrary(member, version, flexible) },
            { weight: 1, arbitrary: fc.constant(legalDefault(member)) },
          );
  }
  const struct = fc.record(fields, { noNullPrototype: true });
  if (!flexible) {
    return struct;
  }
  const unknown = fc.array(
    fc.record(
      { tag: fc.integer({ min: 100, max: 2 ** 31 - 1 }), data: bufferArbitrary(20) },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 2 },
  );
  return fc.tuple(struct, fc.option(unknown, { nil: null, freq: 9 })).map(([value, tags]) => {
    if (tags !== null) {
      (value as Record<symbol, unknown>)[UNKNOWN_TAGS] = tags;
    }
    return value;
  });
}

/** The default, unless it is a null that this version forbids. */
function legalDefault({ field, nullable }: Member): unknown {
  if (field.defaultValue !== null || nullable) {
    return field.defaultValue;
  }
  return field.kind === "array" ? [] : field.kind === "string" ? "" : Buffer.alloc(0);
}

function memberArbitrary(
  member: Member,
  version: number,
  flexible: boolean,
): fc.Arbitrary<unknown> {
  const value = valueArbitrary(member.field, version, flexible);
  return member.nullable ? fc.option(value, { nil: null }) : value;
}

function valueArbitrary(field: Field, version: number, flexible: boolean): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case "boolean":
      return fc.boolean();
    case "int8":
      return fc.integer({ min: -128, max: 127 });
    case "int16":
      return fc.integer({ min: -32_768, max: 32_767 });
    case "uint16":
      return fc.integer({ min: 0, max: 65_535 });
    case "int32":
      return fc.integer();
    case "uint32":
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case "int64":
      return fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(2 ** 63, -(2 ** 63)));
    case "float64":
      return fc.double({ noNaN: true });
    case "uuid":
      return bufferArbitrary(16, 16).map((bytes) => bytes.toString("base64url"));
    case "string":
      return fc.oneof(fc.string({ maxLength: 12, unit: "binary" }), fc.constant("é".repeat(80)));
    case "bytes":
      return bufferArbitrary(40);
    case "records":
      return fc.oneof(bufferArbitrary(40), fc.constant(Buffer.alloc(3000, 5)));
    case "struct":
      return structArbitrary(field.fields!, version, flexible);
    case "array":
      return fc.array(
        memberArbitrary(memberOf("", field.element!, version, flexible), version, flexible),
        { maxLength: 3 },
      );
  }
}

function bufferArbitrary(maxLength: number, minLength = 0): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
}
