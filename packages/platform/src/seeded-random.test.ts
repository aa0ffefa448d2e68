import assert from "node:assert/strict";
import { it } from "node:test";
import { SeededRandom } from "./seeded-random.ts";

it("SeededRandom repeats itself for a seed and differs between seeds", () => {
  const [a, b, c] = [new SeededRandom(7), new SeededRandom(7), new SeededRandom(8)];
  assert.ok(a.bytes(64).equals(b.bytes(64)));
  assert.equal(a.uuid(), b.uuid());
  assert.equal(a.integer(2 ** 48 - 1), b.integer(2 ** 48 - 1));
  assert.ok(!a.bytes(64).equals(c.bytes(64)));
});

it("SeededRandom keeps to its bound and reaches every value evenly", () => {
  const random = new SeededRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    counts[random.integer(10)]! += 1;
  }
  assert.ok(
    counts.every((count) => count > 850 && count < 1150),
    counts.join(" "),
  );
  assert.equal(random.integer(1), 0);
});

it("SeededRandom makes version-4 UUIDs", () => {
  const random = new SeededRandom(1);
  for (let i = 0; i < 50; i++) {
    assert.match(
      random.uuid(),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  }
});
