/** The coordinators' topics under requests that anybody may send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "@ottla/platform";
import {
  createPartitions,
  createTopics,
  deleteTopics,
  errorName,
  offsetCommit,
  offsetFetch,
} from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";
import { CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC } from "../topic-service.ts";

const GROUPS = Array.from({ length: 10 }, (_, index) => `group ${index}`);

for (const name of [CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC]) {
  test(`CG14: ${name} has the partitions that its coordinator counts on, whoever creates it`, async () => {
    await using broker = await TestBroker.start();
    for (const count of [1, 50]) assert.equal(await create(broker, name, count), REFUSED);
    assert.equal(await create(broker, name, -1), "NONE");
    assert.equal(broker.services.store.image.topic(name)?.replicas.length, 3);
    assert.equal(await grow(broker, name, 4), REFUSED);
  });
}

test("CG14: offsets outlast a restart with another number of partitions configured, also of a topic that was deleted meanwhile", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using broker = await TestBroker.start({}, { fileSystem });
    assert.equal(await create(broker, "t", 1), "NONE");
    assert.equal(await commit(broker, GROUPS[0]!), "NONE");
  }
  const properties = { "offsets.topic.num.partitions": "7" };
  {
    await using broker = await TestBroker.start(properties, { fileSystem });
    await broker.ask(deleteTopics, 5, { topicNames: [CONSUMER_OFFSETS_TOPIC], timeoutMs: 1000 });
    for (const group of GROUPS) assert.equal(await commit(broker, group), "NONE");
  }
  await using broker = await TestBroker.start(properties, { fileSystem });
  for (const group of GROUPS) assert.equal(await committed(broker, group), 7, group);
});

const REFUSED = "INVALID_PARTITIONS";

async function create(broker: TestBroker, name: string, numPartitions: number): Promise<string> {
  const { topics } = await broker.ask(createTopics, 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  return errorName(topics[0]!.errorCode);
}

async function grow(broker: TestBroker, name: string, count: number): Promise<string> {
  const { results } = await broker.ask(createPartitions, 3, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  return errorName(results[0]!.errorCode);
}

async function commit(broker: TestBroker, groupId: string): Promise<string> {
  const { topics } = await broker.ask(offsetCommit, 8, {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [
      { name: "t", partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: "" }] },
    ],
  });
  return errorName(topics[0]!.partitions[0]!.errorCode);
}

async function committed(broker: TestBroker, groupId: string): Promise<number> {
  const { groups } = await broker.ask(offsetFetch, 8, {
    groups: [{ groupId, topics: [{ name: "t", partitionIndexes: [0] }] }],
  });
  return groups[0]!.topics[0]!.partitions[0]!.committedOffset;
}
