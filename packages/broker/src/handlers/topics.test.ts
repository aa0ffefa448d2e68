import assert from "node:assert/strict";
import { test } from "node:test";
import { MetadataLogFailed } from "@ottla/metadata";
import {
  alterConfigs,
  createPartitions,
  createTopics,
  deleteTopics,
  describeConfigs,
  describeTopicPartitions,
  errorName,
  incrementalAlterConfigs,
  metadata,
  ZERO_UUID,
} from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";

const TOPIC = 2;
const GROUP = 32;

test("Metadata by id answers ids alone, and fails as a whole without id and name", async () => {
  await using broker = await TestBroker.start();
  const topicId = await create(broker, "a");
  const byId = await broker.ask(metadata, 12, {
    topics: [
      { topicId, name: null },
      { topicId: ZERO_UUID, name: "b" },
    ],
  });
  assert.deepEqual(
    byId.topics.map(({ name }) => name),
    ["a"],
  );
  const nameless = await broker.ask(metadata, 13, { topics: [{ topicId: ZERO_UUID, name: null }] });
  assert.equal(errorName(nameless.errorCode), "UNKNOWN_SERVER_ERROR");
  assert.deepEqual(nameless.brokers, []);
  const early = await broker.ask(metadata, 10, { topics: [{ topicId, name: "a" }] });
  assert.equal(errorName(early.topics[0]!.errorCode), "INVALID_REQUEST");
  assert.equal(early.controllerId, -1);
});

test("gotcha 11: Metadata creates a topic and answers with it, once for a name that is there twice", async () => {
  await using broker = await TestBroker.start({ "num.partitions": "3" });
  const { topics } = await broker.ask(metadata, 9, { topics: [{ name: "a" }, { name: "a" }] });
  assert.equal(topics.length, 1);
  assert.equal(topics[0]!.errorCode, 0);
  assert.equal(topics[0]!.partitions.length, 3);
});

