import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogConfig } from "../engine.ts";
import { type CleaningPlan, groupSegments, type PlannedLog, planCleaning } from "./plan.ts";

const compacted = {
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  minCleanableDirtyRatio: 0.5,
} as LogConfig;

/** Segments of ten offsets and a hundred bytes each, the timestamp of each its first offset; the last is active. */
function makeLog(count: number, change: Partial<PlannedLog> = {}): PlannedLog {
  return {
    segments: Array.from({ length: count }, (_, i) => ({
      baseOffset: i * 10,
      sizeBytes: 100,
      maxTimestamp: i * 10,
      firstTimestamp: i * 10,
      createdMs: 0,
    })),
    logStart: 0,
    logEnd: count * 10,
    lastStableOffset: count * 10,
    cleanedOffset: -1,
    ...change,
  };
}

function plan(log: PlannedLog, nowMs: number, config: LogConfig = compacted): CleaningPlan {
  return planCleaning(log, config, nowMs);
}

test("LG13: everything below the active segment is dirty before the first round", () => {
  const found = plan(makeLog(5), 1_000);
  assert.deepEqual(
    [found.firstDirty, found.uncleanable, found.dirtyBytes, found.cleanBytes, found.isDue],
    [0, 40, 400, 0, true],
  );
});

test("LG13: a log is due when more than min.cleanable.dirty.ratio of it is dirty", () => {
  assert.equal(plan(makeLog(5, { cleanedOffset: 20 }), 1_000).dirtyRatio, 0.5);
  assert.equal(plan(makeLog(5, { cleanedOffset: 20 }), 1_000).isDue, false);
  assert.equal(plan(makeLog(5, { cleanedOffset: 10 }), 1_000).isDue, true);
});

test("LG13: the active segment alone is never due", () => {
  assert.equal(plan(makeLog(1), 1_000).isDue, false);
  assert.equal(plan(makeLog(0), 1_000).isDue, false);
});

test("LG13: the segment with the last stable offset, and those behind it, are left alone", () => {
  assert.equal(plan(makeLog(5, { lastStableOffset: 25 }), 1_000).uncleanable, 20);
  assert.equal(plan(makeLog(5, { lastStableOffset: 30 }), 1_000).uncleanable, 30);
  assert.equal(plan(makeLog(5, { lastStableOffset: 0 }), 1_000).isDue, false);
});

test("LG13: segments with records younger than min.compaction.lag.ms are left alone", () => {
  const config = { ...compacted, minCompactionLagMs: 15 };
  const found = plan(makeLog(5), 40, config);
  assert.deepEqual([found.uncleanable, found.dirtyBytes, found.waitsForTime], [30, 300, true]);
});

test("LG13: max.compaction.lag.ms makes a log due whatever its ratio", () => {
  const config = { ...compacted, maxCompactionLagMs: 50 };
  const log = makeLog(5, { cleanedOffset: 30 });
  assert.deepEqual(
    [plan(log, 80, config).isDue, plan(log, 80, config).waitsForTime],
    [false, true],
  );
  assert.equal(plan(log, 81, config).isDue, true);
});

test("LG13: an offset that the log no longer has is replaced by its start", () => {
  assert.equal(plan(makeLog(5, { cleanedOffset: 10, logStart: 25 }), 0).firstDirty, 25);
  assert.equal(plan(makeLog(5, { cleanedOffset: 99 }), 0).firstDirty, 0);
});

test("LG13: segments are joined up to segment.bytes, segment.index.bytes and an int32 of offsets", () => {
  const make = (baseOffset: number, sizeBytes: number, entries = 0) => ({
    baseOffset,
    sizeBytes,
    index: { entries },
    timeIndex: { entries },
  });
  const limits = { segmentBytes: 100, segmentIndexBytes: 120 };
  const bases = (groups: { baseOffset: number }[][]) =>
    groups.map((group) => group.map(({ baseOffset }) => baseOffset));
  const sizes = [make(0, 60), make(10, 40), make(20, 1), make(30, 500), make(40, 0), make(50, 100)];
  assert.deepEqual(bases(groupSegments(sizes, 60, limits)), [[0, 10], [20], [30], [40, 50]]);
  const indexed = [make(0, 1, 5), make(10, 1, 5), make(20, 1, 5)];
  assert.deepEqual(bases(groupSegments(indexed, 30, limits)), [[0, 10], [20]]);
  const far = [make(0, 1), make(10, 1), make(2 ** 31, 1)];
  assert.deepEqual(bases(groupSegments(far, 2 ** 31 + 5, limits)), [[0, 10], [2 ** 31]]);
});
