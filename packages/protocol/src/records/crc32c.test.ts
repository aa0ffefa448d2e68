import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c, createCrc32c } from "./crc32c.ts";
import { appendFactor, crc32cModule } from "./crc32c-module.ts";

/** One bit at a time, straight from the definition. */
function reference(bytes: Uint8Array, seed = 0): number {
  let state = ~seed;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      state = (state & 1) === 1 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1;
    }
  }
  return ~state >>> 0;
}

function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 12_345;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** Enough for the WebAssembly module to be used from here on. */
function warmUp(): void {
  crc32c(Buffer.alloc(2 * 1024 * 1024), 0, 2 * 1024 * 1024);
}

test("crc32c agrees with the published vectors", () => {
  assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43);
  assert.equal(crc32c(Buffer.alloc(0), 0, 0), 0);
});

test("sizes around every boundary of the fast way agree with the definition", () => {
  warmUp();
  const bytes = noise(70_000);
  const memory = new WebAssembly.Memory({ initial: 2 });
  const inMemory = createCrc32c(memory);
  new Uint8Array(memory.buffer).set(bytes, 5);
  for (const size of [
    511, 512, 513, 767, 768, 1024, 4097, 16_384, 32_767, 32_768, 49_151, 65_536,
  ]) {
    const expected = reference(bytes.subarray(3, 3 + size));
    assert.equal(crc32c(bytes, 3, 3 + size), expected, `${size} bytes`);
    assert.equal(inMemory(8, size), expected, `${size} bytes in memory`);
  }
});

test("a checksum continues from the one of what came before", () => {
  warmUp();
  const bytes = noise(5000);
  const whole = reference(bytes);
  fc.assert(
    fc.property(fc.nat(5000), (cut) => {
      assert.equal(crc32c(bytes, cut, 5000, crc32c(bytes, 0, cut)), whole);
    }),
    { numRuns: 50 },
  );
});

test("a memory that has grown is still read", () => {
  warmUp();
  const memory = new WebAssembly.Memory({ initial: 1 });
  const crc = createCrc32c(memory);
  const bytes = noise(1000);
  crc(0, 1000);
  memory.grow(1);
  new Uint8Array(memory.buffer).set(bytes, 65_000);
  assert.equal(crc(65_000, 1000), reference(bytes));
  assert.equal(crc(65_000, 100), reference(bytes.subarray(0, 100)));
});

test("the module without the relaxed swizzle computes the same", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = noise(4096);
  new Uint8Array(memory.buffer).set(bytes);
  for (const relaxed of [false, true]) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(crc32cModule(relaxed)), {
      m: { memory },
    });
    const update = instance.exports.update as (...parameters: number[]) => number;
    assert.equal(~update(0, 256, ~0, appendFactor(256)) >>> 0, reference(bytes));
  }
});
