import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import { BytePool } from "../byte-pool.ts";
import { MalformedResponseError } from "../errors.ts";
import { FrameReader } from "./frame-reader.ts";

test("frames come out whole and in order, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(
          bodies.map((body) => {
            const size = Buffer.alloc(4);
            size.writeInt32BE(body.length);
            return Buffer.concat([size, body]);
          }),
        );
        const frames: Buffer[] = [];
        const reader = new FrameReader(100, new BytePool(new SimulatedClock()), (frame) =>
          frames.push(Buffer.from(frame)),
        );
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const end = at + cuts[i % cuts.length]!;
          reader.push(Buffer.from(stream.subarray(at, end)));
          at = end;
        }
        assert.deepEqual(
          frames,
          bodies.map((body) => Buffer.from(body)),
        );
      },
    ),
  );
});

test("a size above the cap or below zero is refused before anything is allocated", () => {
  for (const size of ["7fffffff", "ffffffff", "00000065"]) {
    const reader = new FrameReader(100, new BytePool(new SimulatedClock()), () =>
      assert.fail("no frame is expected"),
    );
    assert.throws(() => reader.push(Buffer.from(size, "hex")), MalformedResponseError);
  }
});
