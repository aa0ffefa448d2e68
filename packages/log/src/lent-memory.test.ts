import assert from "node:assert/strict";
import { test } from "node:test";
import { isBatchCrcValid } from "@ottla/protocol";
import type { ReadResult } from "./engine.ts";
import type { LocalLogEngine } from "./local-engine.ts";
import {
  appendOne,
  config,
  makeBatch,
  openEngine,
  readRequest,
  smallLimits,
  topicId,
} from "./test-support.ts";

const id = topicId(1);
const topic = { topicId: id, name: "lent", partitions: 2, config };

test("what a reader was lent from memory stays as it is until it is given back", async () => {
  await using engine = await openEngine({ tailBytes: 131_072 });
  engine.openTopic(topic);
  await fill(engine, 0, 2);
  const found = await read(engine, 0);
  assert.ok(found.release !== null, "views of the tail");
  const before = Buffer.concat(found.records);
  await fill(engine, 2, 400);
  assert.ok(before.equals(Buffer.concat(found.records)));
  found.release();
});

test("memory that was given back is filled again, and that of others at the same time is not", async () => {
  await using engine = await openEngine({ tailBytes: 131_072 });
  engine.openTopic(topic);
  await fill(engine, 0, 2);
  const given = await read(engine, 0);
  const kept = await read(engine, 1);
  const keptBefore = Buffer.concat(kept.records);
  const givenBefore = Buffer.concat(given.records);
  const [slab] = given.records;
  assert.equal(slab!.buffer, kept.records[0]!.buffer, "both are in one slab");
  given.release!();
  given.release!();
  await fill(engine, 2, 400);
  assert.ok(keptBefore.equals(Buffer.concat(kept.records)), "twice given back is once");
  kept.release!();
  await fill(engine, 400, 800);
  assert.ok(!givenBefore.equals(Buffer.concat(given.records)));
});

test("what a reader was lent from files stays as it is until it is given back, and once only", async () => {
  await using engine = await openEngine({ ...smallLimits, tailBytes: 65_536 });
  engine.openTopic(topic);
  await fill(engine, 0, 300);
  const first = await read(engine, 0);
  const before = Buffer.concat(first.records);
  for (let offset = 4; offset < 60; offset += 4) (await read(engine, offset)).release?.();
  assert.ok(before.equals(Buffer.concat(first.records)));
  first.release!();
  const second = await read(engine, 8);
  const secondBefore = Buffer.concat(second.records);
  first.release!();
  for (let offset = 12; offset < 60; offset += 4) await read(engine, offset);
  assert.ok(secondBefore.equals(Buffer.concat(second.records)));
});

/** One batch per offset in `[from, to)`. */
async function fill(engine: LocalLogEngine, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 20) {
    const appends = [];
    for (let offset = at; offset < Math.min(to, at + 20); offset++) {
      const records = makeBatch({ values: [`${offset} `.repeat(700)] });
      appends.push(appendOne(engine, id, 0, records));
    }
    for (const { error } of await Promise.all(appends)) assert.equal(error, null);
  }
}

async function read(engine: LocalLogEngine, offset: number): Promise<ReadResult> {
  const [result] = await engine.read(readRequest(id, 0, offset, { partitionMaxBytes: 16_384 }));
  assert.equal(result!.error, null);
  assert.ok(result!.sizeBytes > 0);
  assert.ok(isBatchCrcValid(result!.records[0]!, 0));
  return result!;
}
