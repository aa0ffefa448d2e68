import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BytePool } from "./byte-pool.ts";

test("what is held is never handed out again, whatever is given back in between", () => {
  const sizes = fc.integer({ min: 0, max: 100_000 });
  const step = fc.record({ bytes: sizes, back: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = new BytePool(500_000);
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
      assert.ok(new BytePool().take(size).buffer.byteLength <= size * 1.125);
    }),
  );
});

test("a frame of about the same size lies where the last one was given back", () => {
  const pool = new BytePool();
  const first = pool.take(4_200_000);
  pool.giveBack(first.subarray(100, 200));
  assert.equal(pool.take(4_250_000).buffer, first.buffer);
  assert.notEqual(pool.take(4_200_000).buffer, first.buffer);
});

test("memory from elsewhere is left alone", () => {
  const pool = new BytePool();
  const foreign = Buffer.allocUnsafeSlow(pool.take(20_000).buffer.byteLength);
  pool.giveBack(foreign);
  assert.notEqual(pool.take(20_000).buffer, foreign.buffer);
});

test("what is kept for later is bounded, and sizes that no longer come make room", () => {
  const pool = new BytePool();
  const [old, recent] = [1_000_000, 3_000_000].map((bytes) =>
    Array.from({ length: 25 }, () => pool.take(bytes)),
  ) as [Buffer[], Buffer[]];
  for (const each of [...old, ...recent]) pool.giveBack(each);
  const known = new Set(recent.map(({ buffer }) => buffer));
  const again = Array.from({ length: 25 }, () => pool.take(3_000_000));
  const reused = again.filter(({ buffer }) => known.has(buffer)).length;
  assert.ok(reused >= 1 && reused * 3_000_000 <= 32 * 1024 * 1024, `${reused} of 25 kept`);
});

test("trimming lets go of all but so many bytes", () => {
  const pool = new BytePool();
  const sizes = [8_192, 8_192, 8_192, 65_536, 65_536];
  const taken = sizes.map((bytes) => pool.take(bytes));
  for (const bytes of taken) pool.giveBack(bytes);
  pool.trim(80_000);
  const known = new Set(taken.map(({ buffer }) => buffer));
  const kept = sizes
    .map((bytes) => pool.take(bytes))
    .filter(({ buffer }) => known.has(buffer))
    .reduce((sum, { length }) => sum + length, 0);
  assert.equal(kept, 65_536);
});
