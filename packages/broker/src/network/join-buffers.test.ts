import assert from "node:assert/strict";
import { test } from "node:test";
import { joinBuffers } from "./join-buffers.ts";

const KIB = 1024;
/** Not from a pool: places in two of them are the same. */
const memory = Buffer.allocUnsafeSlow(64 * KIB);
for (let i = 0; i < memory.length; i++) memory[i] = i % 251;
const part = (from: number, to: number) => memory.subarray(from, to);

test("buffers one behind the other are one without a copy, others stay apart when they are large", () => {
  const parts = [part(0, 9 * KIB), part(9 * KIB, 10 * KIB), part(20 * KIB, 21 * KIB)];
  const joined = joinBuffers([...parts, part(21 * KIB, 30 * KIB), part(5, 9)]);
  assert.deepEqual(
    joined.map(({ buffer, byteOffset, length }) => [buffer === memory.buffer, byteOffset, length]),
    [
      [true, memory.byteOffset, 10 * KIB],
      [true, memory.byteOffset + 20 * KIB, 10 * KIB],
      [true, memory.byteOffset + 5, 4],
    ],
  );
});

test("small buffers are copied together, in order, and at the same place of other memory is not behind", () => {
  const other = Buffer.allocUnsafeSlow(64 * KIB).fill(255);
  const parts = [part(10, 20), other.subarray(20, 30), part(30, 40), part(5, 10)];
  const joined = joinBuffers(parts);
  assert.equal(joined.length, 1);
  assert.ok(joined[0]!.equals(Buffer.concat(parts)));
});

test("no buffer and a single one stay as they are", () => {
  assert.deepEqual(joinBuffers([]), []);
  const only = part(1, 2);
  assert.equal(joinBuffers([only])[0], only);
});
