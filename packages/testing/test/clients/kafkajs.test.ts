import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs, { type Consumer, type IHeaders, type Kafka } from "kafkajs";
import {
  fingerprint,
  RestartableBroker,
  type SampleRecord,
  sampleRecords,
} from "../../src/clients/harness.ts";
import { waitFor } from "../../src/wait.ts";

// KafkaJS brings gzip only; other codecs plug in.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { readonly buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});

test("KafkaJS creates, produces, consumes in a group, goes on after a restart and looks around", async () => {
  await using broker = await RestartableBroker.start();
  const kafka: Kafka = new kafkajs.Kafka({
    clientId: "scenario",
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  const created = await admin.createTopics({
    topics: [
      {
        topic: "kafkajs",
        numPartitions: 3,
        replicationFactor: 1,
        configEntries: [{ name: "retention.ms", value: "3600000" }],
      },
    ],
  });
  assert.equal(created, true);
  assert.equal(await admin.createTopics({ topics: [{ topic: "kafkajs" }] }), false);

  const sent: SampleRecord[] = [];
  const produce = async (
    label: string,
    compression: number,
    idempotent: boolean,
  ): Promise<void> => {
    const producer = kafka.producer({ idempotent });
    await producer.connect();
    const records = sampleRecords(label, 40);
    sent.push(...records);
    const messages = records.map(({ key, value, headers }) => ({ key, value, headers }));
    const results = await producer.send({ topic: "kafkajs", messages, compression });
    for (const { errorCode } of results) assert.equal(errorCode, 0);
    await producer.disconnect();
  };
  await produce("plain", kafkajs.CompressionTypes.None, false);
  await produce("gzip", kafkajs.CompressionTypes.GZIP, true);
  await produce("zstd", kafkajs.CompressionTypes.ZSTD, true);

  assert.deepEqual(fingerprint(await consume(kafka, sent.length)), fingerprint(sent));
  await admin.disconnect();

  await broker.restart();

  await admin.connect();
  const before = sent.length;
  await produce("late", kafkajs.CompressionTypes.GZIP, true);
  const late = await consume(kafka, sent.length - before);
  assert.deepEqual(fingerprint(late), fingerprint(sent.slice(before)));

  const { topics } = await admin.fetchTopicMetadata({ topics: ["kafkajs"] });
  assert.equal(topics[0]?.partitions.length, 3);
  const ends = await admin.fetchTopicOffsets("kafkajs");
  assert.equal(sum(ends.map(({ high }) => high)), sent.length);
  const [committed] = await admin.fetchOffsets({ groupId: "kafkajs-group", topics: ["kafkajs"] });
  assert.equal(sum(committed?.partitions.map(({ offset }) => offset) ?? []), sent.length);

  const { groups } = await admin.listGroups();
  assert.ok(groups.some(({ groupId }) => groupId === "kafkajs-group"));
  const described = await admin.describeGroups(["kafkajs-group"]);
  assert.equal(described.groups[0]?.state, "Empty");
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      { type: kafkajs.ConfigResourceTypes.TOPIC, name: "kafkajs", configNames: ["retention.ms"] },
    ],
  });
  assert.equal(resources[0]?.configEntries[0]?.configValue, "3600000");
  const { controller, brokers } = await admin.describeCluster();
  assert.deepEqual(
    brokers.map(({ nodeId, port }) => [nodeId, port]),
    [[controller, broker.port]],
  );

  await admin.deleteTopicRecords({ topic: "kafkajs", partitions: [{ partition: 0, offset: "5" }] });
  const afterDelete = await admin.fetchTopicOffsets("kafkajs");
  assert.equal(afterDelete.find(({ partition }) => partition === 0)?.low, "5");
  await admin.createPartitions({ topicPartitions: [{ topic: "kafkajs", count: 5 }] });
  // Apache Kafka answers before the new partitions have their leader.
  const grown = await waitFor(() => admin.fetchTopicOffsets("kafkajs"), {
    what: "five partitions",
  });
  assert.equal(grown.length, 5);
  await admin.deleteGroups(["kafkajs-group"]);
  await admin.deleteTopics({ topics: ["kafkajs"] });
  assert.ok(!(await admin.listTopics()).includes("kafkajs"));
  await admin.disconnect();
});

/** Reads `count` records in the group, in two consumers at once, and commits by leaving. */
async function consume(kafka: Kafka, count: number): Promise<SampleRecord[]> {
  const received: SampleRecord[] = [];
  const done = Promise.withResolvers<void>();
  const consumers: Consumer[] = [];
  for (let member = 0; member < 2; member++) {
    const consumer = kafka.consumer({ groupId: "kafkajs-group", maxWaitTimeInMs: 200 });
    consumers.push(consumer);
    // It restarts itself after what can be retried, such as a coordinator that is still loading.
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) done.reject(payload.error);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: ["kafkajs"], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        received.push({
          key: String(message.key),
          value: String(message.value),
          headers: texts(message.headers),
        });
        if (received.length >= count) done.resolve();
      },
    });
  }
  try {
    await done.promise;
  } finally {
    for (const consumer of consumers) await consumer.disconnect();
  }
  return received;
}

function texts(headers: IHeaders = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function sum(numbers: readonly string[]): number {
  return numbers.reduce((total, number) => total + Number(number), 0);
}
