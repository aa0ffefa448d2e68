import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { limitedReport } from "./limited-report.ts";

test("of lines that come in a second ten are told, and how many were not with the next one", () => {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const report = limitedReport(clock, (line) => told.push(line));
  for (let i = 0; i < 25; i++) report(`line ${i}`);
  assert.deepEqual(
    told,
    Array.from({ length: 10 }, (_, i) => `line ${i}`),
  );
  clock.advance(999);
  report("too early");
  assert.equal(told.length, 10);
  clock.advance(1);
  report("later");
  assert.deepEqual(told.slice(10), ["16 more lines like the next one were left out", "later"]);
  clock.advance(1_000);
  report("last");
  assert.deepEqual(told.slice(12), ["last"]);
});
