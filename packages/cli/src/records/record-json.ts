/**
 * Records as JSON, one object a line. `consume --output json` writes what `produce --input json` reads:
 *
 *   {"topic":"orders","partition":0,"offset":17,"timestampMs":1769853600000,"key":"a","value":"b","headers":[{"key":"h","value":"v"}]}
 *
 * Keys, values and header values are strings when their bytes are UTF-8, else `{"base64":"…"}`, or null. Reading needs none of the
 * fields, ignores `topic` and `offset`, and takes any other JSON as a value: its text is what is sent, with numbers to the last digit.
 */
import { isUtf8 } from "node:buffer";
import type { ConsumerRecord, ProducerRecord } from "@ottla/client";

/** A number that JavaScript may write in another way: with a fraction, an exponent or many digits, or −0. May be found in a string, too. */
const DELICATE_NUMBER = /[:[,]\s*(?:-?\d+[.eE]|-?\d{16}|-0)/;
/** Either alphabet, with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

type JsonBytes = string | { readonly base64: string } | null;

export function recordToJson(record: ConsumerRecord): string {
  const { topic, partition, offset, timestampMs } = record;
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestampMs,
    key: toJson(record.key),
    value: toJson(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: toJson(value) })),
  });
}

function toJson(bytes: Buffer | null): JsonBytes {
  if (bytes === null) return null;
  return isUtf8(bytes) ? bytes.toString("utf8") : { base64: bytes.toString("base64") };
}

/** Thrown for a line that is not a record; the message completes "line 3 …". */
export class InvalidRecord extends Error {
  override readonly name = "InvalidRecord";
}

export type PlainRecord = Omit<ProducerRecord, "topic">;

/** @throws {InvalidRecord} */
export function recordFromJson(line: string): PlainRecord {
  let json: unknown;
  try {
    // Looking at every member takes six times as long.
    json = DELICATE_NUMBER.test(line) ? JSON.parse(line, exactly) : JSON.parse(line);
  } catch (error) {
    throw new InvalidRecord(`is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(json)) throw new InvalidRecord("is not a JSON object");
  const { partition, timestampMs } = json;
  return {
    key: fromJson(json.key),
    value: fromJson(json.value),
    ...(partition === undefined ? {} : { partition: whole(partition, "partition") }),
    ...(timestampMs === undefined || timestampMs === -1
      ? {}
      : { timestampMs: whole(timestampMs, "timestampMs") }),
    ...(json.headers === undefined ? {} : { headers: headersFromJson(json.headers) }),
  };
}

/** A number that JavaScript would write in another way stays its text. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return JSON.rawJSON(source);
}

function headersFromJson(json: unknown) {
  if (!Array.isArray(json)) throw new InvalidRecord('has "headers" that are not a list');
  return json.map((header: unknown) => {
    if (!isObject(header) || typeof header.key !== "string") {
      throw new InvalidRecord("has a header without a key");
    }
    return { key: header.key, value: fromJson(header.value) };
  });
}

function fromJson(json: unknown): string | Uint8Array | null {
  if (json === undefined || json === null) return null;
  if (typeof json === "string") return json;
  if (isObject(json) && typeof json.base64 === "string" && Object.keys(json).length === 1) {
    return fromBase64(json.base64);
  }
  return JSON.stringify(json);
}

/** Node would skip what does not belong. */
function fromBase64(text: string): Uint8Array {
  const isPadded = text.endsWith("=");
  const digits = isPadded ? text.indexOf("=") : text.length;
  if (!BASE64.test(text) || digits % 4 === 1 || (isPadded && text.length % 4 !== 0)) {
    throw new InvalidRecord('has a "base64" that is not base64');
  }
  return Buffer.from(text, "base64");
}

function whole(json: unknown, name: string): number {
  const number = JSON.isRawJSON(json) ? Number(JSON.stringify(json)) : json;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw new InvalidRecord(`has a "${name}" that is not a whole number`);
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json) && !JSON.isRawJSON(json);
}
