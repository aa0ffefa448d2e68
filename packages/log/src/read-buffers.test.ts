import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadBuffers } from "./read-buffers.ts";

test("a read buffer that came back is lent again for a size of the same power of two", () => {
  const buffers = new ReadBuffers();
  const first = buffers.take(100_000);
  assert.ok(first.length >= 100_000);
  buffers.give(first);
  assert.equal(buffers.take(200_000).length >= 200_000, true);
  assert.equal(buffers.take(70_000), first);
  assert.notEqual(buffers.take(70_000), first);
});

test("read buffers of every size are large enough", () => {
  const buffers = new ReadBuffers();
  for (const size of [1, 16_384, 16_385, 65_536, 1_048_576, 1_048_577, 4_194_304]) {
    const buffer = buffers.take(size);
    assert.ok(buffer.length >= size, `${size}`);
    assert.ok(buffer.length < Math.max(2 * size, 16_385), `${size}`);
  }
});

test("read buffers beyond the limit are left to the garbage collector", () => {
  const buffers = new ReadBuffers();
  const many = Array.from({ length: 20 }, () => buffers.take(4_194_304));
  for (const buffer of many) buffers.give(buffer);
  assert.equal(buffers.keptBytes, 33_554_432);
});
