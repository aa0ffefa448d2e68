import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Api,
  addPartitionsToTxn,
  alterConfigs,
  alterPartitionReassignments,
  alterReplicaLogDirs,
  createPartitions,
  createTopics,
  deleteGroups,
  deleteTopics,
  describeConfigs,
  describeGroups,
  errorName,
  findCoordinator,
  metadata,
  offsetFetch,
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
  const described = resources.map((resource) => ({ ...resource, configurationKeys: null }));
  await ask(describeConfigs, 4, { resources: described });
  await ask(createTopics, 7, { topics: NAMES.map((name) => created(name, 0)), timeoutMs: 1000 });
  await ask(describeGroups, 5, { groups: NAMES });
  await ask(deleteGroups, 2, { groupsNames: NAMES });
  await ask(offsetFetch, 9, { groups: NAMES.map((groupId) => ({ groupId, topics: null })) });
  const transactions = NAMES.map((transactionalId) => ({
    transactionalId,
    producerId: 1,
    producerEpoch: 0,
    topics: [],
  }));
  await ask(addPartitionsToTxn, 4, { transactions });
  const moved = NAMES.map((name) => ({ name, partitions: [] }));
  await ask(alterReplicaLogDirs, 2, { dirs: [{ path: "/elsewhere", topics: moved }] });
  await ask(alterPartitionReassignments, 0, { timeoutMs: 1000, topics: moved });
  const partitions = NAMES.map((_, partitionIndex) => ({ partitionIndex, replicas: [1] }));
  await ask(alterPartitionReassignments, 0, {
    timeoutMs: 1000,
    topics: [{ name: "none", partitions }],
  });
});

test("AD1: of thousands of topics each stands and fails alone, also where two collide that come together", async () => {
  await using broker = await TestBroker.start();
  const names = ["a.b", ...NAMES.slice(0, 2_000), "a_b"];
  const topics = names.map((name, index) => created(name, index % 3 === 1 ? 0 : 1));
  const answer = await broker.ask(createTopics, 7, { topics, timeoutMs: 1000 });
  assert.deepEqual(
    answer.topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    names.map((name, index) => [name, index % 3 === 1 ? "INVALID_PARTITIONS" : "NONE"]),
  );
  const { image } = broker.services.store;
  for (const [index, name] of names.entries()) {
    assert.equal(image.topic(name) === null, index % 3 === 1, name);
  }
});

function created(name: string, numPartitions: number) {
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
}
