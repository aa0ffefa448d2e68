import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createBlockMachine, hashBitsFor } from "./block-machine.ts";
import { INPUT, OUTPUT } from "./block-memory.ts";

/** Runs of each property; more by hand. */
const numRuns = Number(process.env.OTTLA_RUNS ?? 60);
const CANARY = 0xa5;
const CANARY_BYTES = 64;

const assembled = createBlockMachine("module");
const plain = createBlockMachine("javascript");

type Machine = typeof assembled;
interface Format {
  readonly name: string;
  readonly maxBytes: number;
  readonly compress: "compressLz4" | "compressSnappy";
  readonly decompress: "decompressLz4" | "decompressSnappy";
  /** Bytes of the content's size before the elements. */
  sizeBytes(content: number): number;
}

const FORMATS: readonly Format[] = [
  {
    name: "lz4",
    maxBytes: 65_536,
    compress: "compressLz4",
    decompress: "decompressLz4",
    sizeBytes: () => 0,
  },
  {
    name: "snappy",
    maxBytes: 65_536,
    compress: "compressSnappy",
    decompress: "decompressSnappy",
    sizeBytes: (content) => (content < 128 ? 1 : content < 16_384 ? 2 : 3),
  },
];

function compress(machine: Machine, format: Format, content: Uint8Array): Buffer {
  machine.memory.set(content, INPUT);
  const end = machine[format.compress](content.length, OUTPUT, hashBitsFor(content.length));
  return Buffer.from(machine.memory.subarray(OUTPUT, end));
}

/** The content, or the failure. Asserts that nothing but the output and its slack was written. */
function decompress(
  machine: Machine,
  format: Format,
  block: Uint8Array,
  limit: number,
): Buffer | number {
  const { memory } = machine;
  memory.fill(CANARY, OUTPUT - CANARY_BYTES, OUTPUT + limit + 16 + CANARY_BYTES);
  memory.set(block, INPUT);
  const end = machine[format.decompress](INPUT, INPUT + block.length, OUTPUT, OUTPUT + limit);
  for (let i = 0; i < CANARY_BYTES; i++) {
    assert.equal(memory[OUTPUT - 1 - i], CANARY, "wrote before the output");
    assert.equal(memory[OUTPUT + limit + 16 + i], CANARY, "wrote beyond the slack");
  }
  return end < 0 ? end : Buffer.from(memory.subarray(OUTPUT, end));
}

/** Noise, runs with every short distance, and text-like repetition near and far. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 100 }))
        .map(([bytes, times]) => Buffer.concat(Array.from({ length: times }, () => bytes))),
      fc
        .array(fc.constantFrom("key", "value-", "0123456789", "{", "},", "x"), { maxLength: 60 })
        .map((words) => Buffer.from(words.join(""))),
    ),
    { maxLength: 14 },
  )
  .map((parts) => Buffer.concat(parts));

/** Deterministic bytes: noise with an earlier piece repeated here and there. */
function mixture(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 12;
  };
  for (let at = 0; at < size; ) {
    const length = Math.min(1 + (next() % 60), size - at);
    if (at > 0 && next() % 2 === 0) {
      const from = next() % at;
      for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i]!;
    } else {
      for (let i = 0; i < length; i++) bytes[at + i] = next();
    }
    at += length;
  }
  return bytes;
}

for (const format of FORMATS) {
  const roundTrips = (bytes: Buffer) => {
    for (const packer of [assembled, plain]) {
      const packed = compress(packer, format, bytes).subarray(format.sizeBytes(bytes.length));
      for (const unpacker of [assembled, plain]) {
        assert.deepEqual(decompress(unpacker, format, packed, bytes.length), bytes);
      }
    }
  };

  test(`${format.name}: what either machine compresses both decompress`, () => {
    fc.assert(fc.property(content, roundTrips), { numRuns });
  });

  test(`${format.name}: every size around the boundaries of the format comes back`, () => {
    const sizes = Array.from({ length: 300 }, (_, i) => i + 1);
    const { maxBytes } = format;
    sizes.push(4095, 4096, 4097, 16_383, 16_384, 32_767, 32_768, maxBytes - 1, maxBytes);
    for (const size of sizes) {
      roundTrips(mixture(size, size));
      roundTrips(Buffer.alloc(size, 7));
    }
  });

  test(`${format.name}: the assembled machine compresses no worse`, () => {
    let ours = 0;
    let reference = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const bytes = mixture(format.maxBytes / seed, seed);
      ours += compress(assembled, format, bytes).length;
      reference += compress(plain, format, bytes).length;
    }
    assert.ok(ours <= reference * 1.01, `${ours} bytes instead of ${reference}`);
  });

  test(`${format.name}: damaged blocks fail alike or hold the same, and nothing else is touched`, () => {
    const agree = (block: Uint8Array, limit: number) => {
      const expected = decompress(plain, format, block, limit);
      assert.deepEqual(decompress(assembled, format, block, limit), expected);
    };
    fc.assert(
      fc.property(
        content,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        fc.integer({ min: -40, max: 40 }),
        (bytes, damages, cut, extra) => {
          const packed = compress(plain, format, bytes).subarray(format.sizeBytes(bytes.length));
          for (const [at, byte] of damages) {
            packed[at % packed.length] = byte;
          }
          const limit = Math.max(0, bytes.length + extra);
          agree(packed, limit);
          agree(packed.subarray(0, cut % (packed.length + 1)), limit);
        },
      ),
      { numRuns: numRuns * 5 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(300), agree), {
      numRuns: numRuns * 10,
    });
  });
}

test("lz4: lengths that never end are refused", () => {
  for (const token of [0xf0, 0x1f]) {
    const block = Buffer.alloc(4 * 1024 * 1024, 255);
    block[0] = token;
    const expected = decompress(plain, FORMATS[0]!, block, 1000);
    assert.ok(typeof expected === "number");
    assert.equal(decompress(assembled, FORMATS[0]!, block, 1000), expected);
  }
});

test("snappy: the largest claims of a literal and of a distance are refused", () => {
  for (const block of [
    Buffer.from([63 << 2, 255, 255, 255, 255, 1]),
    Buffer.from([63 << 2, 255, 255, 255, 127, 1]),
    Buffer.from([0, 1, 3, 255, 255, 255, 255]),
  ]) {
    const expected = decompress(plain, FORMATS[1]!, block, 1000);
    assert.ok(typeof expected === "number" && expected < 0);
    assert.equal(decompress(assembled, FORMATS[1]!, block, 1000), expected);
  }
});
