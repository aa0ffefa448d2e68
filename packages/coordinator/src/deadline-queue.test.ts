import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import { type DeadlineOwner, DeadlineQueue } from "./deadline-queue.ts";

class Owner implements DeadlineOwner {
  readonly name: number;
  queueIndex = -1;
  queuedDeadline = 0;

  constructor(name: number) {
    this.name = name;
  }
}

test("owners are woken in order, each at the earliest deadline it asked for", () => {
  const operation = fc.record({
    owner: fc.nat(9),
    delayMs: fc.nat(100),
    isRemoval: fc.boolean(),
    advanceMs: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const clock = new SimulatedClock();
      const woken: [number, number][] = [];
      const queue = new DeadlineQueue<Owner>(clock, ({ name }) => {
        woken.push([name, clock.monotonic()]);
      });
      const owners = Array.from({ length: 10 }, (_, name) => new Owner(name));
      const model = new Map<number, number>();
      const expected: [number, number][] = [];
      const advance = (ms: number) => {
        const end = clock.monotonic() + ms;
        for (const [name, deadline] of model) {
          if (deadline > end) continue;
          expected.push([name, deadline]);
          model.delete(name);
        }
        clock.advance(ms);
      };
      for (const { owner, delayMs, isRemoval, advanceMs } of operations) {
        if (isRemoval && delayMs % 3 === 0) {
          queue.remove(owners[owner]!);
          model.delete(owner);
        } else {
          const deadline = clock.monotonic() + delayMs;
          queue.request(owners[owner]!, deadline);
          model.set(owner, Math.min(model.get(owner) ?? deadline, deadline));
        }
        assert.ok(clock.timerCount <= 1);
        assert.equal(queue.size, model.size);
        advance(advanceMs);
      }
      advance(1_000);
      const byNameAndTime = ([a, s]: [number, number], [b, t]: [number, number]) => s - t || a - b;
      assert.deepEqual(woken.toSorted(byNameAndTime), expected.toSorted(byNameAndTime));
      const times = woken.map(([, time]) => time);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.equal(clock.timerCount, 0);
    }),
  );
});

test("an owner that asks again while it is woken waits for the next run", () => {
  const clock = new SimulatedClock();
  const owner = new Owner(0);
  let count = 0;
  const queue = new DeadlineQueue<Owner>(clock, () => {
    count++;
    if (count < 5) queue.request(owner, clock.monotonic());
  });
  queue.request(owner, 10);
  clock.advance(10);
  assert.equal(count, 5);
});

test("a closed queue wakes nobody", () => {
  const clock = new SimulatedClock();
  const queue = new DeadlineQueue<Owner>(clock, () => assert.fail("woken"));
  queue.request(new Owner(0), 10);
  queue.close();
  clock.advance(100);
  assert.equal(clock.timerCount, 0);
});
