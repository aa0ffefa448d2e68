import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchRequest } from "../messages/01-fetch.ts";
import type { HeartbeatRequest, heartbeat } from "../messages/12-heartbeat.ts";
import { array, int32, int64, nullableString, records, string, struct } from "./fields.ts";
import { layoutOf } from "./layout.ts";
import { api, type RequestInput, type RequestOf, type ResponseOf } from "./schema.ts";
import { includesVersion, parseVersions } from "./versions.ts";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function typesAreEqual<A, B>(_equal: Equal<A, B>): void {}

const sample = api({
  key: 900,
  name: "Sample",
  versions: "1-4",
  flexible: "3+",
  request: {
    name: string(),
    epoch: int32({ default: -1 }),
    note: nullableString({ versions: "2+" }),
    items: array({ id: int64(), records: records() }),
    leader: struct({ id: int32({ default: -1 }) }, { versions: "3+", tag: 1 }),
    first: int32({ versions: "4+", tag: 0 }),
  },
  response: { codes: array(int32()) },
});

test("types follow from the declaration", () => {
  typesAreEqual<
    HeartbeatRequest,
    {
      readonly groupId: string;
      readonly generationId: number;
      readonly memberId: string;
      readonly groupInstanceId: string | null;
    }
  >(true);
  typesAreEqual<ResponseOf<typeof sample>, { readonly codes: readonly number[] }>(true);
  typesAreEqual<RequestOf<typeof sample>["items"][number]["records"], Buffer | null>(true);
  typesAreEqual<FetchRequest["topics"][number]["partitions"][number]["fetchOffset"], number>(true);
  typesAreEqual<typeof heartbeat.key, number>(true);
});

test("a request may leave out what has a default, a tag or versions of its own, and nothing else", () => {
  const least: RequestInput<typeof sample> = { name: "n", items: [] };
  const whole = { name: "n", epoch: 1, note: null, items: [], leader: { id: 1 }, first: 0 };
  const complete: RequestOf<typeof sample> = whole;
  const accepted: RequestInput<typeof sample> = complete;
  // @ts-expect-error name has no default.
  const missing: RequestInput<typeof sample> = { items: [] };
  // @ts-expect-error a string is no number.
  const wrong: RequestInput<typeof sample> = { name: "n", items: [], epoch: "1" };
  assert.ok(least && accepted && missing && wrong);
});

test("a layout tells plain, tagged and absent fields of a version apart", () => {
  const names = (version: number) => {
    const { plain, tagged } = layoutOf(sample.request.fields, version, version >= 3);
    return [plain.map(({ name }) => name), tagged.map(({ name }) => name)];
  };
  assert.deepEqual(names(1), [["name", "epoch", "items"], []]);
  assert.deepEqual(names(2), [["name", "epoch", "note", "items"], []]);
  assert.deepEqual(names(4), [
    ["name", "epoch", "note", "items"],
    ["first", "leader"],
  ]);
});

test("version ranges are read as Kafka writes them", () => {
  assert.deepEqual(parseVersions("3"), { min: 3, max: 3 });
  assert.deepEqual(parseVersions("0-7"), { min: 0, max: 7 });
  assert.deepEqual(parseVersions("2+"), { min: 2, max: Number.POSITIVE_INFINITY });
  assert.equal(includesVersion(parseVersions("none"), 0), false);
  assert.throws(() => parseVersions("x"), { kind: "malformed" });
  assert.throws(() => sample.request.codec(5), { kind: "unsupportedVersion" });
  assert.throws(() => sample.request.codec(0), { kind: "unsupportedVersion" });
});
