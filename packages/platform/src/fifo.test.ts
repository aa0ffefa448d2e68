import assert from "node:assert/strict";
import { test } from "node:test";
import { Fifo } from "./fifo.ts";
import { SeededRandom } from "./seeded-random.ts";

test("is a queue, whatever is done in whatever order", () => {
  const random = new SeededRandom(11);
  const fifo = new Fifo<number>();
  const model: number[] = [];
  for (let step = 0; step < 5_000; step++) {
    const choice = random.integer(step % 1_000 < 500 ? 12 : 24);
    if (choice < 6) {
      fifo.push(step);
      model.push(step);
    } else if (choice === 6 && random.integer(40) === 0) {
      fifo.clear();
      model.length = 0;
    } else {
      assert.equal(fifo.shift(), model.shift());
    }
    assert.equal(fifo.length, model.length);
    assert.equal(fifo.first, model[0]);
    if (step % 50 === 0) assert.deepEqual([...fifo], model);
  }
});

test("what a burst took is given up when the queue runs empty", () => {
  const fifo = new Fifo<number>();
  const { slots } = fifo;
  for (let i = 0; i < 10_000; i++) fifo.push(i);
  assert.ok(fifo.slots >= 10_000);
  for (let i = 0; i < 10_000; i++) assert.equal(fifo.shift(), i);
  assert.equal(fifo.slots, slots);
  fifo.push(1);
  assert.equal(fifo.shift(), 1);
  for (let i = 0; i < 10_000; i++) fifo.push(i);
  fifo.clear();
  assert.equal(fifo.slots, slots);
});
