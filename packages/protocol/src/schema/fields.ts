/**
 * The vocabulary in which messages are declared. A field constructor returns a plain description; TypeScript infers from it the
 * type of the decoded value and of what an encoder accepts, and `codec/` compiles it.
 */
import { ZERO_UUID } from "../uuid.ts";

export type FieldKind =
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "float64"
  | "boolean"
  | "uuid"
  | "string"
  | "bytes"
  | "records"
  | "array"
  | "struct";

/** What may be said of any field. Version ranges use Kafka's notation: "3+", "0-7", "4", "none". */
export interface FieldOptions {
  /** Versions of the message that carry the field; all of them when left out. */
  readonly versions?: string;
  /** Versions in which a nullable field may be null; all of `versions` when left out. */
  readonly nullableVersions?: string;
  /** Number in the tagged section (KIP-482), in `taggedVersions` or else in `versions`. */
  readonly tag?: number;
  readonly taggedVersions?: string;
  /** Whether a value is dropped in silence when the version lacks the field; otherwise only the default may be encoded then. */
  readonly ignorable?: boolean;
  /** "none" keeps the old length prefix in flexible versions (the client id of the request header). */
  readonly flexible?: "none";
  /** What to know about the field, for readers of the schema. */
  readonly about?: string;
}

export interface ValueOptions<T> extends FieldOptions {
  readonly default?: T;
}

/** A declared field: `Out` is what decoding yields, `In` what encoding takes, `Omittable` whether encoding may go without it. */
export interface Field<Out = unknown, In = unknown, Omittable extends boolean = boolean> {
  readonly kind: FieldKind;
  readonly nullable: boolean;
  readonly options: ValueOptions<unknown>;
  /** Kafka's default: the declared one, else zero, false, empty, or a struct of defaults. */
  readonly defaultValue: unknown;
  /** Element of an array. */
  readonly element: Field | null;
  /** Members of a struct. */
  readonly fields: Shape | null;
  /** Carries the types; never set. */
  readonly types?: { readonly out: Out; readonly in: In; readonly omittable: Omittable };
}

/** Named fields in wire order. */
export interface Shape {
  readonly [name: string]: Field;
}

type NoOptions = Record<never, never>;
type IsOmittable<O> = O extends
  | { readonly versions: string }
  | { readonly default: unknown }
  | { readonly tag: number }
  ? true
  : false;

type OutOf<F> = F extends Field<infer Out, unknown, boolean> ? Out : never;
type InOf<F> = F extends Field<unknown, infer In, boolean> ? In : never;
type OmittableKeys<S> = {
  [K in keyof S]: S[K] extends Field<unknown, unknown, infer O>
    ? O extends true
      ? K
      : never
    : never;
}[keyof S];

/** A decoded message or struct: every field present, absent ones at their default. */
export type Message<S> = { readonly [K in keyof S]: OutOf<S[K]> };

/** What an encoder takes: fields with a default, a tag or a version range of their own may be left out. */
export type MessageInput<S> = {
  readonly [K in Exclude<keyof S, OmittableKeys<S>>]: InOf<S[K]>;
} & { readonly [K in OmittableKeys<S>]?: InOf<S[K]> | undefined };

/** Record batches to send: one buffer or several, taken by reference. */
export type RecordsInput = Buffer | readonly Buffer[] | null;

function field<Out, In, Omittable extends boolean>(
  kind: FieldKind,
  nullable: boolean,
  options: ValueOptions<unknown> | undefined,
  implicitDefault: unknown,
  element: Field | null = null,
  fields: Shape | null = null,
): Field<Out, In, Omittable> {
  const declared = options?.default;
  return {
    kind,
    nullable,
    options: options ?? NO_OPTIONS,
    defaultValue: declared === undefined ? implicitDefault : declared,
    element,
    fields,
  };
}

const NO_OPTIONS: ValueOptions<unknown> = {};
const EMPTY_ARRAY: readonly never[] = Object.freeze([]);
const EMPTY_BYTES = Buffer.alloc(0);

export function int8<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("int8", false, options, 0);
}

export function int16<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("int16", false, options, 0);
}

export function uint16<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("uint16", false, options, 0);
}

