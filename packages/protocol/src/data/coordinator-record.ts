/**
 * Records of coordinators (KIP-915): the key is the record type (int16) and its fields, always in version 0; the value is a version
 * (int16) and the fields of that version. A null value deletes.
 */
import { encodePrefixed, readVersion } from "../frames.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { Shape } from "../schema/fields.ts";
import { type DataInput, type DataOf, Schema } from "../schema/schema.ts";
import { NO_VERSIONS, parseVersions } from "../schema/versions.ts";

/** A kind of record; `type` numbers are never reused. */
export interface CoordinatorRecordKind<K extends Shape = Shape, V extends Shape = Shape> {
  readonly type: number;
  readonly name: string;
  readonly key: Schema<K>;
  readonly value: Schema<V>;
}

export interface CoordinatorRecordDeclaration<K extends Shape, V extends Shape> {
  readonly type: number;
  readonly name: string;
  readonly versions: string;
  readonly flexible: string;
  readonly key: K;
  readonly value: V;
}

/** Declares a kind of record; the versions are those of the value. */
export function coordinatorRecord<const K extends Shape, const V extends Shape>(
  declaration: CoordinatorRecordDeclaration<K, V>,
): CoordinatorRecordKind<K, V> {
  const { type, name } = declaration;
  return {
    type,
    name,
    key: new Schema(`${name}Key`, { min: 0, max: 0 }, NO_VERSIONS, declaration.key),
    value: new Schema(
      `${name}Value`,
      parseVersions(declaration.versions),
      parseVersions(declaration.flexible),
      declaration.value,
    ),
  };
}

export type RecordKeyOf<R> =
  R extends CoordinatorRecordKind<infer K, infer _V> ? DataOf<Schema<K>> : never;
export type RecordValueOf<R> =
  R extends CoordinatorRecordKind<infer _K, infer V> ? DataOf<Schema<V>> : never;
export type RecordValueInput<R> =
  R extends CoordinatorRecordKind<infer _K, infer V> ? DataInput<Schema<V>> : never;

/** Encodes a record's key, type first. Its value is encoded with `encodeVersioned(kind.value, …)`. */
export function encodeRecordKey<R extends CoordinatorRecordKind>(
  kind: R,
  key: RecordKeyOf<R>,
): Buffer {
  return encodePrefixed(kind.key, 0, kind.type, key);
}

/** The type of a record, from its key. @throws ProtocolError when the key is too short */
export function recordType(key: Buffer): number {
  return readVersion(key);
}

/** Reads a key of the given kind. @throws ProtocolError, also when the key is of another kind */
export function decodeRecordKey<R extends CoordinatorRecordKind>(
  kind: R,
  key: Buffer,
): RecordKeyOf<R> {
  const type = recordType(key);
  if (type !== kind.type) {
    throw new ProtocolError("malformed", `a key of type ${type} is not a ${kind.name}`);
  }
  return kind.key.codec(0).decode(key, 2, key.length) as RecordKeyOf<R>;
}
