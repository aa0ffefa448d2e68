import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PartitionTail } from "./partition-tail.ts";
import { Segment } from "./segment.ts";

interface Batch {
  readonly segment: Segment;
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Buffer;
}

/** Of so many records; some in a segment of their own. */
function batchAt(baseOffset: number, records: number, last: Batch | undefined): Batch {
  const isRolled = last === undefined || baseOffset % 7 === 0;
  return {
    segment: isRolled ? Segment.empty(baseOffset, 0, 0) : last.segment,
    position: isRolled ? 0 : last.position + last.bytes.length,
    baseOffset,
    lastOffset: baseOffset + records - 1,
    bytes: Buffer.alloc(60 + records),
  };
}

/** What the tail says of its batches. */
function batchesOf(tail: PartitionTail): Batch[] {
  return Array.from({ length: tail.end - tail.first }, (_, i) => describe(tail, tail.first + i));
}

function describe(tail: PartitionTail, index: number): Batch {
  assert.equal(tail.sizeBytes(index), tail.bytes(index).length);
  return {
    segment: tail.segment(index),
    position: tail.position(index),
    baseOffset: tail.baseOffset(index),
    lastOffset: tail.lastOffset(index),
    bytes: tail.bytes(index),
  };
}

function assertSame(actual: readonly Batch[], expected: readonly Batch[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, batch] of actual.entries()) {
    for (const key of ["segment", "position", "baseOffset", "lastOffset", "bytes"] as const) {
      assert.ok(batch[key] === expected[i]![key], `${key} of batch ${i}`);
    }
  }
}

type Step =
  | { readonly kind: "push"; readonly records: number }
  | { readonly kind: "drop" | "takeBack"; readonly count: number }
  | { readonly kind: "write"; readonly share: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("push"), records: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("drop", "takeBack"),
        count: fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(400) }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("write"),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  ) as fc.Arbitrary<Step>,
  { minLength: 100, maxLength: 900 },
);

test("the tail of a partition is what a list would be, however it grows, shrinks and is written", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const tail = new PartitionTail();
      let model: Batch[] = [];
      let end = 0;
      let written = 0;
      for (const step of list) {
        if (step.kind === "push") {
          const batch = batchAt(end, step.records, model.at(-1));
          const { segment, position, baseOffset, lastOffset, bytes } = batch;
          end += step.records;
          tail.push(segment, position, bytes.length, baseOffset, lastOffset, bytes, 0);
          model.push(batch);
        } else if (step.kind === "write") {
          const upTo = Math.round(written + (end - written) * step.share);
          const target = model.findLast(({ lastOffset }) => lastOffset < upTo);
          const next = target === undefined ? written : Math.max(written, target.lastOffset + 1);
          const fresh = model.filter(
            ({ baseOffset }) => baseOffset >= written && baseOffset < next,
          );
          const bytes = fresh.reduce((sum, batch) => sum + batch.bytes.length, 0);
          assert.equal(tail.markWritten(next), bytes);
          written = next;
        } else if (step.kind === "drop") {
          // As in an engine: what leaves at the front is written, what leaves at the end is not.
          const count = Math.min(
            step.count,
            model.filter(({ lastOffset }) => lastOffset < written).length,
          );
          assert.equal(tail.dropBefore(tail.first + count), count);
          model = model.slice(count);
        } else {
          const count = Math.min(
            step.count,
            model.filter(({ baseOffset }) => baseOffset >= written).length,
          );
          assert.equal(tail.dropFrom(tail.end - count), count);
          if (count > 0) end = model.at(-count)!.baseOffset;
          model = model.slice(0, model.length - count);
        }
        assertSame(batchesOf(tail), model);
        const unwritten = model.filter(({ baseOffset }) => baseOffset >= written);
        assert.equal(tail.end - tail.firstUnwritten, unwritten.length);
      }
      for (let offset = 0; offset < end; offset++) {
        const held = model.find(
          (batch) => batch.lastOffset >= offset && batch.baseOffset <= offset,
        );
        const index = tail.indexOf(offset);
        assertSame(index < 0 ? [] : [describe(tail, index)], held === undefined ? [] : [held]);
      }
      assert.equal(tail.clear(), model.length);
      assert.equal(tail.first, tail.end);
      assert.equal(tail.indexOf(end), -1);
    }),
  );
});
