import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Segment } from "./segment.ts";

type Step =
  | { readonly kind: "append"; readonly sizeBytes: number; readonly timestamp: number }
  | { readonly kind: "truncate"; readonly share: number }
  | { readonly kind: "time" | "persist" | "rebuild" };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("append"),
        sizeBytes: fc.integer({ min: 61, max: 5000 }),
        timestamp: fc.integer({ min: 0, max: 1000 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("truncate"),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("time", "persist", "rebuild") }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 100 },
);

test("LG12: what the indexes would take is known through appends, truncation, writes and rebuilding", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const segment = Segment.empty(0, 0, 0);
      const ends: { sizeBytes: number; next: number }[] = [{ sizeBytes: 0, next: 0 }];
      for (const step of list) {
        const { sizeBytes, next } = ends.at(-1)!;
        if (step.kind === "append") {
          segment.append(next, step.sizeBytes, step.timestamp, 4096);
          ends.push({ sizeBytes: sizeBytes + step.sizeBytes, next: next + 1 });
        } else if (step.kind === "truncate") {
          ends.length = 1 + Math.floor((ends.length - 1) * step.share);
          segment.truncateTo(ends.at(-1)!.sizeBytes, ends.at(-1)!.next);
        } else if (step.kind === "time") segment.addTimeEntry();
        else if (step.kind === "persist") {
          segment.index.takePending();
          segment.timeIndex.takePending();
        } else segment.replaceIndexes([0, 0, 7, 5000], [3, 0]);
        const { index, timeIndex, nextIndexBytes } = segment;
        assert.equal(
          nextIndexBytes,
          Math.max(8 * (index.entries + 1), 12 * (timeIndex.entries + 1)),
        );
      }
    }),
  );
});

test("LG11: files of indexes get no entry of a batch that is not in the log file", () => {
  const segment = Segment.empty(100, 0, 0);
  for (let i = 0; i < 6; i++) segment.append(100 + i, 5000, 10 * i + 10, 4096);
  // All but the first made an entry.
  assert.deepEqual([segment.index.entries, segment.timeIndex.entries], [5, 5]);
  assert.equal(segment.index.takePending(15_000).length, 2 * 8);
  assert.equal(segment.timeIndex.takePending(3).length, 2 * 12);
  segment.markWritten(15_000, 30, 102);
  segment.truncateTo(15_000, 103);
  assert.deepEqual([segment.index.entries, segment.timeIndex.entries], [2, 2]);
  assert.deepEqual([segment.maxTimestamp, segment.maxTimestampOffset], [30, 102]);
  segment.append(103, 5000, 35, 4096);
  segment.append(104, 5000, 36, 4096);
  assert.equal(segment.timeIndex.lookup(37), 4, "what was taken back does not count");
});
