/** Configurations of several brokers: what is right does not depend on which of them is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorName, incrementalAlterConfigs } from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";

const TOPIC = 2;
const BROKER = 4;
const SET = 0;

test("AD6: a topic's configuration agrees with the controller's, whichever broker is asked", async () => {
  await using broker = await TestBroker.start({}, { brokers: 2 });
  await broker.services.topics.ensure("t");
  assert.equal(await set(broker, BROKER, "2", LAG, "1000"), "NONE");
  const shorter = (asked: number) =>
    set(broker, TOPIC, "t", "min.compaction.lag.ms", "5000", asked);
  assert.deepEqual([await shorter(1), await shorter(2)], ["NONE", "NONE"]);
  assert.equal(await set(broker, BROKER, "1", LAG, "1000"), "NONE");
  assert.deepEqual([await shorter(1), await shorter(2)], ["INVALID_CONFIG", "INVALID_CONFIG"]);
});

test("AD5: a default that would close one of the brokers is refused, whichever is asked", async () => {
  await using broker = await TestBroker.start({}, { brokers: 2 });
  assert.equal(await set(broker, BROKER, "1", "max.connections", "50"), "NONE");
  for (const asked of [1, 2]) {
    assert.equal(await set(broker, BROKER, "", "max.connections", "0", asked), "INVALID_REQUEST");
  }
  assert.equal(await set(broker, BROKER, "2", "max.connections", "50"), "NONE");
  assert.equal(await set(broker, BROKER, "", "max.connections", "0"), "NONE");
});

const LAG = "log.cleaner.max.compaction.lag.ms";

async function set(
  broker: TestBroker,
  resourceType: number,
  resourceName: string,
  name: string,
  value: string,
  asked = 1,
): Promise<string> {
  const configs = [{ name, configOperation: SET, value }];
  const resources = [{ resourceType, resourceName, configs }];
  const request = { resources, validateOnly: false };
  const { responses } = await broker.ask(incrementalAlterConfigs, 1, request, asked);
  return errorName(responses[0]!.errorCode);
}
