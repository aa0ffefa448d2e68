/** What Kafka's own classes wrote (see `golden/Goldens.java`) against what we write and read. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  apiByKey,
  apis,
  BatchBuilder,
  type BatchOptions,
  BatchWalker,
  buildEndMarker,
  type CompressionType,
  compressionTypes,
  decodeData,
  decodeRequestHeader,
  ERROR_NAMES,
  encodeData,
  encodeRequest,
  encodeResponse,
  errorCode,
  isBatchCrcValid,
  isRetriable,
  RecordCursor,
  readControlRecord,
  type Schema,
} from "@ottla/protocol";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../src/data/consumer-protocol.ts";
import * as groupRecords from "../src/data/group-records.ts";
import { transactionLogRecord } from "../src/data/transaction-records.ts";
import type { Field, Shape } from "../src/schema/fields.ts";
import { layoutOf, type Member, memberOf } from "../src/schema/layout.ts";

const GOLDEN = join(import.meta.dirname, "golden");

/** The lines of a golden, cut at spaces; comments left out. */
function golden(name: string): string[][] {
  const lines = readFileSync(join(GOLDEN, name), "utf8").split("\n");
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));
}

/** The rule by which Goldens.java fills messages: every value follows from the name of its field. */
class Filler {
  readonly #version: number;
  readonly #flexible: boolean;
  readonly #isFull: boolean;

  constructor(version: number, flexible: boolean, isFull: boolean) {
    this.#version = version;
    this.#flexible = flexible;
    this.#isFull = isFull;
  }

  struct(shape: Shape): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const member of layoutOf(shape, this.#version, this.#flexible).members) {
      const isFilled =
        member.presence === "plain" || (member.presence === "tagged" && this.#isFull);
      value[member.name] = isFilled
        ? this.#value(member, member.name.toLowerCase(), 0)
        : member.field.defaultValue;
    }
    return value;
  }

  #value({ field, nullable }: Member, name: string, index: number): unknown {
    if (!this.#isFull && nullable) {
      return null;
    }
    if (field.kind === "struct") {
      return this.struct(field.fields!);
    }
    if (field.kind === "array") {
      return this.#isFull ? this.#array(field, name) : [];
    }
    return scalar(field, name, index);
  }

  /** Two elements. */
  #array(field: Field, name: string): readonly unknown[] {
    const element = memberOf("", field.element!, this.#version, this.#flexible);
    return [0, 1].map((index) => this.#value(element, name, index));
  }
}

function scalar(field: Field, name: string, index: number): unknown {
  let hash = index;
  for (const character of name) {
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) & 0x3fff_ffff;
  }
  switch (field.kind) {
    case "boolean":
      return hash % 2 === 0;
    case "int8":
      return hash % 100;
    case "int16":
      return hash % 30_000;
    case "uint16":
      return hash % 60_000;
    case "int64":
      return hash * 4096 + 1;
    case "float64":
      return hash / 8;
    case "string":
      return `${name}${index}`;
    case "uuid": {
      const bytes = Buffer.alloc(16);
      bytes.writeBigInt64BE(BigInt(hash));
      bytes.writeBigInt64BE(BigInt(hash + 1), 8);
      return bytes.toString("base64url");
    }
    case "bytes":
      return Buffer.from([hash & 0xff, 1, 2]);
    case "records":
      return Buffer.from([hash & 0xff, 3, 4, 5]);
    default:
      return hash;
  }
}

const schemas = new Map<string, Schema>(
  [
    ...apis.flatMap(({ request, response }) => [request, response]),
    consumerProtocolAssignment,
    consumerProtocolSubscription,
    ...[...Object.values(groupRecords), transactionLogRecord].flatMap(({ key, value }) => [
      key,
      value,
    ]),
  ].map((schema) => [schema.name, schema]),
);

test("every message of every version has the bytes that Kafka writes, and reads back from them", () => {
  const seen = new Set<string>();
  for (const file of readdirSync(join(GOLDEN, "messages"))) {
    for (const [name, version, content, hex] of golden(join("messages", file))) {
      const schema = schemas.get(name!);
      assert.ok(schema !== undefined, `no schema for ${name}`);
      const label = `${name} v${version} ${content}`;
      const at = Number(version);
      const message = new Filler(at, schema.isFlexible(at), content === "full").struct(
        schema.fields,
      );
      assert.equal(encodeData(schema, at, message as never).toString("hex"), hex ?? "", label);
      assert.deepEqual(decodeData(schema, at, Buffer.from(hex ?? "", "hex")), message, label);
      seen.add(`${name} ${version}`);
    }
  }
  for (const { name, versions } of schemas.values()) {
    for (let version = versions.min; version <= versions.max; version++) {
      assert.ok(seen.has(`${name} ${version}`), `no golden of ${name} v${version}`);
    }
  }
});