export function int32<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("int32", false, options, 0);
}

export function uint32<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("uint32", false, options, 0);
}

/** A 64-bit integer as a number: beyond 2^53 it rounds, and encoding clamps to the int64 range so that Long.MAX_VALUE survives. */
export function int64<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("int64", false, options, 0);
}

export function float64<const O extends ValueOptions<number> = NoOptions>(options?: O) {
  return field<number, number, IsOmittable<O>>("float64", false, options, 0);
}

export function boolean<const O extends ValueOptions<boolean> = NoOptions>(options?: O) {
  return field<boolean, boolean, IsOmittable<O>>("boolean", false, options, false);
}

/** Sixteen bytes as 22 characters of base64url; the default is ZERO_UUID. */
export function uuid<const O extends FieldOptions = NoOptions>(options?: O) {
  return field<string, string, IsOmittable<O>>("uuid", false, options, ZERO_UUID);
}

export function string<const O extends ValueOptions<string> = NoOptions>(options?: O) {
  return field<string, string, IsOmittable<O>>("string", false, options, "");
}

export function nullableString<const O extends ValueOptions<string | null> = NoOptions>(
  options?: O,
) {
  return field<string | null, string | null, IsOmittable<O>>("string", true, options, "");
}

/** Opaque bytes. Decoding yields a view of the frame: copy what outlives it. */
export function bytes<const O extends FieldOptions = NoOptions>(options?: O) {
  return field<Buffer, Uint8Array, IsOmittable<O>>("bytes", false, options, EMPTY_BYTES);
}

export function nullableBytes<const O extends ValueOptions<null> = NoOptions>(options?: O) {
  return field<Buffer | null, Uint8Array | null, IsOmittable<O>>(
    "bytes",
    true,
    options,
    EMPTY_BYTES,
  );
}

/** Record batches. Decoding yields a view of the frame; encoding sends the given buffers by reference. */
export function records<const O extends FieldOptions = NoOptions>(options?: O) {
  return field<Buffer | null, RecordsInput, IsOmittable<O>>("records", true, options, null);
}

/** An array of a field or, given a shape, of structs. */
export function array<const E extends Field | Shape, const O extends FieldOptions = NoOptions>(
  element: E,
  options?: O,
) {
  return field<readonly ElementOut<E>[], readonly ElementIn<E>[], IsOmittable<O>>(
    "array",
    false,
    options,
    EMPTY_ARRAY,
    elementField(element),
  );
}

export function nullableArray<
  const E extends Field | Shape,
  const O extends ValueOptions<null> = NoOptions,
>(element: E, options?: O) {
  return field<readonly ElementOut<E>[] | null, readonly ElementIn<E>[] | null, IsOmittable<O>>(
    "array",
    true,
    options,
    EMPTY_ARRAY,
    elementField(element),
  );
}

/** A struct inside the message; its default is a struct of defaults. */
export function struct<const S extends Shape, const O extends FieldOptions = NoOptions>(
  fields: S,
  options?: O,
) {
  return field<Message<S>, MessageInput<S>, IsOmittable<O>>(
    "struct",
    false,
    options,
    defaultsOf(fields),
    null,
    fields,
  );
}

export function nullableStruct<
  const S extends Shape,
  const O extends ValueOptions<null> = NoOptions,
>(fields: S, options?: O) {
  return field<Message<S> | null, MessageInput<S> | null, IsOmittable<O>>(
    "struct",
    true,
    options,
    defaultsOf(fields),
    null,
    fields,
  );
}

/** The struct in which every field holds its default. */
export function defaultsOf(fields: Shape): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    value[name] = fields[name]!.defaultValue;
  }
  return Object.freeze(value);
}

type ElementOut<E> =
  E extends Field<infer Out, unknown, boolean> ? Out : E extends Shape ? Message<E> : never;
type ElementIn<E> =
  E extends Field<unknown, infer In, boolean> ? In : E extends Shape ? MessageInput<E> : never;

function elementField(element: Field | Shape): Field {
  return isField(element) ? element : struct(element);
}

/** A shape may itself have a field called "kind"; only in a field is it text. */
function isField(value: Field | Shape): value is Field {
  return typeof value.kind === "string";
}
