import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MalformedResponseError } from "../errors.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "./subscription.ts";

const partitions = fc
  .dictionary(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 1000 })),
  )
  .map((topics) => new Map(Object.entries(topics)));
const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((b) => Buffer.from(b)));

test("a subscription and an assignment come back as they were written", () => {
  fc.assert(
    fc.property(
      fc.record({
        topics: fc.array(fc.string({ maxLength: 10 })),
        userData: bytes,
        ownedPartitions: partitions,
        generation: fc.integer({ min: -1, max: 0x7fffffff }),
        rackId: fc.option(fc.string({ maxLength: 5 })),
      }),
      (fields) => {
        const subscription = { ...fields };
        assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription);
      },
    ),
  );
  fc.assert(
    fc.property(fc.record({ partitions, userData: bytes }), (fields) => {
      const assignment = { ...fields };
      assert.deepEqual(decodeAssignment(encodeAssignment(assignment)), assignment);
    }),
  );
});

test("arbitrary bytes decode or fail as malformed, nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (raw) => {
      for (const decode of [decodeSubscription, decodeAssignment]) {
        try {
          decode(Buffer.from(raw));
        } catch (error) {
          assert.ok(error instanceof MalformedResponseError, String(error));
        }
      }
    }),
  );
});

test("subscriptions of version 0 and of a future version are understood", () => {
  const v0 = Buffer.from("0000000000010001740000000201ff", "hex");
  assert.deepEqual(decodeSubscription(v0), {
    topics: ["t"],
    userData: Buffer.from([1, 0xff]),
    ownedPartitions: new Map(),
    generation: -1,
    rackId: null,
  });
  const known = encodeSubscription({
    topics: ["t"],
    userData: null,
    ownedPartitions: new Map([["t", [1]]]),
    generation: 4,
    rackId: "r",
  });
  const future = Buffer.concat([known, Buffer.from("more")]);
  future.writeInt16BE(9, 0);
  assert.deepEqual(decodeSubscription(future), decodeSubscription(known));
});

test("an empty assignment, as a coordinator answers for a forgotten member, means no partitions", () => {
  assert.deepEqual(decodeAssignment(Buffer.alloc(0)), { partitions: new Map(), userData: null });
});
