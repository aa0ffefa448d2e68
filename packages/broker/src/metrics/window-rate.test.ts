import assert from "node:assert/strict";
import { test } from "node:test";
import { WindowRate } from "./window-rate.ts";

test("a rate counts the last thirty seconds and forgets what was before", () => {
  const rate = new WindowRate();
  assert.equal(rate.perSecond(5_000), 0);
  for (let i = 0; i < 60; i++) rate.record(10_000);
  assert.equal(rate.perSecond(10_999), 2);
  for (let i = 0; i < 30; i++) rate.record(20_000);
  assert.equal(rate.perSecond(39_999), 3);
  assert.equal(rate.perSecond(40_000), 1);
  assert.equal(rate.perSecond(1_000_000), 0);
  assert.equal(rate.total, 90);
});
