import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import { BytePool } from "./byte-pool.ts";

test("what is held is never handed out again, whatever is given back in between", () => {
  const sizes = fc.integer({ min: 0, max: 100_000 });
  const step = fc.record({ bytes: sizes, back: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = new BytePool(new SimulatedClock(), 500_000);
      const held: { readonly bytes: Buffer; readonly mark: number }[] = [];
      steps.forEach(({ bytes: size, back }, mark) => {
        const bytes = pool.take(size);
        assert.equal(bytes.length, size);
        held.push({ bytes: bytes.fill(mark), mark });
        if (back === null) return;
        const [given] = held.splice(back % held.length, 1);
        pool.giveBack(given!.bytes);
        pool.giveBack(given!.bytes);
      });
      for (const { bytes, mark } of held) assert.ok(bytes.every((byte) => byte === mark));
    }),
  );
});

test("little is wasted", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4_096, max: 20_000_000 }), (size) => {
      assert.ok(new BytePool(new SimulatedClock()).take(size).buffer.byteLength <= size * 1.125);
    }),
  );
});

test("a frame of about the same size lies where the last one was given back", () => {
  const pool = new BytePool(new SimulatedClock());
  const first = pool.take(4_200_000);
  pool.giveBack(first.subarray(100, 200));
  assert.equal(pool.take(4_250_000).buffer, first.buffer);
  assert.notEqual(pool.take(4_200_000).buffer, first.buffer);
});

test("memory from elsewhere is left alone", () => {
  const pool = new BytePool(new SimulatedClock());
  const foreign = Buffer.allocUnsafeSlow(pool.take(20_000).buffer.byteLength);
  pool.giveBack(foreign);
  assert.notEqual(pool.take(20_000).buffer, foreign.buffer);
});

test("what is kept for later is bounded, and sizes that no longer come make room", () => {
  const pool = new BytePool(new SimulatedClock());
  const [old, recent] = [1_000_000, 3_000_000].map((bytes) =>
    Array.from({ length: 25 }, () => pool.take(bytes)),
  ) as [Buffer[], Buffer[]];
  for (const each of [...old, ...recent]) pool.giveBack(each);
  const known = new Set(recent.map(({ buffer }) => buffer));
  const again = Array.from({ length: 25 }, () => pool.take(3_000_000));
  const reused = again.filter(({ buffer }) => known.has(buffer)).length;
  assert.ok(reused >= 1 && reused * 3_000_000 <= 32 * 1024 * 1024, `${reused} of 25 kept`);
});

test("what was not needed for a while is let go, what was is kept", () => {
  const clock = new SimulatedClock();
  const pool = new BytePool(clock);
  const places = Array.from({ length: 10 }, () => pool.take(100_000));
  const known = new Set(places.map(({ buffer }) => buffer));
  for (const place of places) pool.giveBack(place);
  /** Uses so many at a time, over and over, for some seconds. */
  const use = (count: number) => {
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 5; i++) {
        const taken = Array.from({ length: count }, () => pool.take(100_000));
        for (const each of taken) pool.giveBack(each);
        clock.advance(200);
      }
    }
  };
  const free = () => {
    const taken = Array.from({ length: 10 }, () => pool.take(100_000));
    const count = taken.filter(({ buffer }) => known.has(buffer)).length;
    for (const each of taken) if (known.has(each.buffer)) pool.giveBack(each);
    return count;
  };
  use(10);
  assert.equal(free(), 10);
  use(4);
  assert.equal(free(), 4);
  clock.advance(3_000);
  assert.equal(free(), 0);
  assert.equal(clock.timerCount, 0, "an empty pool is not watched");
});

test("a buffer that was transferred elsewhere is not kept", () => {
  const pool = new BytePool(new SimulatedClock());
  const bytes = pool.take(10_000);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
  pool.giveBack(bytes);
  assert.equal(pool.take(10_000).length, 10_000);
});

test("one that is too large to be kept leaves the others alone", () => {
  const pool = new BytePool(new SimulatedClock(), 100_000);
  const small = pool.take(20_000);
  const large = pool.take(200_000);
  pool.giveBack(small);
  pool.giveBack(large);
  assert.equal(pool.take(20_000).buffer, small.buffer);
});
