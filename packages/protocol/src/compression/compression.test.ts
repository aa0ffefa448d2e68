import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../protocol-error.ts";
import {
  type CompressionType,
  compress,
  compressBehind,
  compressionIdOf,
  compressionTypeOf,
  compressionTypes,
  decompress,
} from "./compression.ts";
import { xxhash32 } from "./xxhash32.ts";

const LIMIT = 1 << 24;

/** Bytes with runs, repeats near and far, and noise: what compressors must get right. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 }))
        .map(([bytes, times]) => Buffer.concat(Array.from({ length: times }, () => bytes))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

for (const type of ["gzip", "zstd"] as const) {
  test(`${type}: compressing is given up when the result would be beyond its bound`, () => {
    const noise = Buffer.from(
      fc.sample(fc.uint8Array({ minLength: 5000, maxLength: 5000 }), 1)[0]!,
    );
    const bounded = (maxBytes: number) =>
      compressBehind(3, type, noise, undefined, Buffer.allocUnsafe, maxBytes);
    const { length } = compress(type, noise);
    assert.equal(bounded(length).length, 3 + length);
    assert.throws(
      () => bounded(length - 1),
      (error) => error instanceof ProtocolError && error.kind === "tooLarge",
    );
  });
}

for (const type of compressionTypes) {
  test(`${type}: what was compressed decompresses to the same bytes`, () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const packed = compress(type, bytes);
        assert.deepEqual(decompress(compressionIdOf(type), packed, LIMIT), bytes);
      }),
      { numRuns: type === "gzip" || type === "zstd" ? 15 : 60 },
    );
  });

  test(`${type}: large and incompressible inputs come back`, () => {
    const noise = Buffer.alloc(200_000);
    let state = 1;
    for (let i = 0; i < noise.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      noise[i] = state >>> 16;
    }
    for (const bytes of [noise, Buffer.alloc(300_000, 7), Buffer.alloc(65_536), Buffer.alloc(1)]) {
      const packed = compress(type, bytes);
      assert.ok(decompress(compressionIdOf(type), packed, bytes.length).equals(bytes));
    }
  });
}

const CODECS = compressionTypes.filter((type) => type !== "none");

for (const type of CODECS) {
  test(`${type}: output beyond the limit is refused`, () => {
    const packed = compress(type, Buffer.alloc(1_000_000));
    assert.throws(() => decompress(compressionIdOf(type), packed, 999_999), { kind: "tooLarge" });
    assert.throws(() => decompress(compressionIdOf(type), packed, 0), { kind: "tooLarge" });
  });

  test(`${type}: damaged and random bytes are refused with a typed error or decompress within the limit`, () => {
    const packed = compress(type, Buffer.from("abcabcabcabcabcabc".repeat(50)));
    const check = (bytes: Buffer) => {
      try {
        assert.ok(decompress(compressionIdOf(type), bytes, 10_000).length <= 10_000);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    };
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(packed);
        damaged[at] = byte;
        check(damaged);
        check(packed.subarray(0, at));
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => check(Buffer.from(bytes))),
      { numRuns: 100 },
    );
  });

  test(`${type}: a cut-off input is corrupt`, () => {
    const packed = compress(type, Buffer.alloc(5000, 3));
    const cut = packed.subarray(0, packed.length - 6);
    assert.throws(() => decompress(compressionIdOf(type), cut, LIMIT), { kind: "corrupt" });
  });
}

test("lz4 and snappy: more than the memory of the blocks holds comes back", () => {
  const bytes = Buffer.alloc(9 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 100)
    bytes.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, at);
  for (const type of ["lz4", "snappy"] as const) {
    const packed = compress(type, bytes);
    assert.ok(packed.length < bytes.length / 2);
    assert.ok(decompress(compressionIdOf(type), packed, bytes.length).equals(bytes));
    assert.throws(() => decompress(compressionIdOf(type), packed, bytes.length - 1), {
      kind: "tooLarge",
    });
  }
});

test("snappy: a bare block beyond the memory of the blocks is decompressed", () => {
  const copies = 80_000;
  const literal = Buffer.from([0, 0x61]);
  const copy = Buffer.from([2 | (63 << 2), 1, 0]);
  const size = 1 + copies * 64;
  const claim = Buffer.from([
    (size & 127) | 128,
    ((size >> 7) & 127) | 128,
    ((size >> 14) & 127) | 128,
    size >> 21,
  ]);
  const bare = Buffer.concat([claim, literal, Buffer.alloc(copies * 3, copy)]);
  assert.ok(decompress(2, bare, LIMIT).equals(Buffer.alloc(size, 0x61)));
  assert.throws(() => decompress(2, bare.subarray(0, bare.length - 1), LIMIT), { kind: "corrupt" });
});

test("LG4: snappy is accepted bare, as librdkafka writes it", () => {
  const bare = Buffer.concat([Buffer.from([11, 10 << 2]), Buffer.from("hello world")]);
  assert.equal(decompress(2, bare, LIMIT).toString(), "hello world");
});

test("LG4: lz4 frames with content size, block checksums or a wrong header checksum", () => {
  const stored = (flags: number, extra: Buffer, after: Buffer) => {
    const descriptor = Buffer.concat([Buffer.from([flags, 0x40]), extra]);
    const header = Buffer.concat([
      Buffer.from("04224d18", "hex"),
      descriptor,
      Buffer.from([(xxhash32(descriptor, 0, descriptor.length) >>> 8) & 0xff]),
    ]);
    const block = Buffer.concat([Buffer.from("03000080", "hex"), Buffer.from("abc"), after]);
    return Buffer.concat([header, block, Buffer.alloc(4)]);
  };
  const size = Buffer.alloc(8);
  size.writeUInt8(3);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(xxhash32(Buffer.from("abc"), 0, 3));
  assert.equal(decompress(3, stored(0x68, size, Buffer.alloc(0)), LIMIT).toString(), "abc");
  assert.equal(decompress(3, stored(0x70, Buffer.alloc(0), checksum), LIMIT).toString(), "abc");
  checksum[0] = checksum[0]! ^ 1;
  assert.throws(() => decompress(3, stored(0x70, Buffer.alloc(0), checksum), LIMIT), {
    kind: "corrupt",
  });
  const wrong = stored(0x60, Buffer.alloc(0), Buffer.alloc(0));
  wrong[6] = wrong[6]! ^ 1;
  assert.throws(() => decompress(3, wrong, LIMIT), { kind: "corrupt" });
  const dependent = stored(0x40, Buffer.alloc(0), Buffer.alloc(0));
  assert.throws(() => decompress(3, dependent, LIMIT), { kind: "corrupt" });
});

test("xxhash32 agrees with the published vectors", () => {
  const hash = (text: string) => xxhash32(Buffer.from(text), 0, text.length);
  assert.equal(hash(""), 0x02cc5d05);
  assert.equal(hash("a"), 0x550d7456);
  assert.equal(hash("Nobody inspects the spammish repetition"), 0xe2293b2f);
});

test("an unknown compression id is told apart", () => {
  assert.throws(() => decompress(5, Buffer.alloc(1), 1), { kind: "unsupportedCompression" });
  assert.equal(compressionTypeOf(7), null);
  const names: readonly CompressionType[] = ["none", "gzip", "snappy", "lz4", "zstd"];
  assert.deepEqual(names.map(compressionIdOf), [0, 1, 2, 3, 4]);
});

test("an empty input is not compressed data", () => {
  for (const type of CODECS) {
    assert.throws(() => decompress(compressionIdOf(type), Buffer.alloc(0), LIMIT), ProtocolError);
  }
});
