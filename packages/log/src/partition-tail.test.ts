import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PartitionLog, Topic } from "./partition-log.ts";
import { PartitionTail, TailBatch } from "./partition-tail.ts";
import { Segment } from "./segment.ts";
import { config, topicId } from "./test-support.ts";

const log = new PartitionLog(new Topic(topicId(1), "t", 1, 1, config), 0);
const segment = Segment.empty(0, 0, 0);

/** Of so many records. */
function batchAt(baseOffset: number, records: number): TailBatch {
  const bytes = Buffer.alloc(60 + records);
  const lastOffset = baseOffset + records - 1;
  return new TailBatch(log, segment, 0, bytes.length, baseOffset, lastOffset, bytes, 0);
}

type Step =
  | { readonly kind: "push"; readonly records: number }
  | { readonly kind: "shift" | "pop" }
  | { readonly kind: "write"; readonly share: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("push"), records: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("shift") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("pop") }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("write"),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  ) as fc.Arbitrary<Step>,
  { maxLength: 600 },
);

test("the tail of a partition is what a list would be, however it grows, shrinks and is written", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const tail = new PartitionTail();
      const model: TailBatch[] = [];
      let end = 0;
      let written = 0;
      for (const step of list) {
        if (step.kind === "push") {
          const batch = batchAt(end, step.records);
          end += step.records;
          tail.push(batch);
          model.push(batch);
        } else if (step.kind === "write") {
          const upTo = Math.round(written + (end - written) * step.share);
          const target = model.findLast(({ lastOffset }) => lastOffset < upTo);
          const next = target === undefined ? written : Math.max(written, target.lastOffset + 1);
          const fresh = model.filter(
            ({ baseOffset }) => baseOffset >= written && baseOffset < next,
          );
          const bytes = fresh.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
          assert.equal(tail.markWritten(next), bytes);
          written = next;
        } else if (model.length > 0) {
          // As in an engine: what leaves at the front is written, what leaves at the end is not.
          if (step.kind === "shift" && model[0]!.lastOffset < written) {
            tail.shift();
            model.shift();
          } else if (step.kind === "pop" && model.at(-1)!.baseOffset >= written) {
            tail.pop();
            end = model.pop()!.baseOffset;
          }
        }
        assert.equal(tail.oldest(), model[0] ?? null);
        assert.equal(tail.newest(), model.at(-1) ?? null);
        const unwritten = model.find(({ baseOffset }) => baseOffset >= written) ?? null;
        assert.equal(tail.at(tail.firstUnwrittenIndex()), unwritten);
      }
      for (let offset = 0; offset < end; offset++) {
        const held = model.find(
          (batch) => batch.lastOffset >= offset && batch.baseOffset <= offset,
        );
        const index = tail.indexOf(offset);
        assert.equal(index < 0 ? null : tail.at(index), held ?? null);
      }
      assert.deepEqual(tail.clear(), model);
      assert.equal(tail.oldest(), null);
      assert.equal(tail.newest(), null);
    }),
  );
});
