import assert from "node:assert/strict";
import { test } from "node:test";
import { baseOffset, partitionLeaderEpoch } from "@ottla/protocol";
import { appendOne, config, makeBatch, openEngine, readRequest, topicId } from "./test-support.ts";

const id = topicId(1);

test("what was appended is read back with its offsets", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 2, config });
  const first = await appendOne(engine, id, 0, makeBatch({ values: ["a", "b"] }));
  const second = await appendOne(engine, id, 0, makeBatch({ values: ["c"] }));
  assert.deepEqual([first.error, first.baseOffset], [null, 0]);
  assert.deepEqual([second.error, second.baseOffset], [null, 2]);
  const [result] = await engine.read(readRequest(id, 0, 0));
  assert.equal(result!.highWatermark, 3);
  assert.deepEqual(
    result!.records.map((batch) => [baseOffset(batch, 0), partitionLeaderEpoch(batch, 0)]),
    [
      [0, 0],
      [2, 0],
    ],
  );
});

test("LG7: a read in the middle of a batch returns the whole batch", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  await appendOne(engine, id, 0, makeBatch({ values: ["a", "b", "c"] }));
  const [result] = await engine.read(readRequest(id, 0, 2, { partitionMaxBytes: 1 }));
  assert.equal(result!.records.length, 1);
  assert.equal(baseOffset(result!.records[0]!, 0), 0);
});

test("LG9: a waiting read wakes when data becomes durable", async () => {
  await using engine = await openEngine();
  engine.openTopic({ topicId: id, name: "t", partitions: 1, config });
  const waiting = engine.read(readRequest(id, 0, 0, { maxWaitMs: 60_000 }));
  await appendOne(engine, id, 0, makeBatch());
  const [result] = await waiting;
  assert.equal(result!.records.length, 1);
});
