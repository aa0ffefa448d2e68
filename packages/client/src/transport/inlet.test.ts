import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import fc from "fast-check";
import { BytePool } from "../byte-pool.ts";
import { Inlet } from "./inlet.ts";

test("frames come out whole, in order and in memory of their own, however much each read brings", () => {
  const sizes = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 10_000, max: 200_000 })),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1 }),
      (all, reads) => {
        const frames = all.map((size, i) => Buffer.alloc(size, i + 1));
        const stream = Buffer.concat(
          frames.flatMap((frame) => {
            const size = Buffer.alloc(4);
            size.writeInt32BE(frame.length);
            return [size, frame];
          }),
        );
        const inlet = new Inlet(1 << 20, new BytePool(new SimulatedClock()));
        const got: Buffer[] = [];
        inlet.onFrame = (frame) => got.push(frame);
        const { buffer, callback } = inlet.options.onread;
        assert.ok(typeof buffer === "function");
        for (let at = 0, i = 0; at < stream.length; i++) {
          const place = buffer();
          const bytes = Math.min(reads[i % reads.length]!, place.length, stream.length - at);
          place.set(stream.subarray(at, at + bytes));
          callback(bytes, place);
          at += bytes;
        }
        // Compared at the end: nothing was written over by later reads.
        assert.deepEqual(got, frames);
      },
    ),
    { numRuns: 60 },
  );
});

test("a large frame is read straight into the buffer that it is handed out in", () => {
  const inlet = new Inlet(1 << 20, new BytePool(new SimulatedClock()));
  const got: Buffer[] = [];
  inlet.onFrame = (frame) => got.push(frame);
  const { buffer, callback } = inlet.options.onread;
  assert.ok(typeof buffer === "function");
  const first = buffer() as Buffer;
  first.writeInt32BE(100_000);
  callback(4, first);
  const place = buffer();
  assert.equal(place.length, 100_000);
  callback(100_000, place);
  assert.equal(got[0]!.buffer, place.buffer);
});
