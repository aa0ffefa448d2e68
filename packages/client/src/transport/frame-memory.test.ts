import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameMemory } from "./frame-memory.ts";

test("what is held is never handed out again, whatever is given back in between", () => {
  const sizes = fc.integer({ min: 16, max: 300_000 });
  const step = fc.record({ bytes: sizes, back: fc.option(fc.nat(20)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new FrameMemory();
      const held: Buffer[] = [];
      for (const { bytes, back } of steps) {
        const taken = memory.take(bytes);
        assert.equal(taken.length, bytes);
        assert.ok(taken.buffer.byteLength <= bytes * 1.125 + 1, "little is wasted");
        assert.ok(!held.some(({ buffer }) => buffer === taken.buffer));
        held.push(taken);
        if (back === null) continue;
        const [given] = held.splice(back % held.length, 1);
        memory.giveBack(given!);
        memory.giveBack(given!);
      }
    }),
  );
});

test("a frame of about the same size lies where the last one was given back", () => {
  const memory = new FrameMemory();
  const first = memory.take(4_200_000);
  memory.giveBack(first.subarray(100, 200));
  assert.equal(memory.take(4_250_000).buffer, first.buffer);
  assert.notEqual(memory.take(4_200_000).buffer, first.buffer);
});

test("memory from elsewhere is left alone", () => {
  const memory = new FrameMemory();
  const foreign = Buffer.allocUnsafeSlow(memory.take(20_000).buffer.byteLength);
  memory.giveBack(foreign);
  assert.notEqual(memory.take(20_000).buffer, foreign.buffer);
});

test("what is kept for later is bounded, and sizes that no longer come make room", () => {
  const memory = new FrameMemory();
  const [old, recent] = [1_000_000, 3_000_000].map((bytes) =>
    Array.from({ length: 25 }, () => memory.take(bytes)),
  ) as [Buffer[], Buffer[]];
  for (const each of [...old, ...recent]) memory.giveBack(each);
  const known = new Set(recent.map(({ buffer }) => buffer));
  const again = Array.from({ length: 25 }, () => memory.take(3_000_000));
  const reused = again.filter(({ buffer }) => known.has(buffer)).length;
  assert.ok(reused >= 1 && reused * 3_000_000 <= 32 * 1024 * 1024, `${reused} of 25 kept`);
});
