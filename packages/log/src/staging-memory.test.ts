import assert from "node:assert/strict";
import { test } from "node:test";
import { Arena } from "./arena.ts";
import { StagingMemory } from "./staging-memory.ts";

test("memory to stage in is bounded, used again, and handed on in the order of the calls", async () => {
  const staging = new StagingMemory(new Arena(StagingMemory.sizeBytes, 0));
  const small = await Promise.all(Array.from({ length: 8 }, () => staging.take(10_000)));
  const large = await Promise.all([staging.take(500_000), staging.take(50_000_000)]);
  assert.equal(new Set(small.concat(large)).size, StagingMemory.pieces);
  for (const memory of small) assert.equal(memory.bytes.length, 262_144);
  for (const memory of large) assert.equal(memory.bytes.length, 1_048_576, "the largest there is");

  const order: string[] = [];
  const first = staging.take(10_000).then((memory) => {
    order.push("first");
    return memory;
  });
  const second = staging.take(262_144).then((memory) => {
    order.push("second");
    return memory;
  });
  const long = staging.take(262_145).then((memory) => {
    order.push("long");
    return memory;
  });
  staging.give(large[0]!);
  assert.equal(await long, large[0]);
  staging.give(small[3]!);
  staging.give(small[5]!);
  assert.equal(await first, small[3]);
  assert.equal(await second, small[5]);
  assert.deepEqual(order, ["long", "first", "second"]);

  staging.give(small[0]!);
  assert.equal(await staging.take(1), small[0], "used again");
});