test("headers of requests and responses have the versions and bytes that Kafka gives them", () => {
  for (const [key, version, , responseHeader, hex] of golden("headers.txt")) {
    const api = apiByKey(Number(key))!;
    const at = Number(version);
    const label = `${api.name} v${version}`;
    const fill = (schema: Schema) =>
      new Filler(at, schema.isFlexible(at), false).struct(schema.fields) as never;
    const envelope = { correlationId: 77, clientId: "cliént" };
    const request = Buffer.concat(encodeRequest(api, at, envelope, fill(api.request))).subarray(4);
    const header = Buffer.from(hex!, "hex");
    assert.deepEqual(request.subarray(0, header.length), header, label);
    assert.deepEqual(
      { ...decodeRequestHeader(request, apiByKey) },
      { apiKey: api.key, apiVersion: at, ...envelope, bodyOffset: header.length },
      label,
    );
    const body = fill(api.response);
    const size =
      Buffer.concat(encodeResponse(api, at, 77, body)).length -
      encodeData(api.response, at, body).length;
    assert.equal(size, 8 + Number(responseHeader), label);
  }
});

test("names, codes and retriability of all errors are Kafka's", () => {
  assert.deepEqual(
    ERROR_NAMES.map((name) => [String(errorCode(name)), name, String(isRetriable(name))]),
    golden("errors.txt"),
  );
});

interface PlainRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly string[];
}

function read(batch: Buffer): PlainRecord[] {
  const cursor = new RecordCursor();
  const records: PlainRecord[] = [];
  cursor.start(batch);
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: cursor.key()?.toString() ?? null,
      value: cursor.value()?.toString() ?? null,
      headers: cursor.headers().map(({ key, value }) => `${key}=${value?.toString("hex")}`),
    });
  }
  return records;
}

/** The forty records of the goldens. */
function expectedRecords(): PlainRecord[] {
  return Array.from({ length: 40 }, (_, i) => ({
    offset: 1000 + i,
    timestampMs: 1_700_000_000_000 + i * 37 - (i % 5) * 100,
    key: i % 3 === 0 ? null : `key-${i}`,
    value: i % 7 === 6 ? null : `value ${i} `.repeat(i),
    headers: i % 10 === 9 ? ["hé=0102", "none=undefined"] : [],
  }));
}

const batches = new Map(
  golden("batches.txt").map(([name, hex]) => [name!, Buffer.from(hex!, "hex")]),
);

function options(compression: CompressionType): BatchOptions {
  return {
    compression,
    baseOffset: 1000,
    partitionLeaderEpoch: 6,
    producerId: 4711,
    producerEpoch: 3,
    baseSequence: 15,
    isTransactional: true,
  };
}

for (const compression of compressionTypes) {
  test(`Kafka's ${compression} batch reads as what was written into it`, () => {
    const batch = batches.get(compression)!;
    const walker = new BatchWalker(batch);
    assert.ok(walker.next());
    assert.equal(walker.size, batch.length);
    assert.ok(isBatchCrcValid(batch, 0));
    assert.deepEqual(read(batch), expectedRecords());
  });
}

test("our batch without compression has Kafka's bytes", () => {
  const builder = new BatchBuilder(options("none"));
  for (const { timestampMs, key, value, headers } of expectedRecords()) {
    const list = [
      { key: "hé", value: Buffer.from([1, 2]) },
      { key: "none", value: null },
    ];
    builder.append(timestampMs, key, value, headers.length > 0 ? list : []);
  }
  assert.equal(builder.build().toString("hex"), batches.get("none")!.toString("hex"));
});

test("a batch with append time has Kafka's bytes", () => {
  const builder = new BatchBuilder({
    baseOffset: 1000,
    partitionLeaderEpoch: 6,
    logAppendTimeMs: 1_800_000_000_000,
  });
  builder.append(5, "k", "v");
  builder.append(6, null, null);
  const batch = batches.get("append-time")!;
  assert.equal(builder.build().toString("hex"), batch.toString("hex"));
  assert.ok(read(batch).every(({ timestampMs }) => timestampMs === 1_800_000_000_000));
});

for (const name of ["snappy-large", "lz4-large"]) {
  test(`${name}: Kafka's blocks join to the whole value`, () => {
    const cursor = new RecordCursor();
    cursor.start(batches.get(name)!);
    assert.ok(cursor.next());
    const expected = Buffer.from(
      Array.from({ length: 100_000 }, (_, i) => (i % 251) * Math.floor(i / 1000)),
    );
    assert.ok(cursor.value()!.equals(expected));
  });
}

test("TX9: end markers have Kafka's bytes", () => {
  for (const type of ["abort", "commit"] as const) {
    const batch = batches.get(type)!;
    assert.deepEqual(readControlRecord(batch), { type, coordinatorEpoch: 9 });
    const ours = buildEndMarker({
      type,
      producerId: 67,
      producerEpoch: 8,
      coordinatorEpoch: 9,
      timestampMs: 34,
    });
    ours.writeBigInt64BE(12n, 0);
    ours.writeInt32BE(5, 12);
    assert.equal(ours.toString("hex"), batch.toString("hex"));
  }
});
