import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool } from "./buffer-pool.ts";

const MIB = 1_048_576;

test("a buffer that came back is lent again for a size of the same power of two", () => {
  const pool = new BufferPool(MIB);
  const first = pool.take(100_000);
  assert.equal(first.length, 100_000);
  pool.give(first.subarray(10));
  assert.notEqual(pool.take(200_000).buffer, first.buffer);
  const again = pool.take(70_000);
  assert.equal(again.buffer, first.buffer);
  assert.equal(again.length, 70_000);
  assert.notEqual(pool.take(70_000).buffer, first.buffer);
});

test("buffers of every size are as long as was asked", () => {
  const pool = new BufferPool(MIB);
  for (const size of [0, 1, 4095, 4096, 4097, 16_384, 65_537, MIB, MIB + 1, 4 * MIB]) {
    const buffer = pool.take(size);
    assert.equal(buffer.length, size);
    pool.give(buffer);
    assert.equal(pool.take(size).length, size);
  }
});

test("a buffer given back twice is lent once, and one that came from elsewhere never", () => {
  const pool = new BufferPool(MIB);
  const buffer = pool.take(8192);
  pool.give(buffer);
  pool.give(buffer);
  assert.notEqual(pool.take(8192).buffer, pool.take(8192).buffer);
  const other = Buffer.allocUnsafeSlow(8192);
  pool.give(other);
  pool.give(pool.take(100));
  assert.equal(pool.keptBytes, 0);
});

test("buffers beyond the limit are left to the garbage collector", () => {
  const pool = new BufferPool(MIB);
  const many = Array.from({ length: 20 }, () => pool.take(200_000));
  for (const buffer of many) pool.give(buffer);
  assert.equal(pool.keptBytes, MIB);
});
