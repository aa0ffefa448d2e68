import type { Codec } from "../codec/compile.ts";
import { compileCodec } from "../codec/compile.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { Message, MessageInput, Shape } from "./fields.ts";
import { includesVersion, parseVersions, type VersionRange } from "./versions.ts";

/**
 * A versioned message: half of an API, or data that is stored or carried inside another message (the consumer protocol,
 * the records of the coordinators). Compiles the codec of a version when it is first used.
 */
export class Schema<S extends Shape = Shape> {
  readonly name: string;
  readonly fields: S;
  /** Every version the schema describes, unstable ones included. */
  readonly versions: VersionRange;
  readonly #flexible: VersionRange;
  readonly #codecs: (Codec | undefined)[] = [];

  constructor(name: string, versions: VersionRange, flexible: VersionRange, fields: S) {
    this.name = name;
    this.versions = versions;
    this.#flexible = flexible;
    this.fields = fields;
  }

  /** Whether `version` uses varint lengths and tagged fields (KIP-482). Asked of versions beyond the known ones too. */
  isFlexible(version: number): boolean {
    return includesVersion(this.#flexible, version);
  }

  /** @throws ProtocolError when the schema does not describe `version`. */
  codec(version: number): Codec {
    return this.#codecs[version] ?? this.#compile(version);
  }

  #compile(version: number): Codec {
    if (!Number.isInteger(version) || !includesVersion(this.versions, version)) {
      throw new ProtocolError("unsupportedVersion", `${this.name} has no version ${version}`);
    }
    const codec = compileCodec(this.name, this.fields, version, this.isFlexible(version));
    this.#codecs[version] = codec;
    return codec;
  }
}

/** An API of the protocol: its key, its versions and both directions. */
export interface Api<Q extends Shape = Shape, R extends Shape = Shape> {
  readonly key: number;
  readonly name: string;
  /** Stable versions: what a broker may advertise and a client may choose. */
  readonly versions: VersionRange;
  readonly request: Schema<Q>;
  readonly response: Schema<R>;
  /** Whether responses carry a tagged section in their header in flexible versions; ApiVersions alone does not. */
  readonly flexibleResponseHeader: boolean;
}

export interface ApiDeclaration<Q extends Shape, R extends Shape> {
  readonly key: number;
  readonly name: string;
  readonly versions: string;
  readonly flexible: string;
  /** Versions that the codec knows but nobody should use yet. */
  readonly unstableVersions?: string;
  readonly flexibleResponseHeader?: boolean;
  readonly request: Q;
  readonly response: R;
}

/** Declares an API. */
export function api<const Q extends Shape, const R extends Shape>(
  declaration: ApiDeclaration<Q, R>,
): Api<Q, R> {
  const { key, name, unstableVersions } = declaration;
  const versions = parseVersions(declaration.versions);
  const flexible = parseVersions(declaration.flexible);
  const known =
    unstableVersions === undefined
      ? versions
      : { min: versions.min, max: parseVersions(unstableVersions).max };
  return {
    key,
    name,
    versions,
    request: new Schema(`${name}Request`, known, flexible, declaration.request),
    response: new Schema(`${name}Response`, known, flexible, declaration.response),
    flexibleResponseHeader: declaration.flexibleResponseHeader ?? true,
  };
}

export interface DataDeclaration<S extends Shape> {
  readonly name: string;
  readonly versions: string;
  readonly flexible: string;
  readonly fields: S;
}

/** Declares versioned data that is not a request or response. */
export function data<const S extends Shape>(declaration: DataDeclaration<S>): Schema<S> {
  return new Schema(
    declaration.name,
    parseVersions(declaration.versions),
    parseVersions(declaration.flexible),
    declaration.fields,
  );
}

/** A decoded request of the API: every field present. */
export type RequestOf<A> = A extends Api<infer Q, infer _R> ? Message<Q> : never;
/** A decoded response of the API: every field present. */
export type ResponseOf<A> = A extends Api<infer _Q, infer R> ? Message<R> : never;
/** What encoding a request takes: fields with a default or a version range of their own may be left out. */
export type RequestInput<A> = A extends Api<infer Q, infer _R> ? MessageInput<Q> : never;
/** What encoding a response takes: fields with a default or a version range of their own may be left out. */
export type ResponseInput<A> = A extends Api<infer _Q, infer R> ? MessageInput<R> : never;
/** A decoded value of a data schema. */
export type DataOf<D> = D extends Schema<infer S> ? Message<S> : never;
/** What encoding a value of a data schema takes. */
export type DataInput<D> = D extends Schema<infer S> ? MessageInput<S> : never;
