/** Producer and consumer against every broker. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  Client,
  isBrokerError,
  NoOffsetError,
  orThrow,
  partitionForKey,
  UnknownPartitionError,
} from "@ottla/client";
import { eventually, forEachBroker } from "./broker.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const stage = new Stage(target);
  const { readAll } = stage;
  const newTopic = (partitions: number, configs: Record<string, string> = {}) =>
    stage.newTopic(partitions, { configs });

  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    test(`records come back as they were sent, with ${compression}`, async () => {
      const topic = await newTopic(1);
      await using producer = stage.client.producer({ compression });
      const timestampMs = 1_700_000_000_123;
      const sent = await producer.sendMany([
        { topic, key: "k", value: "v", headers: [{ key: "h", value: "1" }], timestampMs },
        { topic, key: null, value: Buffer.from([0, 255]), timestampMs: timestampMs - 5 },
        { topic, key: Buffer.from("ü"), value: null, headers: [{ key: "n", value: null }] },
        { topic, value: "x".repeat(5_000) },
      ]);
      assert.deepEqual(
        sent.map(({ offset }) => offset),
        [0, 1, 2, 3],
      );
      assert.equal(sent[0]!.timestampMs, timestampMs);
      const read = await readAll(topic, 1, 4);
      assert.deepEqual(
        read.map(({ offset }) => offset),
        [0, 1, 2, 3],
      );
      assert.equal(read[0]!.keyText(), "k");
      assert.equal(read[0]!.valueText(), "v");
      assert.equal(read[0]!.timestampMs, timestampMs);
      assert.deepEqual(read[0]!.headers, [{ key: "h", value: Buffer.from("1") }]);
      assert.equal(read[1]!.key, null);
      assert.deepEqual(read[1]!.value, Buffer.from([0, 255]));
      assert.equal(read[2]!.keyText(), "ü");
      assert.equal(read[2]!.value, null);
      assert.deepEqual(read[2]!.headers, [{ key: "n", value: null }]);
      assert.equal(read[3]!.value!.length, 5_000);
    });
  }

  test("order is kept per key and partition over many batches in flight", async () => {
    const topic = await newTopic(4);
    await using producer = stage.client.producer({ batchBytes: 2_000, lingerMs: 1 });
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      if (!producer.enqueue({ topic, key: `key-${i % 50}`, value: String(i) }))
        await producer.ready();
    }
    await producer.flush();
    const read = await readAll(topic, 4, count);
    assert.equal(read.length, count);
    const last = new Map<string, number>();
    for (const record of read) {
      const key = record.keyText()!;
      const value = Number(record.valueText());
      assert.ok(value > (last.get(key) ?? -1), "values of a key ascend");
      last.set(key, value);
      assert.equal(record.partition, partitionForKey(Buffer.from(key), 4));
    }
  });

  test("memory that is given back is used again, and what others of the client hold stays as it is", async () => {
    const topic = await newTopic(3);
    await using producer = stage.client.producer();
    const count = 3_000;
    const textOf = (i: number) => `${i} `.repeat(1_000).slice(0, 1_000);
    for (let i = 0; i < count; i++) {
      const record = { topic, partition: i % 3, value: textOf(i) };
      if (!producer.enqueue(record)) await producer.ready();
    }
    await producer.flush();
    const start = [0, 1, 2].map((partition) => ({ topic, partition, offset: 0 }));
    await using keeping = stage.client.consumer({ fetchMaxBytes: 50_000 });
    await using releasing = stage.client.consumer({ fetchMaxBytes: 50_000 });
    keeping.assign(start);
    releasing.assign(start);
    const kept: Buffer[] = [];
    const places = new Set<ArrayBufferLike>();
    let fetches = 0;
    let seen = 0;
    while (kept.length < count || seen < count) {
      for (const batch of await keeping.poll({ timeoutMs: 10 })) {
        for (const { value } of batch) kept.push(value!);
      }
      for (using batch of await releasing.poll({ timeoutMs: 10 })) {
        fetches++;
        for (const { value, offset, partition } of batch) {
          assert.equal(value!.toString(), textOf(offset * 3 + partition));
          places.add(value!.buffer);
          seen++;
        }
      }
    }
    for (const { buffer } of kept) places.add(buffer);
    assert.ok(places.size < fetches * 1.5, `${places.size} places for ${fetches} fetches each`);
    const values = new Set(kept.map((value) => value.toString()));
    assert.deepEqual(values, new Set(Array.from({ length: count }, (_, i) => textOf(i))));
  });

  test("a topic that does not exist is created by sending where the broker allows it, else it fails", async () => {
    const name = `pc-auto-${process.pid}`;
    await using creating = stage.client.producer();
    const delivery = await creating.send({ topic: name, value: "first" });
    assert.equal(delivery.offset, 0);
    await using refusing = stage.client.producer({ createTopics: false, maxBlockMs: 300 });
    await assert.rejects(refusing.send({ topic: `${name}-not`, value: "x" }), /no success within/);
    refusing.enqueue({ topic: `${name}-not`, value: "x" });
    await assert.rejects(refusing.flush(), /no success within/);
  });

  test("a batch the broker refuses fails, and those after it are still delivered", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "2000" });
    await using producer = stage.client.producer({ batchBytes: 100, lingerMs: 0 });
    const before = producer.send({ topic, value: "before" });
    const large = producer.send({ topic, value: "x".repeat(10_000) });
    const rest = Array.from({ length: 10 }, (_, i) =>
      producer.send({ topic, value: `after ${i}` }),
    );
    await before;
    await assert.rejects(large, (error) => isBrokerError(error, "MESSAGE_TOO_LARGE"));
    await Promise.all(rest);
    const read = await readAll(topic, 1, 11);
    assert.deepEqual(
      read.map((record) => record.valueText()),
      ["before", ...Array.from({ length: 10 }, (_, i) => `after ${i}`)],
    );
  });

  test("batches larger than the topic takes are split until they fit; only what fits alone is too large fails", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "2000" });
    await using producer = stage.client.producer({ batchBytes: 20_000, compression: "lz4" });
    const values = Array.from({ length: 100 }, (_, i) => `${i} ${randomBytes(60).toString("hex")}`);
    values[40] = randomBytes(4_000).toString("hex");
    const sends = values.map((value) => producer.send({ topic, value }));
    const outcomes = await Promise.allSettled(sends);
    await producer.flush();
    const failed = outcomes.flatMap((outcome, i) => (outcome.status === "rejected" ? [i] : []));
    assert.deepEqual(failed, [40]);
    await assert.rejects(sends[40]!, (error) => isBrokerError(error, "MESSAGE_TOO_LARGE"));
    const read = await readAll(topic, 1, 99);
    assert.deepEqual(
      read.map((record) => record.valueText()),
      values.filter((_, i) => i !== 40),
    );
    assert.deepEqual(
      await Promise.all(sends.filter((_, i) => i !== 40).map(async (send) => (await send).offset)),
      read.map(({ offset }) => offset),
    );
  });

  test("a partition that the topic does not have fails at once, one that it got meanwhile does not", async () => {
    const topic = await newTopic(2);
    await using producer = stage.client.producer();
    await producer.send({ topic, partition: 1, value: "known" });
    for (const partition of [2, -1, 0.5]) {
      await assert.rejects(producer.send({ topic, partition, value: "x" }), UnknownPartitionError);
    }
    producer.enqueue({ topic, partition: 7, value: "x" });
    await assert.rejects(producer.flush(), UnknownPartitionError);
    await using other = new Client({ bootstrapServers: stage.broker.bootstrap });
    orThrow(await other.admin.createPartitions([{ name: topic, count: 3 }]));
    await eventually(
      async () => (await other.admin.describeTopics([topic]))[0]!.partitions.length === 3,
    );
    const { offset } = await producer.send({ topic, partition: 2, value: "new" });
    assert.equal(offset, 0);
  });

  test("acks none and leader deliver too", async () => {
    const topic = await newTopic(2);
    await using none = stage.client.producer({ acks: "none" });
    const [delivery] = await none.sendMany([{ topic, value: "a" }]);
    assert.equal(delivery!.offset, -1);
    await using leader = stage.client.producer({ acks: "leader" });
    await leader.send({ topic, value: "b" });
    assert.equal((await readAll(topic, 2, 2)).length, 2);
  });

  test("the buffer bound makes sends wait, in order, and then lets them through", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer({
      bufferBytes: 10_000,
      batchBytes: 2_000,
      lingerMs: 0,
    });
    const value = "y".repeat(900);
    const deliveries = await producer.sendMany(
      Array.from({ length: 200 }, (_, i) => ({ topic, key: String(i), value })),
    );
    assert.deepEqual(
      deliveries.map(({ offset }) => offset),
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  test("seek, pause, position and lag steer what poll hands out", async () => {
    const topic = await newTopic(2);
    await using producer = stage.client.producer();
    for (const partition of [0, 1]) {
      await producer.sendMany(
        Array.from({ length: 10 }, (_, i) => ({ topic, partition, value: `${partition}-${i}` })),
      );
    }
    await using consumer = stage.client.consumer();
    const p0 = { topic, partition: 0 };
    const p1 = { topic, partition: 1 };
    consumer.assign([
      { ...p0, offset: 7 },
      { ...p1, offset: 0 },
    ]);
    consumer.pause([p1]);
    const values = async () => {
      const polled = await consumer.poll({ timeoutMs: 10_000 });
      return polled.flatMap((batch) => batch.toArray().map((record) => record.valueText()));
    };
    assert.deepEqual(await values(), ["0-7", "0-8", "0-9"]);
    assert.equal(consumer.position(p0), 10);
    assert.equal(consumer.lag(p0), 0);
    assert.deepEqual(await consumer.poll({ timeoutMs: 100 }), []);
    consumer.seek(p0, 9);
    assert.deepEqual(await values(), ["0-9"]);
    consumer.resume([p1]);
    assert.equal((await values()).length, 10);
    assert.deepEqual(await consumer.poll({ timeoutMs: 0 }), []);
  });

  test("without an offset the reset policy decides: earliest, latest or an error", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer();
    await producer.send({ topic, value: "old" });
    const p = { topic, partition: 0 };
    await using latest = stage.client.consumer({ autoOffsetReset: "latest" });
    latest.assign([p]);
    assert.deepEqual(await latest.poll({ timeoutMs: 300 }), []);
    assert.equal(latest.position(p), 1);
    await using none = stage.client.consumer({ autoOffsetReset: "none" });
    none.assign([p]);
    await assert.rejects(none.poll(), NoOffsetError);
    none.seek(p, 0);
    assert.equal((await none.poll())[0]!.toArray()[0]!.valueText(), "old");
    none.seek(p, 50);
    await assert.rejects(none.poll(), (error: unknown) => {
      assert.ok(error instanceof NoOffsetError);
      assert.equal(error.offset, 50);
      return true;
    });
    await using earliest = stage.client.consumer({ autoOffsetReset: "earliest" });
    earliest.assign([{ ...p, offset: 50 }]);
    assert.equal((await earliest.poll())[0]!.toArray()[0]!.valueText(), "old");
  });

  test("iteration ends with its signal, and records come one by one if wanted", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer();
    await producer.sendMany(Array.from({ length: 5 }, (_, i) => ({ topic, value: String(i) })));
    await using consumer = stage.client.consumer({ autoOffsetReset: "earliest" });
    consumer.assign([{ topic, partition: 0 }]);
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const record of consumer.records({ signal: controller.signal })) {
      seen.push(record.valueText()!);
      if (seen.length === 5) controller.abort();
    }
    assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  });

  test("offsets committed without membership are where the next consumer of the group starts", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer();
    await producer.sendMany(Array.from({ length: 5 }, (_, i) => ({ topic, value: String(i) })));
    const groupId = `pc-g-${process.pid}`;
    const p = { topic, partition: 0 };
    {
      await using first = stage.client.consumer({ groupId, autoOffsetReset: "earliest" });
      first.assign([p]);
      await first.poll();
      await first.commit([{ ...p, offset: 3, metadata: "m" }]);
      assert.equal((await first.committed([p]))[0]!.offset, 3);
    }
    await using second = stage.client.consumer({ groupId });
    second.assign([p]);
    assert.equal((await second.poll())[0]!.toArray()[0]!.valueText(), "3");
  });
});
