import assert from "node:assert/strict";
import { test } from "node:test";
import { Slabs } from "./slabs.ts";

test("a slab is used again when it is retired and neither batches, groups nor readers hold it", () => {
  const slabs = new Slabs(65_536);
  const slab = slabs.take();
  slabs.hold(slab);
  slabs.hold(slab);
  const release = slabs.lend([slab]);
  slabs.letGo(slab);
  assert.equal(slabs.retiredBytes, 0);
  slabs.retire(slab);
  assert.equal(slabs.retiredBytes, 65_536);
  slabs.letGo(slab);
  assert.equal(slabs.retiredBytes, 0);
  assert.notEqual(slabs.take(), slab, "a reader holds it");
  release();
  release();
  assert.equal(slabs.take(), slab);
  assert.notEqual(slabs.take(), slab);
});

test("a slab that is not retired is nobody else's, even when nothing in it is held", () => {
  const slabs = new Slabs(65_536);
  const slab = slabs.take();
  slabs.hold(slab);
  slabs.letGo(slab);
  assert.notEqual(slabs.take(), slab);
  slabs.retire(slab);
  assert.equal(slabs.take(), slab);
});
