import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigResource } from "@ottla/metadata";
import { createTopics, incrementalAlterConfigs } from "@ottla/protocol";
import { ConfigDescriptions } from "./config-descriptions.ts";
import type { RequestContext } from "./handler.ts";
import { TestBroker } from "./test-broker.ts";

const TOPIC = 2;
const SET = 0;

test("resources with the same settings are described once a request", async () => {
  await using broker = await withTopics("a", "b", "c");
  const descriptions = new ConfigDescriptions(contextOf(broker));
  const described = (type: ConfigResource["type"], name: string) =>
    descriptions.entries({ type, name }, null);
  assert.equal(described("topic", "a"), described("topic", "a"));
  assert.equal(described("topic", "a"), described("topic", "b"));
  assert.equal(described("broker", "1"), described("broker", "0001"));
  assert.equal(described("broker", ""), described("broker", ""));
  assert.equal(described("group", "g"), described("group", "h"));
  assert.equal(described("client-metrics", "m"), described("client-metrics", "n"));
  const kinds = [
    described("topic", "a"),
    described("topic", "c"),
    described("broker", "1"),
    described("broker", ""),
    described("group", "g"),
    described("client-metrics", "m"),
  ];
  assert.equal(new Set(kinds).size, kinds.length);
});

test("of the keys asked for those that exist are described, once and in their own order", async () => {
  await using broker = await withTopics("a", "c");
  const descriptions = new ConfigDescriptions(contextOf(broker));
  const valuesOf = (name: string, ...keys: string[]) =>
    descriptions
      .entries({ type: "topic", name }, keys)
      .map((entry) => `${entry.name}=${entry.value}`);
  const keys = ["retention.ms", "none", "cleanup.policy", "retention.ms"];
  assert.deepEqual(valuesOf("a", ...keys), ["cleanup.policy=delete", "retention.ms=604800000"]);
  assert.deepEqual(valuesOf("c", ...keys), ["cleanup.policy=delete", "retention.ms=5"]);
  assert.deepEqual(valuesOf("c"), []);
});

/** Of these topics `c` has a setting of its own. */
async function withTopics(...names: string[]): Promise<TestBroker> {
  const broker = await TestBroker.start();
  const sizes = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const topics = names.map((name) => ({ name, ...sizes }));
  await broker.ask(createTopics, 7, { timeoutMs: 1000, topics });
  const configs = [{ name: "retention.ms", configOperation: SET, value: "5" }];
  const resources = [{ resourceType: TOPIC, resourceName: "c", configs }];
  await broker.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  return broker;
}

function contextOf({ services, connection }: TestBroker): RequestContext {
  const exchange = { onWritten: null };
  const broker = services.cluster.controller;
  const header = { version: 4, correlationId: 1, clientId: "test" };
  return { ...header, connection, exchange, broker, services };
}
