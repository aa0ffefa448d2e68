import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Consumer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import kafkajs, { type Kafka } from "kafkajs";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { readWithKcat } from "../../src/clients/kcat.ts";
import { RawTransaction } from "../../src/clients/raw-transaction.ts";
import { createTopic } from "../../src/clients/seeding.ts";
import { waitFor } from "../../src/wait.ts";

const PARTITIONS = 3;
const TRANSACTIONS = [0, 1, 2, 3, 4];

/** What transaction number `turn` sends: a few records to each partition. */
function values(turn: number): { readonly partition: number; readonly value: string }[] {
  return Array.from({ length: 9 }, (_, index) => ({
    partition: index % PARTITIONS,
    value: `${turn}/${index}`,
  }));
}

function isCommitted(turn: number): boolean {
  return turn % 2 === 0;
}

const committedValues = TRANSACTIONS.filter(isCommitted)
  .flatMap(values)
  .map(({ value }) => value)
  .sort();

async function readCommitted(bootstrap: string, topic: string): Promise<(string | null)[]> {
  const records = await readWithKcat(bootstrap, topic);
  return records.map(({ value }) => value).sort();
}

test("TX4, TX11, TX13: KafkaJS commits, aborts, sends offsets and is fenced; its committed reader sees what was committed", async () => {
  await using broker = await RestartableBroker.start();
  for (const topic of ["from", "to"]) await createTopic(broker.port, topic, PARTITIONS);
  const kafka: Kafka = new kafkajs.Kafka({
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 20, maxRetryTime: 100 },
  });
  // KafkaJS does not ask again when Apache Kafka is still making the group's coordinator.
  using first = await RawTransaction.begin(broker.port, "first");
  assert.equal(await first.commitOffset("kafkajs-group", "from", 0, 1), 0);
  assert.equal(await first.end(true), 0);
  const begin = async () => {
    const settings = { transactionalId: "kafkajs", maxInFlightRequests: 1, idempotent: true };
    const producer = kafka.producer(settings);
    await producer.connect();
    return producer;
  };
  const zombie = await begin();
  const unfinished = await zombie.transaction();
  await unfinished.send({ topic: "to", messages: [{ partition: 0, value: "of a zombie" }] });

  const producer = await begin();
  for (const turn of TRANSACTIONS) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: "to", messages: values(turn) });
    await transaction.sendOffsets({
      consumerGroupId: "kafkajs-group",
      topics: [{ topic: "from", partitions: [{ partition: 0, offset: String(turn + 10) }] }],
    });
    if (isCommitted(turn)) await transaction.commit();
    else await transaction.abort();
  }
  await assert.rejects(unfinished.commit(), { name: "KafkaJSProtocolError" });

  assert.deepEqual(await readCommitted(broker.bootstrap, "to"), committedValues);
  const admin = kafka.admin();
  await admin.connect();
  const [offsets] = await admin.fetchOffsets({ groupId: "kafkajs-group", topics: ["from"] });
  assert.equal(offsets?.partitions.find(({ partition }) => partition === 0)?.offset, "14");
  await admin.disconnect();

  const consumer = kafka.consumer({
    groupId: "kafkajs-readers",
    readUncommitted: false,
    maxWaitTimeInMs: 200,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ["to"], fromBeginning: true });
  const seen: string[] = [];
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(message.value?.toString() ?? "");
    },
  });
  await waitFor(() => (seen.length >= committedValues.length ? true : null), {
    what: "records for KafkaJS",
  });
  assert.deepEqual(seen.sort(), committedValues);
  await consumer.disconnect();
  await producer.disconnect();
  await zombie.disconnect();
});

test("TX11, TX13: @platformatic/kafka copies records in transactions with its group's offsets, one call at a time", async () => {
  await using broker = await RestartableBroker.start({
    "transaction.state.log.num.partitions": "1",
  });
  for (const topic of ["from", "to"]) await createTopic(broker.port, topic, PARTITIONS);
  // Apache Kafka takes its time to make the coordinator; this client gives up.
  using first = await RawTransaction.begin(broker.port, "first");
  assert.ok(first.producerId >= 0);
  const base = { clientId: "scenario", bootstrapBrokers: [broker.bootstrap] };
  const producer = new Producer({
    ...base,
    serializers: stringSerializers,
    idempotent: true,
    transactionalId: "platformatic",
    retries: 20,
    retryDelay: 50,
  });
  for (const turn of TRANSACTIONS) {
    const transaction = await producer.beginTransaction();
    for (const record of values(turn)) {
      await transaction.send({ messages: [{ topic: "from", ...record }] });
    }
    if (isCommitted(turn)) await transaction.commit();
    else await transaction.abort();
  }
  assert.deepEqual(await readCommitted(broker.bootstrap, "from"), committedValues);

  // A topic without aborted records: this client's committed reader would deliver them.
  const consumer = new Consumer({
    ...base,
    groupId: "platformatic-group",
    deserializers: stringDeserializers,
    autocommit: false,
    maxWaitTime: 200,
  });
  await producer.close();
  await createTopic(broker.port, "clean", PARTITIONS);
  const copier = new Producer({
    ...base,
    serializers: stringSerializers,
    idempotent: true,
    transactionalId: "platformatic-copy",
    retries: 20,
    retryDelay: 50,
  });
  const filling = await copier.beginTransaction();
  for (const record of values(0)) {
    await filling.send({ messages: [{ topic: "clean", ...record }] });
  }
  await filling.commit();
  const stream = await consumer.consume({
    topics: ["clean"],
    mode: MessagesStreamModes.COMMITTED,
    fallbackMode: MessagesStreamModes.EARLIEST,
  });
  let copied = 0;
  for await (const message of stream) {
    const transaction = await copier.beginTransaction();
    await transaction.addConsumer(consumer);
    await transaction.send({
      messages: [{ topic: "to", partition: message.partition, value: `${message.value} copied` }],
    });
    await transaction.addOffset(message);
    await transaction.commit();
    copied++;
    if (copied === values(0).length) break;
  }
  assert.deepEqual(
    await readCommitted(broker.bootstrap, "to"),
    values(0).map(({ value }) => `${value} copied`),
  );
  await consumer.close(true);
  await copier.close();
});
