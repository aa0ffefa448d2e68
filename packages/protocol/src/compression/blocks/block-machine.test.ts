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
      // As the memory before the input.
      roundTrips(Buffer.alloc(size));
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

/** Lengths around what a token and a byte after it hold, and around what is copied at once. */
const LITERALS = [0, 1, 14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 59, 60, 61, 269, 270, 271, 525];
const MATCHES = [4, 5, 11, 12, 17, 18, 19, 20, 31, 32, 33, 35, 36, 63, 64, 68, 273, 274, 275, 529];
const DISTANCES = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 2047, 2048, 4000];

for (const format of FORMATS) {
  test(`${format.name}: literals and matches of every length around a boundary come back`, () => {
    const noise = mixture(5000, 3);
    for (let i = 0; i < LITERALS.length * MATCHES.length * DISTANCES.length; i += 7) {
      const literals = LITERALS[i % LITERALS.length]!;
      const length = MATCHES[Math.floor(i / LITERALS.length) % MATCHES.length]!;
      const distance = DISTANCES[Math.floor(i / LITERALS.length / MATCHES.length)]!;
      const bytes = Buffer.alloc(4000 + literals + length + (i % 20));
      noise.copy(bytes);
      const from = 4000 + literals;
      for (let k = from; k < from + length; k++) bytes[k] = bytes[k - distance]!;
      const packed = compress(assembled, format, bytes).subarray(format.sizeBytes(bytes.length));
      for (const unpacker of [assembled, plain]) {
        const unpacked = decompress(unpacker, format, packed, bytes.length);
        assert.ok(typeof unpacked !== "number" && unpacked.equals(bytes));
      }
    }
  });
}

interface Sequence {
  readonly literals: number;
  readonly length: number;
  readonly distance: number;
}

function lz4Bytes({ literals, length, distance }: Sequence): number[] {
  return [
    (Math.min(literals, 15) << 4) | Math.min(length - 4, 15),
    ...lz4Length(literals),
    ...filler(literals),
    distance & 255,
    distance >> 8,
    ...lz4Length(length - 4),
  ];
}

function lz4Length(length: number): number[] {
  const bytes: number[] = [];
  for (let rest = length - 15; rest >= 0; rest -= 255) bytes.push(Math.min(rest, 255));
  return bytes;
}

/** A copy of every kind there is, by turns where several would do. */
function snappyBytes({ literals, length, distance }: Sequence): number[] {
  const last = literals - 1;
  const tag = last < 60 ? [last << 2] : last < 256 ? [240, last] : [244, last & 255, last >> 8];
  const near = [((distance >> 8) << 5) | ((length - 4) << 2) | 1, distance & 255];
  const far = [((length - 1) << 2) | 2, distance & 255, distance >> 8];
  const farthest = [((length - 1) << 2) | 3, distance & 255, distance >> 8, 0, 0];
  const copy = length < 12 && distance < 2048 ? near : literals % 4 === 0 ? farthest : far;
  return [...(literals === 0 ? [] : [...tag, ...filler(literals)]), ...copy];
}

function filler(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 151) & 255);
}

for (const format of FORMATS) {
  test(`${format.name}: what is copied at once keeps to every limit`, () => {
    const encode = format.name === "lz4" ? lz4Bytes : snappyBytes;
    for (const literals of [0, 13, 14, 15, 16]) {
      for (const length of [4, 17, 18, 19, 20, 31, 32, 33, 63, 64]) {
        const first = encode({ literals: 40, length: 10, distance: 20 });
        const second = encode({ literals, length, distance: 30 });
        const block = Buffer.from([...first, ...second, ...first]);
        for (let limit = 40; limit < 110 + literals + length; limit++) {
          const expected = decompress(plain, format, block, limit);
          assert.deepEqual(decompress(assembled, format, block, limit), expected);
        }
      }
    }
  });

  test(`${format.name}: hand-made sequences up to any limit fail alike or hold the same`, () => {
    const maxLength = format.name === "lz4" ? 1000 : 64;
    const encode = format.name === "lz4" ? lz4Bytes : snappyBytes;
    const sequence = fc.record({
      literals: fc.oneof(fc.nat(16), fc.constantFrom(...LITERALS)),
      length: fc.oneof(fc.integer({ min: 4, max: 20 }), fc.constantFrom(...MATCHES)),
      /** What lies outside becomes the first place, the place before it, or none. */
      distance: fc.oneof(fc.nat(40), fc.nat(1000), fc.integer({ min: 10_000, max: 10_020 })),
    });
    fc.assert(
      fc.property(
        fc.array(sequence, { minLength: 1, maxLength: 12 }),
        fc.nat(20),
        fc.oneof(fc.constant(0), fc.integer({ min: -70, max: 70 })),
        fc.oneof(fc.constant(0), fc.nat(40)),
        (sequences, last, extra, cut) => {
          let size = 0;
          const block = sequences.flatMap(({ literals, length, distance }) => {
            size += literals;
            const isOutside = distance > size;
            const back = isOutside ? [size, size, size, size + 1, 0][distance % 5]! : distance;
            const bounded = Math.min(length, maxLength);
            size += bounded;
            return encode({ literals, length: bounded, distance: back });
          });
          if (format.name === "lz4") {
            block.push(Math.min(last, 15) << 4, ...lz4Length(last), ...filler(last));
            size += last;
          }
          const limit = Math.max(0, size + extra);
          const bytes = Buffer.from(block).subarray(0, Math.max(0, block.length - cut));
          const expected = decompress(plain, format, bytes, limit);
          assert.deepEqual(decompress(assembled, format, bytes, limit), expected);
        },
      ),
      { numRuns: numRuns * 10 },
    );
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
