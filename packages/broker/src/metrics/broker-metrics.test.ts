import assert from "node:assert/strict";
import { test } from "node:test";
import { METADATA_TOPIC_NAME } from "@ottla/metadata";
import { SimulatedClock } from "@ottla/platform";
import { createTopics } from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";
import { BrokerMetrics } from "./broker-metrics.ts";

test("a deleted topic's counts are forgotten and stay part of the total", () => {
  const metrics = new BrokerMetrics({ clock: new SimulatedClock(), handlers: [], report() {} });
  metrics.log.appended("a", 100, 2);
  metrics.log.appended("b", 10, 1);
  metrics.log.served("a", 50);
  metrics.forgetTopic("a");
  assert.deepEqual([...metrics.topics.keys()], ["b"]);
  const { bytesIn, messagesIn, bytesOut } = metrics.allTopics;
  assert.deepEqual([bytesIn, messagesIn, bytesOut], [110, 3, 50]);
});

test("the broker's own metadata is no topic", () => {
  const metrics = new BrokerMetrics({ clock: new SimulatedClock(), handlers: [], report() {} });
  metrics.log.appended(METADATA_TOPIC_NAME, 100, 2);
  metrics.log.served(METADATA_TOPIC_NAME, 100);
  assert.equal(metrics.topics.size, 0);
  assert.deepEqual([metrics.allTopics.bytesIn, metrics.allTopics.bytesOut], [0, 0]);
});

test("storage that fails is told of until ten seconds after the last failure", async () => {
  await using broker = await TestBroker.start();
  const clock = new SimulatedClock();
  const metrics = new BrokerMetrics({ clock, handlers: [], report() {} });
  metrics.observe(broker.services, []);
  const offline = async () =>
    Number(
      /^kafka_log_logmanager_offlinelogdirectorycount (\d)$/m.exec(await metrics.render())![1],
    );
  assert.equal(await offline(), 0);
  metrics.log.storageFailed(new Error("no space"));
  clock.advance(9_999);
  assert.equal(await offline(), 1);
  metrics.log.storageFailed(new Error("no space"));
  clock.advance(9_999);
  assert.equal(await offline(), 1);
  clock.advance(1);
  assert.equal(await offline(), 0);
  metrics.close();
});

test("a scrape of thousands of partitions lets others have turns of the event loop", async () => {
  await using broker = await TestBroker.start();
  const many = { name: "many", numPartitions: 2_000, replicationFactor: 1 };
  const topics = [{ ...many, assignments: [], configs: [] }];
  await broker.ask(createTopics, 7, { topics, timeoutMs: 1000, validateOnly: false });
  const metrics = new BrokerMetrics({ clock: new SimulatedClock(), handlers: [], report() {} });
  metrics.observe(broker.services, []);
  const rendering = { isOver: false };
  const rendered = metrics.render().finally(() => {
    rendering.isOver = true;
  });
  let turns = 0;
  for (; !rendering.isOver; turns++) await new Promise((resolve) => setImmediate(resolve));
  const lines = (await rendered).split("\n");
  const offsets = lines.filter((line) => line.startsWith("kafka_log_log_logendoffset{"));
  assert.equal(offsets.length, 2_000);
  assert.ok(turns >= 5, `${turns} turns for ${lines.length} lines`);
  metrics.close();
});
