import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";

test("a quantile is within an eighth of the exact one", () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 1000; value++) histogram.record(value, 0);
  const [median, high] = histogram.quantiles([0.5, 0.99], 0);
  assert.ok(median! >= 500 && median! <= 500 * 1.125, `${median}`);
  assert.ok(high! >= 990 && high! <= 990 * 1.125, `${high}`);
  assert.equal(histogram.count, 1000);
});

test("what is older than two windows no longer counts, the total still does", () => {
  const histogram = new Histogram();
  histogram.record(100, 0);
  assert.ok(histogram.quantiles([0.5], 70_000)[0]! >= 100, "the window before still counts");
  assert.deepEqual(histogram.quantiles([0.5], 200_000), [0]);
  assert.equal(histogram.count, 1);
});

test("durations beyond either end land in the outermost buckets", () => {
  const histogram = new Histogram();
  histogram.record(0, 0);
  histogram.record(Number.MAX_SAFE_INTEGER, 0);
  const [low, high] = histogram.quantiles([0.5, 1], 0);
  assert.ok(low! <= 0.01);
  assert.ok(high! > 1_000_000);
});
