import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { Interruption } from "./interruption.ts";

function interruption(isUnderNpm: boolean) {
  const clock = new SimulatedClock();
  const insisted: number[] = [];
  const onInsist = () => void insisted.push(clock.monotonic());
  return { clock, insisted, it: new Interruption({ clock, isUnderNpm, onInsist }) };
}

test("the first signal asks, the second insists", () => {
  const { insisted, it } = interruption(false);
  assert.equal(it.signal.aborted, false);
  it.receive("SIGINT");
  assert.equal(it.signal.aborted, true);
  assert.equal(it.signal.reason.message, "SIGINT");
  assert.deepEqual(insisted, []);
  it.receive("SIGTERM");
  assert.deepEqual(insisted, [0]);
});

test("under npm the echo of a signal is not a second one", () => {
  const { clock, insisted, it } = interruption(true);
  it.receive("SIGINT");
  clock.advance(100);
  it.receive("SIGINT");
  assert.deepEqual(insisted, []);
  clock.advance(400);
  it.receive("SIGINT");
  assert.deepEqual(insisted, [500]);
});
