import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import { hostileFrame } from "./hostile-frames.ts";

test("hostile frames replay from their seed, come in every kind, and are bounded", () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 2_000 }, () => hostileFrame(random));
  };
  const frames = draw(1);
  assert.deepEqual(draw(1), frames);
  assert.notDeepEqual(draw(2), frames);
  assert.equal(new Set(frames.map(({ kind }) => kind)).size, 11);
  for (const { bytes } of frames) assert.ok(bytes.length > 0 && bytes.length < 10_000);
});
