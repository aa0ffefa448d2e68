import assert from "node:assert/strict";
import { test } from "node:test";
import { METADATA_TOPIC_NAME } from "@ottla/metadata";
import { SimulatedClock } from "@ottla/platform";
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
