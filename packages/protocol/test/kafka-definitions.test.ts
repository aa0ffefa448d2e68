/**
 * Our schemas against Kafka's own message definitions, field by field and version by version. Needs the jars (see `jar.ts`).
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { apis } from "@ottla/protocol";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../src/data/consumer-protocol.ts";
import * as groupRecords from "../src/data/group-records.ts";
import { transactionLogRecord } from "../src/data/transaction-records.ts";
import type { Field, FieldKind, Shape } from "../src/schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../src/schema/layout.ts";
import type { Schema } from "../src/schema/schema.ts";
import { includesVersion, parseVersions, type VersionRange } from "../src/schema/versions.ts";
import { ZERO_UUID } from "../src/uuid.ts";
import { jarPath, readJar } from "./jar.ts";

interface Definition {
  readonly apiKey?: number;
  readonly name: string;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields?: readonly FieldDefinition[];
  readonly commonStructs?: readonly {
    readonly name: string;
    readonly fields: readonly FieldDefinition[];
  }[];
}

interface FieldDefinition {
  readonly name: string;
  readonly type: string;
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: unknown;
  readonly ignorable?: boolean;
  readonly flexibleVersions?: string;
  readonly fields?: readonly FieldDefinition[];
}

/** APIs between brokers and controllers, which we do not speak. */
const NOT_OURS = [52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 80, 81, 82, 83, 84, 85, 86, 87];

const definitions = new Map<string, Definition>();

before(() => {
  const artifacts = ["kafka-clients", "kafka-group-coordinator", "kafka-transaction-coordinator"];
  for (const artifact of artifacts) {
    const texts = readJar(jarPath(artifact), (name) => /^common\/message\/.*\.json$/.test(name));
    for (const text of texts.values()) {
      const definition = JSON.parse(withoutComments(text)) as Definition;
      definitions.set(definition.name, definition);
    }
  }
});

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\/.*$/gm, "").replace(/([,{}\]"])\s*\/\/[^"\n]*$/gm, "$1");
}

function definitionOf(name: string): Definition {
  const definition = definitions.get(name);
  assert.ok(definition !== undefined, `Kafka has no ${name}`);
  return definition;
}

test("every API of a broker's clients has a schema, and no other", () => {
  const keys = [...definitions.values()]
    .filter(({ name, validVersions }) => name.endsWith("Request") && validVersions !== "none")
    .map(({ apiKey }) => apiKey!)
    .filter((key) => !NOT_OURS.includes(key));
  assert.deepEqual(
    apis.map(({ key }) => key),
    keys.sort((a, b) => a - b),
  );
});

test("keys, stable versions and both directions of every API agree", () => {
  for (const api of apis) {
    const request = definitionOf(`${api.name}Request`);
    assert.equal(api.key, request.apiKey, api.name);
    const valid = parseVersions(request.validVersions);
    const stable =
      request.latestVersionUnstable === true ? { min: valid.min, max: valid.max - 1 } : valid;
    assert.deepEqual(api.versions, stable, api.name);
    compareSchema(api.request, request);
    compareSchema(api.response, definitionOf(`${api.name}Response`));
    assert.equal(api.flexibleResponseHeader, api.key !== 18, api.name);
  }
});

test("the consumer protocol agrees", () => {
  for (const schema of [consumerProtocolAssignment, consumerProtocolSubscription]) {
    compareSchema(schema, definitionOf(schema.name));
  }
});

test("the records of the coordinators agree, in type, key and value", () => {
  for (const kind of [...Object.values(groupRecords), transactionLogRecord]) {
    assert.equal(kind.type, definitionOf(`${kind.name}Key`).apiKey, kind.name);
    compareSchema(kind.key, definitionOf(`${kind.name}Key`));
    compareSchema(kind.value, definitionOf(`${kind.name}Value`));
  }
});

function compareSchema(schema: Schema, definition: Definition): void {
  const valid = parseVersions(definition.validVersions);
  assert.deepEqual(schema.versions, valid, schema.name);
  const flexible = parseVersions(definition.flexibleVersions);
  for (let version = valid.min; version <= valid.max; version++) {
    const path = `${schema.name} v${version}`;
    assert.equal(schema.isFlexible(version), includesVersion(flexible, version), path);
    const comparison = new Comparison(definition, version, schema.isFlexible(version), valid);
    comparison.shape(schema.fields, definition.fields ?? [], path);
  }
}

