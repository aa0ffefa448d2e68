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
  for (const unlimited of [Number.POSITIVE_INFINITY, -1]) {
    await new Throttle(clock, () => unlimited).take(1e12, signal);
  }
  const controller = new AbortController();
  const wait = new Throttle(clock, () => 1).take(1_000, controller.signal);
  controller.abort();
  await wait;
});

for (const refused of [0, Number.MIN_VALUE]) {
  test(`at ${refused} bytes a second nothing is paid for, until there is a rate again`, async () => {
    const clock = new SimulatedClock();
    const { signal } = new AbortController();
    let bytesPerSecond = refused;
    const throttle = new Throttle(clock, () => bytesPerSecond);
    let paid = 0;
    const work = throttle.take(500, signal).then(() => paid++);
    await clock.advanceAsync(60_000);
    assert.equal(paid, 0);
    bytesPerSecond = 1_000;
    await clock.advanceAsync(1_500);
    assert.equal(paid, 1);
    await work;
    // And the next is paid for as if nothing had been.
    const next = throttle.take(500, signal).then(() => paid++);
    await clock.advanceAsync(499);
    assert.equal(paid, 1);
    await clock.advanceAsync(1);
    assert.equal(paid, 2);
    await next;
  });
}

test("a rate that is raised, or a limit that is lifted, counts for those who wait too", async () => {
  for (const raised of [1e9, Number.POSITIVE_INFINITY]) {
    const clock = new SimulatedClock();
    const { signal } = new AbortController();
    let bytesPerSecond = 1;
    const throttle = new Throttle(clock, () => bytesPerSecond);
    let paid = 0;
    const work = throttle.take(1e6, signal).then(() => paid++);
    await clock.advanceAsync(10_000);
    assert.equal(paid, 0);
    bytesPerSecond = raised;
    await clock.advanceAsync(1_000);
    assert.equal(paid, 1);
    await work;
  }
});
