import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OffsetMap } from "./offset-map.ts";

function put(map: OffsetMap, key: Buffer, offset: number): boolean {
  return map.put(key, 0, key.length, offset);
}

function get(map: OffsetMap, key: Buffer): number {
  return map.get(key, 0, key.length);
}

test("LG13: the map holds what a plain map holds, for keys of any size", () => {
  const keys = fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.uint8Array({ minLength: 30, maxLength: 70 }),
  );
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 400 }), fc.integer(), (list, seed) => {
      const map = new OffsetMap(16_777_216, seed);
      const model = new Map<string, number>();
      list.forEach((key, offset) => {
        assert.equal(put(map, Buffer.from(key), offset), true);
        model.set(Buffer.from(key).toString("hex"), offset);
      });
      assert.equal(map.size, model.size);
      for (const [key, offset] of model) assert.equal(get(map, Buffer.from(key, "hex")), offset);
    }),
  );
});

test("LG13: the map stays within its bytes and says no only to keys it does not have", () => {
  const maxBytes = 400_000;
  const map = new OffsetMap(maxBytes, 7);
  let count = 0;
  while (put(map, Buffer.from(`key-${count}`), count)) count++;
  assert.ok(count > 5_000, `${count} keys`);
  assert.ok(map.bytes <= maxBytes, `${map.bytes} bytes`);
  assert.equal(put(map, Buffer.from("key-17"), 9_999_999), true);
  assert.equal(get(map, Buffer.from("key-17")), 9_999_999);
  assert.equal(get(map, Buffer.from(`key-${count}`)), -1);
  for (let i = 18; i < count; i++) assert.equal(get(map, Buffer.from(`key-${i}`)), i);
});

test("LG13: a key that is the digest of another is a key of its own", async () => {
  const { hash } = await import("node:crypto");
  const map = new OffsetMap(1_000_000, 1);
  const long = Buffer.alloc(100, 3);
  const digest = hash("sha256", long, "buffer");
  put(map, long, 1);
  put(map, digest, 2);
  assert.equal(get(map, long), 1);
  assert.equal(get(map, digest), 2);
});

test("LG13: a large map grows in steps that are short, and is as exact", () => {
  const map = new OffsetMap(64_000_000, 3);
  const key = Buffer.alloc(8);
  for (let i = 0; i < 100_000; i++) {
    key.writeDoubleBE(i % 60_000);
    assert.equal(map.put(key, 0, 8, i), true);
  }
  assert.equal(map.size, 60_000);
  for (let i = 0; i < 60_000; i++) {
    key.writeDoubleBE(i);
    assert.equal(map.get(key, 0, 8), i < 40_000 ? i + 60_000 : i);
  }
});

test("LG13: the empty key is a key", () => {
  const map = new OffsetMap(1_000_000, 1);
  assert.equal(get(map, Buffer.alloc(0)), -1);
  put(map, Buffer.alloc(0), 5);
  assert.equal(get(map, Buffer.alloc(0)), 5);
});
