import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { batchOf, readBatches } from "./batch.ts";

test("a batch reads back as it was made, with every codec that can be undone here", () => {
  const record = fc.record({
    key: fc.option(fc.string()),
    value: fc.option(fc.string()),
    headers: fc.array(fc.tuple(fc.string(), fc.option(fc.string())), { maxLength: 3 }),
    timestampDelta: fc.integer({ min: -1_000_000, max: 1_000_000_000 }),
  });
  const codec = fc.constantFrom("none" as const, "gzip" as const, "zstd" as const);
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), codec, (records, chosen) => {
      const bytes = batchOf(records, { codec: chosen, baseOffset: 40, baseTimestamp: 1_000 });
      const [batch] = readBatches(bytes);
      assert.equal(batch?.lastOffset, 40 + records.length - 1);
      assert.deepEqual(
        batch?.records?.map(({ offset, timestamp, ...rest }) => ({ ...rest, offset, timestamp })),
        records.map(({ timestampDelta, ...rest }, index) => ({
          ...rest,
          offset: 40 + index,
          timestamp: 1_000 + timestampDelta,
        })),
      );
    }),
  );
});

test("a batch that was cut off is left out, and a bad checksum is an error", () => {
  const batch = batchOf([{ value: "v" }]);
  assert.equal(readBatches(Buffer.concat([batch, batch.subarray(0, 50)])).length, 1);
  const broken = Buffer.from(batch);
  broken[broken.length - 2]! ^= 1;
  assert.throws(() => readBatches(broken), /bad checksum/);
});
