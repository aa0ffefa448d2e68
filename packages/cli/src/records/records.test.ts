import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsumerRecord } from "@ottla/client";
import fc from "fast-check";
import { readLines } from "./line-reader.ts";
import { InvalidRecord, recordFromJson, recordToJson } from "./record-json.ts";
import { appendRecordText, recordFields } from "./record-text.ts";

const bytes = fc.oneof(
  fc.constant(null),
  fc.string().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
);

const consumed: fc.Arbitrary<ConsumerRecord> = fc.record({
  topic: fc.constant("orders"),
  partition: fc.nat(),
  offset: fc.nat(),
  timestampMs: fc.nat(),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string(), value: bytes }, { noNullPrototype: true }), {
    maxLength: 3,
  }),
}) as unknown as fc.Arbitrary<ConsumerRecord>;

test("what consume prints as JSON is what produce reads", () => {
  const asBytes = (value: unknown) =>
    value === null ? null : Buffer.from(value as string | Uint8Array);
  fc.assert(
    fc.property(consumed, (record) => {
      const line = recordToJson(record);
      assert.ok(!line.includes("\n"));
      const read = recordFromJson(line);
      assert.deepEqual(asBytes(read.key), record.key);
      assert.deepEqual(asBytes(read.value), record.value);
      assert.equal(read.partition, record.partition);
      assert.equal(read.timestampMs, record.timestampMs);
      assert.deepEqual(
        read.headers?.map(({ key, value }) => ({ key, value: asBytes(value) })),
        record.headers,
      );
    }),
  );
});

test("JSON that is no text is sent as its text, and a record needs no field at all", () => {
  assert.deepEqual(recordFromJson('{"value":{"id":1},"key":7}'), { key: "7", value: '{"id":1}' });
  assert.deepEqual(recordFromJson("{}"), { key: null, value: null });
  assert.deepEqual(recordFromJson('{"timestampMs":-1}'), { key: null, value: null });
});

test("numbers are sent to the last digit", () => {
  const numbers = [
    "9007199254740993",
    "12345678901234567890",
    "1.0",
    "-0",
    "1e3",
    "1E400",
    "0.1000000000000000055511151231257827",
    "-7",
  ];
  for (const number of numbers) {
    assert.equal(recordFromJson(`{"value":${number}}`).value, number);
    assert.equal(
      recordFromJson(`{"value": [${number}, ${number}]}`).value,
      `[${number},${number}]`,
    );
    const nested = `{"a":{"b":${number},"c":"${number}"}}`;
    const record = recordFromJson(`{"key":${nested},"headers":[{"key":"h","value":${nested}}]}`);
    assert.equal(record.key, nested);
    assert.deepEqual(record.headers, [{ key: "h", value: nested }]);
  }
  assert.equal(recordFromJson('{"partition":1.0}').partition, 1);
  assert.equal(recordFromJson('{"timestampMs":1.7e12}').timestampMs, 1_700_000_000_000);
});

test("bytes are taken in either alphabet of base64, with or without padding", () => {
  for (const base64 of ["", "/+8=", "_-8", "/+8", "AA==", "AA", "AAAA"]) {
    const { value } = recordFromJson(JSON.stringify({ value: { base64 } }));
    assert.deepEqual(value, Buffer.from(base64, "base64"));
  }
});

test("lines that are no records say why", () => {
  const cases = [
    ["{", /is not JSON/],
    ["[]", /is not a JSON object/],
    ['"x"', /is not a JSON object/],
    ['{"partition":-1}', /"partition" that is not a whole number/],
    ['{"timestampMs":"now"}', /"timestampMs" that is not a whole number/],
    ['{"headers":{}}', /not a list/],
    ['{"headers":[{"value":"x"}]}', /a header without a key/],
    ["12345678901234567890", /is not a JSON object/],
    ['{"partition":0.5}', /"partition" that is not a whole number/],
    ['{"timestampMs":9007199254740993}', /"timestampMs" that is not a whole number/],
    ...["%%%%", "AA A", "A", "AAAAA", "AA=", "A===", "=", "AA=A"].map(
      (base64) => [JSON.stringify({ value: { base64 } }), /"base64" that is not base64/] as const,
    ),
  ] as const;
  for (const [line, message] of cases) {
    assert.throws(
      () => recordFromJson(line),
      (error: unknown) => error instanceof InvalidRecord && message.test(error.message),
      line,
    );
  }
});

test("text has the fields asked for in their order, and values byte by byte", () => {
  const record = {
    topic: "orders",
    partition: 1,
    offset: 42,
    timestampMs: 0,
    key: null,
    value: Buffer.from([0xff, 0x00]),
    headers: [
      { key: "a", value: Buffer.from("1") },
      { key: "b", value: null },
    ],
  } as unknown as ConsumerRecord;
  const line = (...fields: readonly (typeof recordFields)[number][]) => {
    const chunks: Uint8Array[] = [];
    appendRecordText(chunks, record, new Set(fields), Buffer.from("|"));
    return Buffer.concat(chunks);
  };
  assert.deepEqual(line(), Buffer.from([0xff, 0x00, 0x0a]));
  assert.equal(line("key", "offset").toString("latin1"), "42|null|\u00ff\u0000\n");
  assert.match(
    line(...recordFields).toString("latin1"),
    /^1970-01-01T00:00:00\.000Z\|orders\|1\|42\|a=1,b=null\|null\|/,
  );
});

test("lines are the same however the bytes are cut into chunks", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\n", "\r", "ä", " "), maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(60), { maxLength: 6 }), async (whole, cuts) => {
      const input = Buffer.from(whole);
      const edges = [0, ...cuts.map((cut) => Math.min(cut, input.length)), input.length];
      edges.sort((a, b) => a - b);
      async function* chunks() {
        for (let i = 1; i < edges.length; i++) yield input.subarray(edges[i - 1]!, edges[i]!);
      }
      const lines: string[] = [];
      for await (const some of readLines(chunks())) {
        for (const line of some) lines.push(line.toString("utf8"));
      }
      const expected = whole.split("\n");
      if (expected.at(-1) === "") expected.pop();
      assert.deepEqual(
        lines,
        expected.map((line) => line.replace(/\r$/, "")),
      );
    }),
  );
});

test("a line without end is given up before it fills the memory, and those before it are taken", async () => {
  const chunk = Buffer.alloc(1_048_576, "x");
  let read = 0;
  async function* chunks() {
    yield Buffer.from("first\nsecond");
    for (; ; read++) yield chunk;
  }
  const lines: string[] = [];
  await assert.rejects(async () => {
    for await (const some of readLines(chunks())) lines.push(...some.map(String));
  }, /longer than 128 MiB/);
  assert.deepEqual(lines, ["first"]);
  assert.ok(read <= 128, `${read} MiB`);
});
