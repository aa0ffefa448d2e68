import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Api,
  alterConfigs,
  createPartitions,
  deleteTopics,
  findCoordinator,
  metadata,
  type RequestInput,
  ZERO_UUID,
} from "@ottla/protocol";
import { TestBroker } from "./test-broker.ts";

const TOPIC = 2;
const NAMES = Array.from({ length: 3_500 }, (_, index) => `n${index}`);

test("others have a turn while a request with thousands of entries is served", async () => {
  await using broker = await TestBroker.start();
  await broker.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const ask = async <A extends Api>(api: A, version: number, body: RequestInput<A>) => {
    let turns = 0;
    let isAnswered = false;
    const count = () => {
      if (isAnswered) return;
      turns++;
      setImmediate(count);
    };
    setImmediate(count);
    await broker.ask(api, version, body);
    isAnswered = true;
    assert.ok(turns >= 3, `${api.name}: ${turns} turns`);
  };
  const topics = NAMES.map((name) => ({ topicId: ZERO_UUID, name }));
  const resources = NAMES.map((resourceName) => ({
    resourceType: TOPIC,
    resourceName,
    configs: [],
  }));
  const growing = NAMES.map((name) => ({ name, count: 3, assignments: null }));
  await ask(metadata, 12, { topics, allowAutoTopicCreation: false });
  await ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: NAMES });
  await ask(deleteTopics, 6, { topics, timeoutMs: 1000 });
  await ask(createPartitions, 3, { topics: growing, timeoutMs: 1000, validateOnly: false });
  await ask(alterConfigs, 2, { resources, validateOnly: false });
});
