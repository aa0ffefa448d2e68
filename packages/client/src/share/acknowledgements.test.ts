import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { acknowledgementBatches } from "./acknowledgements.ts";

test("KIP-932: acknowledgements are sent as runs of offsets; a run of one kind names it once", () => {
  const codes = new Map([
    [7, 1],
    [5, 1],
    [6, 1],
    [9, 2],
    [10, 3],
  ]);
  assert.deepEqual(acknowledgementBatches(codes), [
    { firstOffset: 5, lastOffset: 7, acknowledgeTypes: [1] },
    { firstOffset: 9, lastOffset: 10, acknowledgeTypes: [2, 3] },
  ]);
  assert.deepEqual(acknowledgementBatches(new Map()), []);
});

test("KIP-932: batches say the same as the acknowledgements they were made from, in order and apart", () => {
  const codes = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 4 })), {
      selector: ([offset]) => offset,
    })
    .map((entries) => new Map(entries));
  fc.assert(
    fc.property(codes, (expected) => {
      const said = new Map<number, number>();
      let end = -1;
      for (const { firstOffset, lastOffset, acknowledgeTypes } of acknowledgementBatches(
        expected,
      )) {
        assert.ok(firstOffset > end, "runs that touch are one run");
        end = lastOffset + 1;
        const count = lastOffset - firstOffset + 1;
        assert.ok(acknowledgeTypes.length === 1 || acknowledgeTypes.length === count);
        for (let i = 0; i < count; i++) {
          said.set(firstOffset + i, acknowledgeTypes[i] ?? acknowledgeTypes[0]!);
        }
      }
      assert.deepEqual([...said].sort(byOffset), [...expected].sort(byOffset));
    }),
  );
});

function byOffset(a: [number, number], b: [number, number]): number {
  return a[0] - b[0];
}