test("a name that collides is unknown as long as nobody wants to create it", async () => {
  await using broker = await TestBroker.start();
  await create(broker, "a.b");
  const ask = (allowAutoTopicCreation: boolean) =>
    broker.ask(metadata, 9, { topics: [{ name: "a_b" }], allowAutoTopicCreation });
  const unknown = await ask(false);
  assert.equal(errorName(unknown.topics[0]!.errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
  const refused = await ask(true);
  assert.equal(errorName(refused.topics[0]!.errorCode), "INVALID_TOPIC_EXCEPTION");
});

test("AD1: a topic that is only validated gets an id and is not there", async () => {
  await using broker = await TestBroker.start();
  const request = { timeoutMs: 1000, validateOnly: true, topics: [topic("a")] };
  const answer = await broker.ask(createTopics, 7, request);
  assert.equal(answer.topics[0]!.errorCode, 0);
  assert.notEqual(answer.topics[0]!.topicId, ZERO_UUID);
  assert.equal(broker.services.store.image.topic("a"), null);
});

test("AD1: the bound on partitions of a request counts topics that leave their number to the broker", async () => {
  await using broker = await TestBroker.start({ "num.partitions": "4000" });
  const ask = async (topics: ReturnType<typeof topic>[], validateOnly: boolean) =>
    (await broker.ask(createTopics, 7, { timeoutMs: 1000, validateOnly, topics })).topics.map(
      (result) => [result.name, errorName(result.errorCode), result.errorMessage],
    );
  const words = "Excessively large number of partitions per request.";
  const negative = { ...topic("d"), numPartitions: -100_000 };
  for (const validateOnly of [true, false]) {
    const tooMany = [topic("a"), topic("b"), topic("c"), negative, negative];
    assert.deepEqual(
      await ask(tooMany, validateOnly),
      ["a", "b", "c", "d", "d"].map((name) => [name, "POLICY_VIOLATION", words]),
    );
  }
  assert.equal(broker.services.store.image.topicCount, 0);
  const assigned = {
    ...topic("c"),
    assignments: [{ partitionIndex: 0, brokerIds: [1] }],
  };
  // A topic with replicas of its own has as many partitions as these; duplicates and the metadata topic are not created.
  const few = [
    topic("a"),
    topic("b"),
    assigned,
    topic("d"),
    topic("d"),
    topic("__cluster_metadata"),
  ];
  assert.deepEqual(
    (await ask(few, true)).map(([name, error]) => [name, error]),
    [
      ["a", "NONE"],
      ["b", "NONE"],
      ["c", "NONE"],
      ["__cluster_metadata", "INVALID_REQUEST"],
      ["d", "INVALID_REQUEST"],
    ],
  );
});

test("AD1: who waits for a topic that another creates has the name when that one fails", async (t) => {
  await using broker = await TestBroker.start();
  const ask = async (name: string) => {
    const request = { timeoutMs: 1000, topics: [topic(name)] };
    return errorName((await broker.ask(createTopics, 7, request)).topics[0]!.errorCode);
  };
  assert.deepEqual(await Promise.all([ask("a"), ask("a")]), ["NONE", "TOPIC_ALREADY_EXISTS"]);
  const { mock } = t.mock.method(broker.services.store, "createTopic");
  mock.mockImplementationOnce(() => Promise.reject(new MetadataLogFailed("The disk failed.")));
  assert.deepEqual(await Promise.all([ask("b"), ask("b"), ask("b")]), [
    "UNKNOWN_SERVER_ERROR",
    "NONE",
    "TOPIC_ALREADY_EXISTS",
  ]);
  assert.notEqual(broker.services.store.image.topic("b"), null);
});

test("AD1: of topics whose names collide and that come at once, the second request's is refused", async () => {
  await using broker = await TestBroker.start();
  const ask = async (...names: string[]) => {
    const request = { timeoutMs: 1000, validateOnly: false, topics: names.map(topic) };
    const { topics } = await broker.ask(createTopics, 7, request);
    return topics.map(({ errorCode, errorMessage }) => [errorName(errorCode), errorMessage]);
  };
  const created = ["NONE", null];
  const refused = (name: string, existing: string) => [
    "INVALID_TOPIC_EXCEPTION",
    `Topic '${name}' collides with existing topic: ${existing}`,
  ];
  assert.deepEqual(await Promise.all([ask("a.b"), ask("a_b"), ask("c")]), [
    [created],
    [refused("a_b", "a.b")],
    [created],
  ]);
  // What collides within a request Kafka creates.
  assert.deepEqual(await Promise.all([ask("x.y", "x_y"), ask("x.y"), ask("x_y"), ask("x_y.z")]), [
    [created, created],
    [["TOPIC_ALREADY_EXISTS", "Topic 'x.y' already exists."]],
    [["TOPIC_ALREADY_EXISTS", "Topic 'x_y' already exists."]],
    [created],
  ]);
  const automatic = broker.ask(metadata, 9, { topics: [{ name: "m.n" }] });
  assert.deepEqual(await ask("m_n"), [refused("m_n", "m.n")]);
  assert.equal((await automatic).topics[0]!.errorCode, 0);
});

test("AD1: a name is free again when the colliding one that was being created fails", async (t) => {
  await using broker = await TestBroker.start();
  const ask = async (name: string) => {
    const request = { timeoutMs: 1000, validateOnly: false, topics: [topic(name)] };
    return errorName((await broker.ask(createTopics, 7, request)).topics[0]!.errorCode);
  };
  const failure = new MetadataLogFailed("disk full");
  t.mock.method(broker.services.store, "createTopic", () => Promise.reject(failure), { times: 1 });
  assert.equal(await ask("a.b"), "UNKNOWN_SERVER_ERROR");
  assert.equal(await ask("a_b"), "NONE");
});

test("AD2: a name given twice to DeleteTopics is answered once and stays", async () => {
  await using broker = await TestBroker.start();
  const topicId = await create(broker, "a");
  const twice = { topicId: ZERO_UUID, name: "a" };
  const answer = await broker.ask(deleteTopics, 6, { topics: [twice, twice], timeoutMs: 1000 });
  assert.deepEqual(
    answer.responses.map(({ errorCode: code }) => errorName(code)),
    ["INVALID_REQUEST"],
  );
  const byBoth = await broker.ask(deleteTopics, 6, {
    topics: [twice, { topicId, name: null }],
    timeoutMs: 1000,
  });
  assert.deepEqual(
    byBoth.responses.map(({ errorCode: code }) => errorName(code)),
    ["INVALID_REQUEST", "INVALID_REQUEST"],
  );
  assert.notEqual(broker.services.store.image.topic("a"), null);
});

test("AD3: CreatePartitions says nothing about a topic that is not there but its code", async () => {
  await using broker = await TestBroker.start();
  const answer = await broker.ask(createPartitions, 3, {
    topics: [{ name: "none", count: 3, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  assert.equal(errorName(answer.results[0]!.errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(answer.results[0]!.errorMessage, null);
});

test("AD3: CreatePartitions that come at once are judged one behind the other", async () => {
  await using broker = await TestBroker.start({ "num.partitions": "1" });
  const grow = async (name: string, count: number) => {
    const request = { topics: [{ name, count, assignments: null }], timeoutMs: 1000 };
    const { results } = await broker.ask(createPartitions, 3, { ...request, validateOnly: false });
    return errorName(results[0]!.errorCode);
  };
  const cases = [
    { name: "same", counts: [4, 4], answers: ["NONE", "INVALID_PARTITIONS"], result: 4 },
    { name: "less", counts: [8, 4], answers: ["NONE", "INVALID_PARTITIONS"], result: 8 },
    { name: "more", counts: [4, 8], answers: ["NONE", "NONE"], result: 8 },
  ];
  for (const { name, counts, answers, result } of cases) {
    const topicId = await create(broker, name);
    assert.deepEqual(await Promise.all(counts.map((count) => grow(name, count))), answers);
    assert.equal(broker.services.store.image.topic(name)!.replicas.length, result);
    const { engine } = broker.services;
    assert.notEqual(engine.describe(topicId, result - 1), null);
    assert.equal(engine.describe(topicId, result), null);
  }
});

test("AD4: no keys mean all keys, and names that cannot be are refused as such", async () => {
  await using broker = await TestBroker.start();
  await create(broker, "a");
  const describe = async (resourceType: number, resourceName: string) => {
    const resources = [{ resourceType, resourceName, configurationKeys: [] }];
    return (await broker.ask(describeConfigs, 4, { resources })).results[0]!;
  };
  assert.ok((await describe(TOPIC, "a")).configs.length > 20);
  assert.equal(errorName((await describe(TOPIC, "none")).errorCode), "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(errorName((await describe(TOPIC, "a b")).errorCode), "INVALID_TOPIC_EXCEPTION");
  assert.equal(errorName((await describe(GROUP, "")).errorCode), "INVALID_REQUEST");
});

test("AD4: a resource that is named again is described again, each time by its own keys", async () => {
  await using broker = await TestBroker.start();
  await create(broker, "a");
  const resource = (resourceName: string, ...configurationKeys: string[]) => ({
    resourceType: TOPIC,
    resourceName,
    configurationKeys,
  });
  const resources = [
    resource("a", "retention.ms"),
    resource("none"),
    resource("a", "cleanup.policy"),
    resource("none"),
    resource("a", "retention.ms"),
  ];
  const { results } = await broker.ask(describeConfigs, 4, { resources });
  assert.deepEqual(
    results.map(({ resourceName, errorCode, configs }) => [
      resourceName,
      errorName(errorCode),
      ...configs.map(({ name }) => name),
    ]),
    [
      ["a", "NONE", "retention.ms"],
      ["none", "UNKNOWN_TOPIC_OR_PARTITION"],
      ["a", "NONE", "cleanup.policy"],
      ["none", "UNKNOWN_TOPIC_OR_PARTITION"],
      ["a", "NONE", "retention.ms"],
    ],
  );
});

test("AD6: AlterConfigs refuses one resource twice and a value that is missing", async () => {
  await using broker = await TestBroker.start();
  await create(broker, "a");
  const change = (value: string | null) => ({
    resourceType: TOPIC,
    resourceName: "a",
    configs: [{ name: "retention.ms", value }],
  });
  for (const resources of [[change("1"), change("2")], [change(null)]]) {
    const { responses } = await broker.ask(alterConfigs, 2, { resources, validateOnly: false });
    assert.equal(responses.length, resources.length);
    for (const { errorCode: code } of responses) assert.equal(errorName(code), "INVALID_REQUEST");
  }
});

test("AD6: changes of configs that come at once do not undo one another", async () => {
  await using broker = await TestBroker.start();
  await create(broker, "a");
  const [SET, APPEND, SUBTRACT] = [0, 2, 3];
  const change = async (name: string, configOperation: number, value: string) => {
    const configs = [{ name, configOperation, value }];
    const resources = [{ resourceType: TOPIC, resourceName: "a", configs }];
    const { responses } = await broker.ask(incrementalAlterConfigs, 1, {
      resources,
      validateOnly: false,
    });
    return errorName(responses[0]!.errorCode);
  };
  const replace = async (name: string, value: string) => {
    const configs = [{ name, value }];
    const resources = [{ resourceType: TOPIC, resourceName: "a", configs }];
    const { responses } = await broker.ask(alterConfigs, 2, { resources, validateOnly: false });
    return errorName(responses[0]!.errorCode);
  };
  const now = () =>
    Object.fromEntries(broker.services.store.image.configs({ type: "topic", name: "a" }));
  const throttled = "leader.replication.throttled.replicas";

  const appended = [change(throttled, APPEND, "0:1"), change(throttled, APPEND, "1:1")];
  assert.deepEqual(await Promise.all(appended), ["NONE", "NONE"]);
  assert.deepEqual(now(), { [throttled]: "0:1,1:1" });

  const mixed = [change(throttled, SUBTRACT, "0:1"), change(throttled, APPEND, "2:1")];
  assert.deepEqual(await Promise.all(mixed), ["NONE", "NONE"]);
  assert.deepEqual(now(), { [throttled]: "1:1,2:1" });

  const replaced = [change("retention.ms", SET, "5"), replace("segment.ms", "60000")];
  assert.deepEqual(await Promise.all(replaced), ["NONE", "NONE"]);
  assert.deepEqual(now(), { "segment.ms": "60000" });

  const conflicting = [
    change("min.compaction.lag.ms", SET, "100"),
    change("max.compaction.lag.ms", SET, "50"),
  ];
  assert.deepEqual(await Promise.all(conflicting), ["NONE", "INVALID_CONFIG"]);
  assert.deepEqual(now(), { "segment.ms": "60000", "min.compaction.lag.ms": "100" });
});

test("DescribeTopicPartitions goes on from its cursor, which must point into a topic asked for", async () => {
  await using broker = await TestBroker.start({ "num.partitions": "3" });
  for (const name of ["a", "b"]) await create(broker, name);
  const page = (topicName: string, partitionIndex: number) =>
    broker.ask(describeTopicPartitions, 0, {
      topics: [{ name: "a" }, { name: "b" }],
      responsePartitionLimit: 2,
      cursor: { topicName, partitionIndex },
    });
  const first = await page("a", 2);
  assert.deepEqual(
    first.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionIndex }) => partitionIndex),
    ]),
    [
      ["a", [2]],
      ["b", [0]],
    ],
  );
  assert.deepEqual(first.nextCursor, { topicName: "b", partitionIndex: 1 });
  for (const bad of [await page("c", 0), await page("a", -1)]) {
    assert.deepEqual(
      bad.topics.map(({ errorCode: code }) => errorName(code)),
      ["INVALID_REQUEST", "INVALID_REQUEST"],
    );
  }
});

test("of two who delete a topic by its id at once, one hears that the id is unknown", async () => {
  await using broker = await TestBroker.start();
  const topicId = await create(broker, "a");
  const body = { topics: [{ name: null, topicId }], timeoutMs: 1000 };
  const answers = await Promise.all([1, 2].map(() => broker.ask(deleteTopics, 6, body)));
  const errors = answers.map(({ responses }) => errorName(responses[0]!.errorCode));
  assert.deepEqual(errors, ["NONE", "UNKNOWN_TOPIC_ID"]);
});

function topic(name: string) {
  const assignments: { partitionIndex: number; brokerIds: number[] }[] = [];
  return { name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
}

async function create(broker: TestBroker, name: string): Promise<string> {
  const answer = await broker.ask(createTopics, 7, { timeoutMs: 1000, topics: [topic(name)] });
  assert.equal(answer.topics[0]!.errorCode, 0);
  return answer.topics[0]!.topicId;
}
