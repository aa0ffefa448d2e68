import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createGather, GATHER_OVERSHOOT_BYTES } from "./gather.ts";

const PAGE_BYTES = 65_536;
/** The pieces lie below it, the target above. */
const LIST = 20_000;
const TARGET = 30_000;

interface Piece {
  readonly at: number;
  readonly size: number;
}

const memory = new WebAssembly.Memory({ initial: 1 });
const bytes = new Uint8Array(memory.buffer);
const gather = createGather(memory);

/** Bytes of which no two neighbours in a stretch of a few hundred look alike. */
function reset(): void {
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (Math.imul(i + 1, 2_654_435_761) >>> 24) ^ i;
  }
}

function writeList(list: number, pieces: readonly Piece[]): void {
  const view = new DataView(memory.buffer);
  pieces.forEach(({ at, size }, i) => {
    view.setUint32(list + 8 * i, at, true);
    view.setUint32(list + 8 * i + 4, size, true);
  });
}

/** The memory as it is to be, but for what may be anything. */
function model(before: Uint8Array, pieces: readonly Piece[], target: number): Uint8Array {
  const after = before.slice();
  let end = target;
  for (const { at, size } of pieces) {
    after.set(before.subarray(at, at + size), end);
    end += size;
  }
  return after;
}

function total(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { size }) => sum + size, 0);
}

const pieceLists = fc.array(
  fc.record({
    at: fc.nat(LIST - 500),
    size: fc.oneof(fc.nat(80), fc.nat(400), fc.constantFrom(0, 16, 63, 64, 65, 128)),
  }),
  { maxLength: 60 },
);

test("pieces stand one behind the other and nothing else changes but 15 bytes behind them", () => {
  fc.assert(
    fc.property(pieceLists, fc.nat(20), fc.nat(20), (pieces, listShift, targetShift) => {
      reset();
      const list = LIST + listShift;
      const target = TARGET + targetShift;
      writeList(list, pieces);
      const before = bytes.slice();
      const end = gather(list, pieces.length, target);
      assert.equal(end, target + total(pieces));
      const expected = model(before, pieces, target);
      const overshot = end + GATHER_OVERSHOOT_BYTES;
      assert.ok(Buffer.compare(bytes.subarray(0, end), expected.subarray(0, end)) === 0);
      assert.ok(Buffer.compare(bytes.subarray(overshot), expected.subarray(overshot)) === 0);
    }),
    { numRuns: 200 },
  );
});

test("nothing is written or read beyond 15 bytes behind an end", () => {
  const last = PAGE_BYTES - GATHER_OVERSHOOT_BYTES;
  for (let size = 0; size <= 200; size++) {
    reset();
    // Would trap if more were read behind the piece.
    writeList(LIST, [{ at: last - size, size }]);
    assert.equal(gather(LIST, 1, TARGET), TARGET + size);
    assert.deepEqual(bytes.subarray(TARGET, TARGET + size), bytes.subarray(last - size, last));
    // Would trap if more were written behind the target.
    writeList(LIST, [{ at: 100, size }]);
    assert.equal(gather(LIST, 1, last - size), last);
    assert.deepEqual(bytes.subarray(last - size, last), bytes.subarray(100, 100 + size));
  }
});

test("no pieces, and pieces of no bytes, leave the memory as it is", () => {
  reset();
  writeList(LIST, [
    { at: 0, size: 0 },
    { at: PAGE_BYTES, size: 0 },
  ]);
  const before = bytes.slice();
  assert.equal(gather(LIST, 0, TARGET), TARGET);
  assert.equal(gather(LIST, 2, TARGET), TARGET);
  assert.ok(Buffer.compare(bytes, before) === 0);
});

test("pieces and targets outside the memory are refused", () => {
  reset();
  const before = bytes.slice(0, LIST);
  for (const piece of [
    { at: PAGE_BYTES - 64, size: 65 },
    { at: 0xffff_fff0, size: 16 },
    { at: 0, size: 0xffff_ffff },
  ]) {
    writeList(LIST, [piece]);
    assert.throws(() => gather(LIST, 1, TARGET), /out of bounds/, JSON.stringify(piece));
  }
  writeList(LIST, [{ at: 0, size: 100 }]);
  assert.throws(() => gather(LIST, 1, PAGE_BYTES - 50), /out of bounds/);
  assert.throws(() => gather(PAGE_BYTES - 4, 1, TARGET), /out of bounds/);
  assert.ok(Buffer.compare(bytes.subarray(0, LIST), before) === 0);
});

test("a memory that has grown is gathered from and to", () => {
  const growing = new WebAssembly.Memory({ initial: 1 });
  const gatherGrowing = createGather(growing);
  growing.grow(1);
  const view = new DataView(growing.buffer);
  view.setUint32(0, PAGE_BYTES + 100, true);
  view.setUint32(4, 3, true);
  new Uint8Array(growing.buffer).set([1, 2, 3], PAGE_BYTES + 100);
  assert.equal(gatherGrowing(0, 1, PAGE_BYTES + 200), PAGE_BYTES + 203);
  const gathered = new Uint8Array(growing.buffer, PAGE_BYTES + 200, 3);
  assert.deepEqual([...gathered], [1, 2, 3]);
});
