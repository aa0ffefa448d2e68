import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { isBatchCrcValid } from "@ottla/protocol";
import { BytePool } from "../byte-pool.ts";
import { ProducerBatch } from "./batch.ts";

const ROOM_BYTES = 8192;

function batchOf(
  pool: BytePool,
  value: string,
  compression: "none" | "lz4" = "none",
): ProducerBatch {
  const settings = { compression, compressionLevel: null };
  const batch = new ProducerBatch(0, 0, settings, false, pool, ROOM_BYTES);
  batch.append({ topic: "t", value }, null, 1_000, null, 0);
  batch.stamp(1, 0, 0);
  return batch;
}

test("a delivered batch gives its memory back, once, and the next one writes into it", () => {
  const pool = new BytePool(new SimulatedClock());
  const first = batchOf(pool, "one");
  const memory = first.bytes().buffer;
  first.succeed("t", 0, -1);
  first.recycle();
  first.recycle();
  const second = batchOf(pool, "two");
  assert.equal(second.bytes().buffer, memory);
  assert.ok(isBatchCrcValid(second.bytes(), 0));
  const third = batchOf(pool, "three");
  assert.notEqual(third.bytes().buffer, memory, "given back once");
});

test("a batch that is not given back keeps its bytes", () => {
  const pool = new BytePool(new SimulatedClock());
  const kept = batchOf(pool, "kept");
  const bytes = Buffer.from(kept.bytes());
  batchOf(pool, "a").recycle();
  batchOf(pool, "b").recycle();
  assert.deepEqual(kept.bytes(), bytes);
});

test("a compressed batch leaves its room to the next one as soon as it is compressed", () => {
  const pool = new BytePool(new SimulatedClock());
  const value = Array.from({ length: 3_000 }, (_, i) => (i * i).toString(36)).join("");
  const first = batchOf(pool, value.slice(0, 8_000), "lz4");
  const room = pool.take(ROOM_BYTES);
  const sent = first.bytes();
  assert.ok(sent.length > 4_096, "large enough to be pooled itself");
  assert.notEqual(sent.buffer, room.buffer);
  const second = batchOf(pool, "two");
  const copy = Buffer.from(sent);
  assert.ok(isBatchCrcValid(second.bytes(), 0));
  assert.deepEqual(sent, copy);
  assert.ok(isBatchCrcValid(sent, 0));
});

test("a record larger than the room has memory of its own, and the room is free again", () => {
  const pool = new BytePool(new SimulatedClock());
  const large = batchOf(pool, "x".repeat(50_000));
  assert.ok(isBatchCrcValid(large.bytes(), 0));
  assert.ok(large.bytes().length > 50_000);
  large.recycle();
  assert.equal(pool.take(ROOM_BYTES).length, ROOM_BYTES);
});
