import assert from "node:assert/strict";
import { test } from "node:test";
import { Arena } from "./arena.ts";
import { Slabs } from "./slabs.ts";

test("a slab is used again when it is retired and neither batches, groups nor readers hold it", () => {
  const slabs = new Slabs(65_536, new Arena(262_144, 0));
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
  const slabs = new Slabs(65_536, new Arena(262_144, 0));
  const slab = slabs.take();
  slabs.hold(slab);
  slabs.letGo(slab);
  assert.notEqual(slabs.take(), slab);
  slabs.retire(slab);
  assert.equal(slabs.take(), slab);
});

test("slabs lie in the arena until it is used up, then each has memory of its own", () => {
  const slabs = new Slabs(65_536, new Arena(131_072, 0));
  const [first, second, third] = [slabs.take(), slabs.take(), slabs.take()];
  assert.deepEqual([first.address % 4096, second.address - first.address], [0, 65_536]);
  assert.equal(third.address, -1);
  for (const slab of [first, second, third]) {
    slab.bytes.fill(slab.fill);
    slab.bytes.write("123456789");
    assert.equal(slab.crc(0, 9), 0xe306_9283);
    slab.view.setUint8(65_535, 255);
  }
  assert.deepEqual(
    [first, second, third].map(({ bytes }) => [bytes.length, bytes[9], bytes[65_535]]),
    [1, 2, 3].map((fill) => [65_536, fill, 255]),
  );
});
