import assert from "node:assert/strict";
import { it } from "node:test";
import { SimulatedClock } from "./simulated-clock.ts";

it("SimulatedClock runs timers in the order they are due, each at its time", () => {
  const clock = new SimulatedClock(1000);
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${clock.monotonic()}/${clock.now()}`);
  clock.schedule(20, note("late"));
  clock.schedule(10, note("first"));
  clock.schedule(10, note("second"));
  clock.schedule(10, () => clock.schedule(5, note("nested")));
  clock.advance(9);
  assert.deepEqual(seen, []);
  clock.advance(11);
  assert.deepEqual(seen, ["first@10/1010", "second@10/1010", "nested@15/1015", "late@20/1020"]);
  assert.equal(clock.timerCount, 0);
});

it("SimulatedClock forgets a cancelled timer, even one cancelled by another due at the same time", () => {
  const clock = new SimulatedClock();
  const seen: string[] = [];
  const cancel = clock.schedule(10, () => seen.push("cancelled"));
  cancel();
  cancel();
  let cancelLater = () => {};
  clock.schedule(10, () => cancelLater());
  cancelLater = clock.schedule(10, () => seen.push("cancelled too"));
  clock.advance(10);
  assert.deepEqual(seen, []);
});

it("SimulatedClock lets promises run between timers when asked to", async () => {
  const clock = new SimulatedClock();
  const seen: number[] = [];
  const loop = async () => {
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve) => clock.schedule(10, resolve));
      seen.push(clock.monotonic());
    }
  };
  const done = loop();
  await clock.advanceAsync(100);
  await done;
  assert.deepEqual(seen, [10, 20, 30]);
});

it("SimulatedClock may jump on the wall without moving monotonic time", () => {
  const clock = new SimulatedClock(1000);
  clock.setWallClock(500);
  clock.advance(10);
  assert.equal(clock.now(), 510);
  assert.equal(clock.monotonic(), 10);
});
