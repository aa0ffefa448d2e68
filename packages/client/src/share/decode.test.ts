import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchBuilder } from "@ottla/protocol";
import fc from "fast-check";
import { CorruptBatchError } from "../errors.ts";
import { decodeAcquired } from "./decode.ts";

const subject = { topic: "t", partition: 0 };

/** A batch with records at these offsets; what lies between was compacted away. */
function batch(offsets: readonly number[]): Buffer {
  const builder = new BatchBuilder({ baseOffset: offsets[0]! });
  for (const offset of offsets) {
    builder.append(1_000, null, String(offset), [], offset - offsets[0]!);
  }
  return builder.build();
}

test("KIP-932: only acquired records come out, with their delivery count; offsets without a record are gaps", () => {
  const bytes = Buffer.concat([batch([0, 1, 2]), batch([5, 7]), batch([9])]);
  const acquired = [
    { firstOffset: 1, lastOffset: 5, deliveryCount: 1 },
    { firstOffset: 7, lastOffset: 8, deliveryCount: 3 },
    { firstOffset: 11, lastOffset: 12, deliveryCount: 1 },
  ];
  const { records, gaps } = decodeAcquired(subject, bytes, acquired, true);
  assert.deepEqual(
    records.map(({ offset, deliveryCount }) => [offset, deliveryCount]),
    [
      [1, 1],
      [2, 1],
      [5, 1],
      [7, 3],
    ],
  );
  assert.deepEqual(gaps, [3, 4, 8, 11, 12]);
});

test("every acquired offset is a record or a gap, once", () => {
  const offsets = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1 });
  fc.assert(
    fc.property(offsets, offsets, fc.integer({ min: 1, max: 5 }), (present, wanted, perBatch) => {
      present.sort((a, b) => a - b);
      wanted.sort((a, b) => a - b);
      const batches: Buffer[] = [];
      for (let i = 0; i < present.length; i += perBatch) {
        batches.push(batch(present.slice(i, i + perBatch)));
      }
      const acquired = wanted.map((offset) => ({
        firstOffset: offset,
        lastOffset: offset,
        deliveryCount: 1,
      }));
      const { records, gaps } = decodeAcquired(subject, Buffer.concat(batches), acquired, true);
      assert.deepEqual(
        records.map(({ offset }) => offset),
        wanted.filter((offset) => present.includes(offset)),
      );
      assert.deepEqual(
        gaps,
        wanted.filter((offset) => !present.includes(offset)),
      );
    }),
  );
});

test("a wrong checksum is an error with its offset", () => {
  const bytes = batch([3]);
  bytes[bytes.length - 2]! ^= 1;
  const acquired = [{ firstOffset: 3, lastOffset: 3, deliveryCount: 1 }];
  assert.throws(() => decodeAcquired(subject, bytes, acquired, true), CorruptBatchError);
});
