/** Requests with so many items that work in proportion to their square would not come to an end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addPartitionsToTxn,
  alterConfigs,
  createPartitions,
  describeConfigs,
  errorName,
  incrementalAlterConfigs,
} from "@ottla/protocol";
import { CloseConnection } from "../src/handler.ts";
import { TestBroker } from "../src/test-broker.ts";
import { createTopic, TestProducer, TOPIC as TXN_TOPIC } from "../src/test-producer.ts";

const TOPIC = 2;
const COUNT = 200_000;

/** Distinct names but for the last, which is the first again. */
const NAMES: readonly string[] = Array.from({ length: COUNT }, (_, index) =>
  index === COUNT - 1 ? "topic-0" : `topic-${index}`,
);

test("AD6: resources without end are altered one by one, and only the one named twice is refused for it", async () => {
  await using broker = await TestBroker.start();
  const resources = NAMES.map((resourceName) => ({
    resourceType: TOPIC,
    resourceName,
    configs: [],
  }));
  for (const { responses } of [
    await broker.ask(alterConfigs, 2, { resources, validateOnly: true }),
    await broker.ask(incrementalAlterConfigs, 1, { resources, validateOnly: true }),
  ]) {
    assert.deepEqual(
      responses.map(({ resourceName }) => resourceName),
      NAMES,
    );
    assert.deepEqual(countOf(responses), {
      INVALID_REQUEST: 2,
      UNKNOWN_TOPIC_OR_PARTITION: COUNT - 2,
    });
  }
});

test("AD3: topics without end are given partitions, and the one named twice is answered once", async () => {
  await using broker = await TestBroker.start();
  const topics = NAMES.map((name) => ({ name, count: 2, assignments: null }));
  const request = { topics, timeoutMs: 1000, validateOnly: true };
  const { results } = await broker.ask(createPartitions, 3, request);
  assert.deepEqual(
    results.map(({ name }) => name),
    NAMES.slice(0, -1),
  );
  assert.deepEqual(countOf(results), {
    INVALID_REQUEST: 1,
    UNKNOWN_TOPIC_OR_PARTITION: COUNT - 2,
  });
});

test("TX6: partitions without end are held against a transaction", async () => {
  await using broker = await TestBroker.start();
  await createTopic(broker);
  const { transactionalId, producerId, producerEpoch } = await TestProducer.start(
    broker,
    "id",
    "old",
  );
  const often = (partition: number) => new Array<number>(COUNT).fill(partition);
  const topics = [{ name: TXN_TOPIC, partitions: [...often(0), ...often(1)] }];
  const { resultsByTransaction } = await broker.ask(addPartitionsToTxn, 4, {
    transactions: [
      {
        transactionalId,
        producerId,
        producerEpoch,
        verifyOnly: true,
        topics: [...topics, ...topics],
      },
    ],
  });
  for (const { resultsByPartition } of resultsByTransaction[0]!.topicResults) {
    const codes = new Set(resultsByPartition.map((one) => one.partitionErrorCode));
    assert.deepEqual([...codes].map(errorName), ["TRANSACTION_ABORTABLE"]);
    assert.equal(resultsByPartition.length, 2 * COUNT);
  }
});

test("NW: what is described again and again ends where an answer would be larger than a message may be", async () => {
  await using broker = await TestBroker.start();
  await createTopic(broker);
  const resource = { resourceType: TOPIC, resourceName: TXN_TOPIC, configurationKeys: null };
  const ask = (count: number) =>
    broker.ask(describeConfigs, 4, { resources: new Array(count).fill(resource) });
  const { results } = await ask(1_000);
  assert.equal(results.length, 1_000);
  assert.deepEqual(results[999], results[0]);
  await assert.rejects(ask(COUNT), CloseConnection);
});

function countOf(responses: readonly { readonly errorCode: number }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { errorCode } of responses) {
    const name = errorName(errorCode);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
