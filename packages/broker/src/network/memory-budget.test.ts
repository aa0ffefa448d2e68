import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBudget } from "./memory-budget.ts";

test("a request beyond the budget waits until others gave back enough, in order", () => {
  const budget = new MemoryBudget(100);
  const granted: string[] = [];
  assert.equal(budget.tryTake(80), true);
  assert.equal(budget.tryTake(30), false);
  budget.wait(90, () => granted.push("first"));
  budget.wait(10, () => granted.push("second"));
  assert.equal(budget.tryTake(1), false, "nobody overtakes those who wait");
  budget.give(80);
  assert.deepEqual(granted, ["first", "second"]);
  assert.equal(budget.usedBytes, 100);
});

test("a request larger than the whole budget is admitted alone", () => {
  const budget = new MemoryBudget(100);
  assert.equal(budget.tryTake(1000), true);
  assert.equal(budget.tryTake(1), false);
  budget.give(1000);
  assert.equal(budget.tryTake(1), true);
});

test("a withdrawn wait takes nothing and lets the next one pass", () => {
  const budget = new MemoryBudget(100);
  const granted: string[] = [];
  assert.equal(budget.tryTake(60), true);
  const withdraw = budget.wait(100, () => granted.push("large"));
  budget.wait(40, () => granted.push("small"));
  withdraw();
  assert.deepEqual(granted, ["small"]);
  assert.equal(budget.usedBytes, 100);
});

test("small requests go on while large ones wait, as long as the reserve lasts", () => {
  const budget = new MemoryBudget(100, { smallBytes: 10, reserveBytes: 20 });
  const granted: string[] = [];
  assert.equal(budget.tryTake(90), true);
  budget.wait(50, () => granted.push("large"));
  assert.equal(budget.tryTake(11), false);
  for (let taken = 0; taken < 30; taken += 10) assert.equal(budget.tryTake(10), true);
  assert.equal(budget.tryTake(1), false);
  budget.give(30);
  assert.deepEqual(granted, []);
  budget.give(90);
  assert.deepEqual(granted, ["large"]);
  assert.equal(budget.usedBytes, 50);
});
