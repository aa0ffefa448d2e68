import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Admin,
  Consumer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import {
  fingerprint,
  RestartableBroker,
  type SampleRecord,
  sampleRecords,
} from "../../src/clients/harness.ts";

test("@platformatic/kafka creates, produces, consumes in a group, goes on after a restart and looks around", async () => {
  await using broker = await RestartableBroker.start();
  const base = { clientId: "scenario", bootstrapBrokers: [broker.bootstrap] };
  const topic = "platformatic";
  const admin = new Admin(base);
  const [created] = await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 });
  assert.deepEqual([created?.name, created?.partitions], [topic, 3]);
  await assert.rejects(admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 }));

  const sent: SampleRecord[] = [];
  const produce = async (
    label: string,
    compression: "none" | "gzip" | "snappy" | "lz4" | "zstd",
  ): Promise<void> => {
    const producer = new Producer({
      ...base,
      serializers: stringSerializers,
      compression,
      idempotent: true,
    });
    const records = sampleRecords(label, 40);
    sent.push(...records);
    await producer.send({ messages: records.map((record) => ({ topic, ...record })) });
    await producer.close();
  };
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    await produce(codec, codec);
  }

  const consume = async (count: number): Promise<SampleRecord[]> => {
    const consumer = new Consumer({
      ...base,
      groupId: "platformatic-group",
      deserializers: stringDeserializers,
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
      maxWaitTime: 200,
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamModes.EARLIEST,
      autocommit: true,
    });
    const received: SampleRecord[] = [];
    for await (const { key, value, headers } of stream) {
      received.push({ key, value, headers: Object.fromEntries(headers) });
      if (received.length >= count) break;
    }
    await consumer.close(true);
    return received;
  };
  assert.deepEqual(fingerprint(await consume(sent.length)), fingerprint(sent));
  await admin.close();

  await broker.restart();

  const before = sent.length;
  await produce("late", "zstd");
  assert.deepEqual(
    fingerprint(await consume(sent.length - before)),
    fingerprint(sent.slice(before)),
  );

  const again = new Admin(base);
  assert.ok((await again.listTopics()).includes(topic));
  const metadata = await again.metadata({ topics: [topic] });
  assert.equal(metadata.topics.get(topic)?.partitions.length, 3);
  const groups = await again.describeGroups({ groups: ["platformatic-group"] });
  assert.equal(groups.get("platformatic-group")?.state, "Empty");
  const [offsets] = await again.listConsumerGroupOffsets({
    groups: [
      { groupId: "platformatic-group", topics: [{ name: topic, partitionIndexes: [0, 1, 2] }] },
    ],
  });
  const committed = offsets?.topics[0]?.partitions.map(({ committedOffset }) => committedOffset);
  assert.equal(
    committed?.reduce((sum, offset) => sum + offset, 0n),
    BigInt(sent.length),
  );
  await again.createPartitions({ topics: [{ name: topic, count: 4, assignments: null }] });
  await again.deleteGroups({ groups: ["platformatic-group"] });
  await again.deleteTopics({ topics: [topic] });
  assert.ok(!(await again.listTopics()).includes(topic));
  await again.close();
});
