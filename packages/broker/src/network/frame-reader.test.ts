import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool } from "@ottla/platform";
import fc from "fast-check";
import { EARNEST_BYTES, FrameReader, InvalidFrameSize } from "./frame-reader.ts";

const MIB = 1_048_576;
const small = fc.uint8Array({ minLength: 1, maxLength: 50 });
const large = fc
  .integer({ min: 16_000, max: 40_000 })
  .map((size) => Buffer.alloc(size, String(size)));

test("frames come out whole and in order however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: small }, { weight: 1, arbitrary: large }), {
        maxLength: 20,
      }),
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 50 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
      (payloads, cuts, admissions) => {
        // Long streams are cut into longer pieces.
        const step = payloads.some(({ length }) => length > 50) ? 3000 : 1;
        const stream = Buffer.concat(payloads.flatMap((bytes) => [prefix(bytes.length), bytes]));
        const frames: Buffer[] = [];
        let asked = 0;
        let waiting = false;
        const reader = new FrameReader(
          100_000,
          new BufferPool(MIB),
          () => {
            waiting = admissions[asked++ % admissions.length] === false;
            return !waiting;
          },
          (frame) => frames.push(Buffer.from(frame)),
        );
        let position = 0;
        for (let turn = 0; position < stream.length; turn++) {
          const size = cuts[turn % cuts.length]! * step;
          reader.push(Buffer.from(stream.subarray(position, position + size)));
          position += size;
          if (turn % 3 === 0) settle();
        }
        settle();
        assert.equal(frames.length, payloads.length);
        for (const [index, frame] of frames.entries()) {
          assert.equal(frame.compare(payloads[index]!), 0);
        }
        assert.equal(reader.isMidFrame, false);

        function settle(): void {
          while (waiting) {
            waiting = false;
            reader.resume();
          }
        }
      },
    ),
  );
});

test("NW: a size that is zero, negative or above the limit is refused before anything is allocated", () => {
  for (const size of [0, -1, -0x8000_0000, 101, 0x7fff_ffff]) {
    const reader = new FrameReader(
      100,
      new BufferPool(MIB),
      () => assert.fail("asked for memory"),
      () => assert.fail("made a frame"),
    );
    assert.throws(() => reader.push(prefix(size)), InvalidFrameSize);
  }
});

test("NW: a promise of a frame takes no share before a good part of it is there", () => {
  const asked: number[] = [];
  const frames: Buffer[] = [];
  const reader = new FrameReader(
    1_000_000,
    new BufferPool(MIB),
    (bytes) => {
      asked.push(bytes);
      return true;
    },
    (frame) => frames.push(frame),
  );
  reader.push(prefix(100));
  reader.push(Buffer.alloc(99));
  assert.deepEqual(asked, []);
  reader.push(Buffer.alloc(1));
  assert.deepEqual(asked, [100]);
  reader.push(prefix(500_000));
  reader.push(Buffer.alloc(EARNEST_BYTES - 1));
  assert.deepEqual(asked, [100]);
  reader.push(Buffer.alloc(1));
  assert.deepEqual(asked, [100, 500_000]);
  assert.equal(reader.admittedBytes, 500_000);
  reader.push(Buffer.alloc(500_000 - EARNEST_BYTES));
  assert.deepEqual(
    frames.map(({ length }) => length),
    [100, 500_000],
  );
});

test("NW: who speaks TLS or HTTP is told apart from a wrong size", () => {
  const sent = (bytes: Buffer) => () =>
    new FrameReader(
      100,
      new BufferPool(MIB),
      () => true,
      () => {},
    ).push(bytes);
  assert.throws(sent(Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00)), /first bytes of TLS/);
  assert.throws(sent(Buffer.from("GET / HTTP/1.1")), /first bytes of HTTP$/);
  assert.throws(sent(Buffer.of(0, 0, 0, 101)), /frame of 101 bytes, at most 100 are accepted$/);
});

test("a frame of exactly the limit waits for its bytes", () => {
  const frames: Buffer[] = [];
  const reader = new FrameReader(
    100,
    new BufferPool(MIB),
    () => true,
    (frame) => frames.push(frame),
  );
  reader.push(prefix(100));
  assert.equal(frames.length, 0);
  reader.push(Buffer.alloc(100, 7));
  assert.equal(frames[0]?.length, 100);
});

test("NW: a frame that is here whole is a copy, is held against the limit, and begins where a cut prefix ends", () => {
  const read = (limit: number, chunks: readonly Buffer[]) => {
    const frames: Buffer[] = [];
    const reader = new FrameReader(
      limit,
      new BufferPool(MIB),
      () => true,
      (frame) => frames.push(frame),
    );
    for (const chunk of chunks) {
      reader.push(chunk);
      chunk.fill(0xdb);
    }
    return frames;
  };
  const whole = Buffer.concat([prefix(100), Buffer.alloc(100, 7)]);
  assert.deepEqual(read(100, [Buffer.from(whole)]), [Buffer.alloc(100, 7)]);
  assert.throws(() => read(99, [Buffer.from(whole)]), InvalidFrameSize);
  // What follows the first byte of the prefix would be a size of 25,600 itself.
  const zeros = Buffer.concat([prefix(100), Buffer.alloc(100)]);
  const cut = Buffer.concat([zeros.subarray(1), ...Array.from({ length: 300 }, () => zeros)]);
  assert.equal(read(100_000, [Buffer.from(zeros.subarray(0, 1)), cut]).length, 301);
});

function prefix(size: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  return bytes;
}
