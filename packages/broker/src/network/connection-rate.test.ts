import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionRate } from "./connection-rate.ts";

test("NW: as many as the limit allows in all windows may come at once; from then on they are spread", () => {
  const rate = new ConnectionRate(1000, 11);
  for (let i = 0; i < 50; i++) assert.equal(rate.record(0, 5), 0);
  assert.equal(rate.record(0, 5), 200);
  assert.equal(rate.record(200, 5), 200);
  assert.equal(rate.record(400, 5), 200);
});

test("NW: a wait is never longer than a window, also where nobody may come", () => {
  const rate = new ConnectionRate(1000, 11);
  assert.equal(rate.record(0, 0), 1000);
  for (let i = 0; i < 100; i++) rate.record(0, 1);
  assert.equal(rate.record(0, 1), 1000);
});

test("NW: what came before the windows is forgotten", () => {
  const rate = new ConnectionRate(1000, 11);
  for (let i = 0; i < 50; i++) rate.record(500, 5);
  assert.equal(rate.record(10_999, 5), 0, "the first is as far back as the windows reach");
  assert.ok(rate.record(10_999, 4) > 0);
  assert.equal(rate.record(11_000, 1), 0);
});
