import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SystemRandom } from "@ottla/platform";
import { drawJitter } from "./segment-roll.ts";
import { appendOne, config, makeBatch, openEngine, topicId } from "./test-support.ts";

test("LG12: a segment is rolled early by less than its jitter and its time", () => {
  const random = new SystemRandom();
  for (let i = 0; i < 100; i++) {
    assert.ok(drawJitter(random, 1_000, 5) < 5);
    assert.ok(drawJitter(random, 3, 1_000) < 3);
  }
  assert.equal(drawJitter(random, 1_000, 0), 0);
});

for (const segmentMs of [2 ** 48 - 1, 2 ** 48, 2 ** 53, Number.POSITIVE_INFINITY]) {
  test(`LG12: with ${segmentMs} ms and as much jitter segments are rolled by size alone`, async () => {
    const fileSystem = new MemoryFileSystem();
    const engine = await openEngine({ fileSystem, random: new SystemRandom() });
    const id = topicId(1);
    const times = { segmentMs, segmentJitterMs: segmentMs };
    const topicConfig = { ...config, ...times, segmentBytes: 200, timestampAfterMaxMs: Infinity };
    engine.openTopic({ topicId: id, name: "t", partitions: 1, config: topicConfig });
    for (let i = 0; i < 4; i++) {
      const { error } = await appendOne(engine, id, 0, makeBatch({ timestamps: [i * 1_000] }));
      assert.equal(error, null);
    }
    await engine.close();
    const names = (await fileSystem.list("/data/t-0")).map(({ name }) => name);
    assert.equal(names.filter((name) => name.endsWith(".log")).length, 2);
  });
}
