import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "@ottla/platform";
import { StickyPartition } from "./sticky-partition.ts";

/** A small linear congruential generator: equal seeds give equal draws. */
function seeded(seed: number): Random {
  let state = seed;
  return {
    bytes: (size) => Buffer.alloc(size),
    integer: (bound) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * bound);
    },
    uuid: () => "",
  };
}

test("KIP-480: records without a key stay on one partition until a batch's worth of bytes went there", () => {
  const sticky = new StickyPartition(seeded(1), 1000);
  const picks: number[] = [];
  for (let i = 0; i < 50; i++) {
    picks.push(sticky.pick(12, () => 0));
    sticky.add(100);
  }
  for (let i = 0; i < 50; i += 10) {
    assert.equal(new Set(picks.slice(i, i + 10)).size, 1, "one partition per ten records");
  }
  assert.ok(new Set(picks).size > 1);
});

test("KIP-794: a partition with a long queue is drawn less often, one without a leader never", () => {
  const sticky = new StickyPartition(seeded(7), 1);
  const drawn = [0, 0, 0];
  const queued = [0, 900_000, -1];
  for (let i = 0; i < 2000; i++) {
    drawn[sticky.pick(3, (p) => queued[p]!)]! += 1;
    sticky.add(1);
  }
  assert.equal(drawn[2], 0);
  assert.ok(drawn[0]! > 1900, `${drawn}`);
});

test("when no partition has a leader all are drawn alike, and a shrunk count is respected", () => {
  const sticky = new StickyPartition(seeded(3), 1);
  const seen = new Set<number>();
  for (let i = 0; i < 200; i++) {
    seen.add(sticky.pick(4, () => -1));
    sticky.add(1);
  }
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3]);
  const fixed = new StickyPartition(seeded(3), 1_000_000);
  while (fixed.pick(8, () => 0) < 2) fixed.add(1_000_000);
  assert.ok(fixed.pick(2, () => 0) < 2);
});
