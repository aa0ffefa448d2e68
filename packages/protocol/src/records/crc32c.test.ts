import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c, createCrc32c } from "./crc32c.ts";
import { appendFactor, crc32cModule } from "./crc32c-module.ts";
import { createSlice } from "./crc32c-slicing.ts";

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

/** Of RFC 3720, appendix B.4, and the customary one of nine digits. */
const vectors: readonly (readonly [bytes: Buffer, checksum: number])[] = [
  [Buffer.from("123456789"), 0xe3069283],
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  [Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  [Buffer.alloc(0), 0],
];

test("crc32c agrees with the published vectors", () => {
  for (const [bytes, checksum] of vectors) {
    assert.equal(crc32c(bytes, 0, bytes.length), checksum);
  }
});

test("a memory's checksum agrees with the published vectors, in JavaScript and in WebAssembly", () => {
  for (const prepare of [() => {}, warmUp]) {
    prepare();
    const memory = new WebAssembly.Memory({ initial: 1 });
    const inMemory = createCrc32c(memory);
    for (const [bytes, checksum] of vectors) {
      new Uint8Array(memory.buffer).set(bytes, 77);
      assert.equal(inMemory(77, bytes.length), checksum);
    }
  }
});

test("slicing in WebAssembly agrees with the definition at any size, place and state before", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const slice = createSlice(memory);
  assert.ok(slice !== null);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(noise(bytes.length));
  const seeds = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(fc.nat(600), fc.nat(60_000), seeds, (size, at, seed) => {
      const expected = reference(bytes.subarray(at, at + size), seed);
      assert.equal(~slice(at, size, ~seed) >>> 0, expected);
    }),
    { numRuns: 500 },
  );
  for (let size = 0; size <= 64; size++) {
    const expected = reference(bytes.subarray(at(size)), 5);
    assert.equal(~slice(at(size), size, ~5) >>> 0, expected, `the last ${size} bytes`);
  }

  function at(size: number): number {
    return bytes.length - size;
  }
});

test("a memory's checksum is the same as that of bytes elsewhere", () => {
  warmUp();
  const memory = new WebAssembly.Memory({ initial: 1 });
  const inMemory = createCrc32c(memory);
  const bytes = noise(65_536);
  new Uint8Array(memory.buffer).set(bytes);
  const sizes = fc.oneof(fc.nat(600), fc.integer({ min: 2400, max: 6000 }));
  fc.assert(
    fc.property(sizes, fc.nat(59_000), fc.nat(0xffff_ffff), (size, at, seed) => {
      const checksum = inMemory(at, size, seed);
      assert.equal(checksum, crc32c(bytes, at, at + size, seed));
      assert.equal(checksum, reference(bytes.subarray(at, at + size), seed));
    }),
    { numRuns: 200 },
  );
});

test("where the engine knows one memory only there is no slicing in WebAssembly", async () => {
  const copy = "./crc32c-slicing.ts?one-memory";
  const fresh = (await import(copy)) as { readonly createSlice: typeof createSlice };
  const { Module } = WebAssembly;
  const memory = new WebAssembly.Memory({ initial: 1 });
  WebAssembly.Module = class {
    constructor() {
      throw new Error("multiple memories are not allowed");
    }
  };
  try {
    assert.equal(fresh.createSlice(memory), null);
  } finally {
    WebAssembly.Module = Module;
  }
  // It is not tried again.
  assert.equal(fresh.createSlice(memory), null);
});

test("sizes around every boundary of the fast way agree with the definition", () => {
  warmUp();
  const bytes = noise(70_000);
  const memory = new WebAssembly.Memory({ initial: 2 });
  const inMemory = createCrc32c(memory);
  new Uint8Array(memory.buffer).set(bytes, 5);
  for (const size of [
    255, 256, 257, 2559, 2560, 2561, 2815, 2816, 2831, 4097, 16_384, 32_767, 32_768, 49_151, 65_536,
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