class Comparison {
  readonly #definition: Definition;
  readonly #version: number;
  readonly #flexible: boolean;
  readonly #valid: VersionRange;

  constructor(definition: Definition, version: number, flexible: boolean, valid: VersionRange) {
    this.#definition = definition;
    this.#version = version;
    this.#flexible = flexible;
    this.#valid = valid;
  }

  shape(shape: Shape, fields: readonly FieldDefinition[], path: string): void {
    const live = fields.filter((field) => overlaps(versionsOf(field), this.#valid));
    const { members } = layoutOf(shape, this.#version, this.#flexible);
    assert.deepEqual(
      members.map(({ name }) => name),
      live.map(({ name }) => name.charAt(0).toLowerCase() + name.slice(1)),
      path,
    );
    members.forEach((member, index) => {
      this.#member(member, live[index]!, `${path} ${member.name}`);
    });
  }

  #member(member: Member, field: FieldDefinition, path: string): void {
    const isPresent = includesVersion(versionsOf(field), this.#version);
    const isTagged = isPresent && this.#isIn(field.taggedVersions);
    const presence = isTagged ? "tagged" : isPresent ? "plain" : "absent";
    assert.equal(member.presence, presence, path);
    assert.equal(member.field.options.ignorable ?? false, field.ignorable ?? false, path);
    assert.deepEqual(member.field.defaultValue, this.#defaultOf(field), `${path} default`);
    if (!isPresent) {
      return;
    }
    if (isTagged) {
      assert.equal(member.field.options.tag, field.tag, path);
    }
    assert.equal(member.compact, this.#flexible && field.flexibleVersions !== "none", path);
    assert.equal(member.nullable, this.#isIn(field.nullableVersions), `${path} nullable`);
    this.#type(member.field, field.type, field.fields, path);
  }

  #type(
    ours: Field,
    type: string,
    fields: readonly FieldDefinition[] | undefined,
    path: string,
  ): void {
    if (type.startsWith("[]")) {
      assert.equal(ours.kind, "array", path);
      const element = memberOf("", ours.element!, this.#version, this.#flexible);
      assert.equal(element.nullable, false, path);
      this.#type(ours.element!, type.slice(2), fields, path);
    } else if (/^[A-Z]/.test(type)) {
      assert.equal(ours.kind, "struct", path);
      this.shape(ours.fields!, this.#fieldsOf(type, fields), path);
    } else {
      const kind: FieldKind = type === "bool" ? "boolean" : (type as FieldKind);
      assert.equal(ours.kind, kind, path);
    }
  }

  #fieldsOf(
    type: string,
    fields: readonly FieldDefinition[] | undefined,
  ): readonly FieldDefinition[] {
    const found =
      fields ?? this.#definition.commonStructs?.find(({ name }) => name === type)?.fields;
    assert.ok(found !== undefined, `${this.#definition.name} has no struct ${type}`);
    return found;
  }

  #defaultOf(field: FieldDefinition): unknown {
    const declared = field.default;
    if (declared === "null" || declared === null) {
      return null;
    }
    if (field.type.startsWith("[]")) {
      return [];
    }
    switch (field.type) {
      case "string":
        return declared ?? "";
      case "bool":
        return String(declared) === "true";
      case "uuid":
        return ZERO_UUID;
      case "bytes":
        return Buffer.alloc(0);
      case "records":
        return null;
      default:
        return /^[A-Z]/.test(field.type)
          ? Object.fromEntries(
              this.#fieldsOf(field.type, field.fields)
                .filter((inner) => overlaps(versionsOf(inner), this.#valid))
                .map((inner) => [
                  inner.name.charAt(0).toLowerCase() + inner.name.slice(1),
                  this.#defaultOf(inner),
                ]),
            )
          : Number(declared ?? 0);
    }
  }

  #isIn(versions: string | undefined): boolean {
    return versions !== undefined && includesVersion(parseVersions(versions), this.#version);
  }
}

/** A field that is only ever tagged may leave its versions to the tag. */
function versionsOf(field: FieldDefinition): VersionRange {
  return parseVersions(field.versions ?? field.taggedVersions!);
}

function overlaps(a: VersionRange, b: VersionRange): boolean {
  return a.min <= b.max && b.min <= a.max;
}
