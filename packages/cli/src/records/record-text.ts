/** Records as lines of text: the fields asked for with a separator between them, keys and values byte by byte as they are. */
import type { ConsumerRecord } from "@ottla/client";
import { instantText } from "../output/units.ts";

/** In the order in which they are printed; the value comes last, always. */
export const recordFields = [
  "timestamp",
  "topic",
  "partition",
  "offset",
  "headers",
  "key",
] as const;

export type RecordField = (typeof recordFields)[number];

const NEWLINE = Buffer.from("\n");
const NULL = Buffer.from("null");

/** Appends the line of a record to `chunks`. */
export function appendRecordText(
  chunks: Uint8Array[],
  record: ConsumerRecord,
  fields: ReadonlySet<RecordField>,
  separator: Buffer,
): void {
  if (fields.has("timestamp")) chunks.push(Buffer.from(instantText(record.timestampMs)), separator);
  if (fields.has("topic")) chunks.push(Buffer.from(record.topic), separator);
  if (fields.has("partition")) chunks.push(Buffer.from(String(record.partition)), separator);
  if (fields.has("offset")) chunks.push(Buffer.from(String(record.offset)), separator);
  if (fields.has("headers")) chunks.push(Buffer.from(headersText(record)), separator);
  if (fields.has("key")) chunks.push(record.key ?? NULL, separator);
  chunks.push(record.value ?? NULL, NEWLINE);
}

function headersText({ headers }: ConsumerRecord): string {
  if (headers.length === 0) return "-";
  return headers
    .map(({ key, value }) => `${key}=${value === null ? "null" : value.toString("utf8")}`)
    .join(",");
}
