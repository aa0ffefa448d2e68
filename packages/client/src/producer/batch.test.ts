import assert from "node:assert/strict";
import { test } from "node:test";
import { isBatchCrcValid } from "@ottla/protocol";
import { ProducerBatch } from "./batch.ts";
import { BufferPool } from "./buffer-pool.ts";

const settings = { compression: "none", compressionLevel: null } as const;

function batchOf(pool: BufferPool, value: string): ProducerBatch {
  const batch = new ProducerBatch(0, 0, settings, false, pool);
  batch.append({ topic: "t", value }, null, 1_000, null, 0);
  batch.stamp(1, 0, 0);
  return batch;
}

test("a delivered batch gives its buffer back, once, and the next one writes into it", () => {
  const pool = new BufferPool(500, 4);
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

test("a batch that is not given back keeps its bytes; a pool holds back no more than it may", () => {
  const pool = new BufferPool(500, 1);
  const kept = batchOf(pool, "kept");
  const bytes = Buffer.from(kept.bytes());
  const others = [batchOf(pool, "a"), batchOf(pool, "b")];
  const [first, second] = others.map((batch) => batch.bytes().buffer);
  for (const batch of others) batch.recycle();
  assert.deepEqual(kept.bytes(), bytes);
  assert.equal(pool.take().buffer, first);
  assert.notEqual(pool.take().buffer, second);
});

test("a record larger than the pool's buffers has a buffer of its own", () => {
  const pool = new BufferPool(100, 4);
  const large = batchOf(pool, "x".repeat(5_000));
  assert.ok(isBatchCrcValid(large.bytes(), 0));
  assert.ok(large.bytes().length > 5_000);
  large.recycle();
  assert.equal(pool.take().length, 100);
});
