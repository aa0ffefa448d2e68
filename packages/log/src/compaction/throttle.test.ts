import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { Throttle } from "./throttle.ts";

test("the cleaner's bytes are paid for at the rate it was given", async () => {
  const clock = new SimulatedClock();
  const throttle = new Throttle(clock, () => 1_000_000);
  const { signal } = new AbortController();
  let paid = 0;
  const work = (async () => {
    for (let i = 0; i < 10; i++) {
      await throttle.take(100_000, signal);
      paid++;
    }
  })();
  await clock.advanceAsync(499);
  assert.equal(paid, 4);
  await clock.advanceAsync(501);
  assert.equal(paid, 10);
  await work;
});

test("without a limit nothing waits, and an abort ends a wait", async () => {
  const clock = new SimulatedClock();
  const { signal } = new AbortController();
  await new Throttle(clock, () => Number.POSITIVE_INFINITY).take(1e12, signal);
  const controller = new AbortController();
  const wait = new Throttle(clock, () => 1).take(1_000, controller.signal);
  controller.abort();
  await wait;
});
