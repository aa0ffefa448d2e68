import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isUuid, readUuid, writeUuid, ZERO_UUID } from "./uuid.ts";

test("sixteen bytes become 22 characters and back", () => {
  const buffer = Buffer.alloc(20);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      buffer.set(bytes, 3);
      const text = readUuid(buffer, 3);
      assert.equal(text, Buffer.from(bytes).toString("base64url"));
      assert.equal(readUuid(buffer, 3), text);
      assert.ok(isUuid(text));
      buffer.fill(0);
      writeUuid(buffer, 3, text);
      assert.deepEqual(new Uint8Array(buffer.subarray(3, 19)), bytes);
    }),
  );
});

test("zero bytes are ZERO_UUID", () => {
  assert.equal(readUuid(Buffer.alloc(16), 0), ZERO_UUID);
});

test("anything but 22 characters of base64url is refused", () => {
  for (const text of ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "é".repeat(22), `${ZERO_UUID}A`]) {
    assert.equal(isUuid(text), false);
    assert.throws(() => writeUuid(Buffer.alloc(16), 0, text), { kind: "malformed" });
  }
});
