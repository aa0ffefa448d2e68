import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "@ottla/broker";
import { MemoryFileSystem } from "@ottla/platform";
import {
  createPartitions,
  createTopics,
  deleteTopics,
  describeConfigs,
  describeTopicPartitions,
  errorCode,
  errorName,
  fetch,
  incrementalAlterConfigs,
  metadata,
  produce,
  ZERO_UUID,
} from "@ottla/protocol";
import { append, batch, create, Peer, produceBody } from "./peer.ts";

const TOPIC = 2;
const BROKER = 4;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

test("AD1: each bad topic of a request has its own error and the good ones are created", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "there");
  const topic = (name: string, change: object = {}) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...change,
  });
  const { topics } = await peer.ask(createTopics, 7, {
    topics: [
      topic("good", { numPartitions: 3 }),
      topic("there"),
      topic("bad name"),
      topic("."),
      topic("x".repeat(250)),
      topic("no.partitions", { numPartitions: 0 }),
      topic("copies", { replicationFactor: 4 }),
      topic("config", { configs: [{ name: "no.such.key", value: "1" }] }),
      topic("null", { configs: [{ name: "retention.ms", value: null }] }),
      topic("twice"),
      topic("twice"),
    ],
  });
  const errors = new Map(topics.map((one) => [one.name, one.errorCode]));
  assert.equal(errors.get("good"), 0);
  assert.equal(errors.get("there"), errorCode("TOPIC_ALREADY_EXISTS"));
  assert.equal(errors.get("bad name"), errorCode("INVALID_TOPIC_EXCEPTION"));
  assert.equal(errors.get("."), errorCode("INVALID_TOPIC_EXCEPTION"));
  assert.equal(errors.get("x".repeat(250)), errorCode("INVALID_TOPIC_EXCEPTION"));
  assert.equal(errors.get("no.partitions"), errorCode("INVALID_PARTITIONS"));
  assert.equal(errors.get("copies"), errorCode("INVALID_REPLICATION_FACTOR"));
  assert.equal(errors.get("config"), errorCode("INVALID_CONFIG"));
  assert.equal(errors.get("null"), errorCode("INVALID_CONFIG"));
  assert.equal(errors.get("twice"), errorCode("INVALID_REQUEST"));
  const answer = await peer.ask(metadata, 12, { topics: null });
  assert.deepEqual(
    answer.topics.map(({ name, partitions }) => [name, partitions.length]),
    [
      ["good", 3],
      ["there", 1],
    ],
  );
});

test("AD1: validate_only creates nothing and still finds the errors; `.` and `_` collide", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  assert.equal((await create(peer, "only", {}, true)).errorCode, 0);
  assert.equal((await create(peer, "a.b")).errorCode, 0);
  assert.equal(
    (await create(peer, "a_b", {}, true)).errorCode,
    errorCode("INVALID_TOPIC_EXCEPTION"),
  );
  const answer = await peer.ask(metadata, 12, { topics: null });
  assert.deepEqual(
    answer.topics.map(({ name }) => name),
    ["a.b"],
  );
});

test("AD2: a deleted topic's name is free at once, its id is dead, and readers and producers notice", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await using reader = await Peer.connect(broker.port);
  const first = await create(peer, "t");
  await append(peer, "t", batch(["old"]));
  const poll = reader.ask(fetch, 13, fetchById(first.topicId, 1, 60_000));
  await peer.ask(deleteTopics, 6, { topics: [{ name: "t", topicId: ZERO_UUID }], timeoutMs: 1 });
  const woken = (await poll).responses[0]!.partitions[0]!;
  assert.notEqual(woken.errorCode, 0, "the waiting reader is told");
  const second = await create(peer, "t");
  assert.equal(second.errorCode, 0);
  assert.notEqual(second.topicId, first.topicId);
  const dead = await peer.ask(fetch, 13, fetchById(first.topicId, 0, 0));
  assert.equal(dead.responses[0]!.partitions[0]!.errorCode, errorCode("UNKNOWN_TOPIC_ID"));
  assert.equal((await append(peer, "t", batch(["new"]))).baseOffset, 0, "nothing old is in it");
});

test("AD3: partitions only grow, and each topic of the request has a result", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "t", { partitions: 3 });
  const grow = async (count: number, name = "t") => {
    const { results } = await peer.ask(createPartitions, 3, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: 1,
      validateOnly: false,
    });
    assert.equal(results.length, 1);
    return results[0]!.errorCode;
  };
  assert.equal(await grow(2), errorCode("INVALID_PARTITIONS"));
  assert.equal(await grow(3), errorCode("INVALID_PARTITIONS"));
  assert.equal(await grow(5), 0);
  assert.equal(await grow(5, "nowhere"), errorCode("UNKNOWN_TOPIC_OR_PARTITION"));
  const answer = await peer.ask(produce, 9, produceBody("t", 4, batch(["in the new one"])));
  assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
});

test("AD4: DescribeConfigs gives sources, synonyms in order of precedence, and only the keys asked for", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: [new Map([["log.retention.ms", "5000"]])],
  });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "t", { configs: { "retention.ms": "1000" } });
  const { results } = await peer.ask(describeConfigs, 4, {
    resources: [
      { resourceType: TOPIC, resourceName: "t", configurationKeys: ["retention.ms"] },
      { resourceType: TOPIC, resourceName: "t", configurationKeys: null },
      { resourceType: BROKER, resourceName: "1", configurationKeys: ["node.id"] },
      { resourceType: TOPIC, resourceName: "nowhere", configurationKeys: null },
    ],
    includeSynonyms: true,
  });
  const [retention] = results[0]!.configs;
  assert.equal(results[0]!.configs.length, 1);
  assert.equal(retention?.value, "1000");
  assert.equal(retention?.configSource, 1);
  assert.deepEqual(
    retention?.synonyms.map(({ name, value, source }) => [name, value, source]).slice(0, 2),
    [
      ["retention.ms", "1000", 1],
      ["log.retention.ms", "5000", 4],
    ],
  );
  assert.ok(results[1]!.configs.length > 20);
  assert.equal(results[2]!.configs[0]?.readOnly, true);
  assert.equal(results[3]!.errorCode, errorCode("UNKNOWN_TOPIC_OR_PARTITION"));
});

test("AD6: entries are appended to lists and taken away, and what is no list refuses", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "t");
  const alter = async (name: string, configOperation: number, value: string | null) => {
    const { responses } = await peer.ask(incrementalAlterConfigs, 1, {
      resources: [
        { resourceType: TOPIC, resourceName: "t", configs: [{ name, configOperation, value }] },
      ],
      validateOnly: false,
    });
    return responses[0]!.errorCode;
  };
  const policy = async () => {
    const { results } = await peer.ask(describeConfigs, 4, {
      resources: [
        { resourceType: TOPIC, resourceName: "t", configurationKeys: ["cleanup.policy"] },
      ],
    });
    return results[0]!.configs[0]?.value;
  };
  assert.equal(await alter("cleanup.policy", APPEND!, "compact"), 0);
  assert.equal(await policy(), "delete,compact");
  assert.equal(await alter("cleanup.policy", SUBTRACT!, "delete"), 0);
  assert.equal(await policy(), "compact");
  assert.equal(await alter("cleanup.policy", SET!, "nonsense"), errorCode("INVALID_CONFIG"));
  assert.equal(await alter("retention.ms", APPEND!, "5"), errorCode("INVALID_CONFIG"));
  assert.equal(await alter("cleanup.policy", DELETE!, null), 0);
  assert.equal(await policy(), "delete");
});

test("a topic that a client asks for is created complete, unless client or broker forbid it", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: [new Map([["num.partitions", "4"]])],
  });
  await using peer = await Peer.connect(broker.port);
  const ask = async (allowAutoTopicCreation: boolean) =>
    (await peer.ask(metadata, 9, { topics: [{ name: "fresh" }], allowAutoTopicCreation }))
      .topics[0]!;
  assert.equal((await ask(false)).errorCode, errorCode("UNKNOWN_TOPIC_OR_PARTITION"));
  const created = await ask(true);
  assert.equal(created.errorCode, 0);
  assert.deepEqual(
    created.partitions.map(({ leaderId }) => leaderId),
    [1, 1, 1, 1],
  );
});

test("DescribeTopicPartitions goes through topics page by page without losing or repeating any", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  for (const name of ["c", "a", "b"]) await create(peer, name, { partitions: 3 });
  const seen: string[] = [];
  let cursor: { topicName: string; partitionIndex: number } | null = null;
  do {
    const answer: Awaited<ReturnType<typeof page>> = await page(cursor);
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
    }
    cursor = answer.nextCursor;
  } while (cursor !== null);
  const expected = ["a", "b", "c"].flatMap((name) => [0, 1, 2].map((index) => `${name}-${index}`));
  assert.deepEqual(seen, expected);

  function page(from: { topicName: string; partitionIndex: number } | null) {
    return peer.ask(describeTopicPartitions, 0, {
      topics: [],
      responsePartitionLimit: 2,
      cursor: from,
    });
  }
});

test("three logical brokers share the partitions, and the wrong one names the right one", async () => {
  await using broker = await startBroker({ storage: "memory", brokers: 3 });
  const peers = await Promise.all(broker.ports.map((port) => Peer.connect(port)));
  try {
    assert.equal(
      (await create(peers[0]!, "t", { partitions: 3, replicationFactor: 3 })).errorCode,
      0,
    );
    const answer = await peers[1]!.ask(metadata, 9, { topics: [{ name: "t" }] });
    const { partitions } = answer.topics[0]!;
    assert.deepEqual(new Set(partitions.map(({ leaderId }) => leaderId)), new Set([1, 2, 3]));
    const leader = partitions.find(({ partitionIndex }) => partitionIndex === 0)!.leaderId;
    for (const [index, peer] of peers.entries()) {
      const { responses } = await peer.ask(produce, 10, produceBody("t", 0, batch(["x"])));
      const [result] = responses[0]!.partitionResponses;
      if (index + 1 === leader) {
        assert.equal(result?.errorCode, 0);
      } else {
        assert.equal(result?.errorCode, errorCode("NOT_LEADER_OR_FOLLOWER"));
        assert.equal(result?.currentLeader.leaderId, leader);
      }
    }
  } finally {
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  }
});

function fetchById(topicId: string, fetchOffset: number, maxWaitMs: number) {
  return {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [
      { topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] },
    ],
    forgottenTopicsData: [],
  };
}

test("AD5: a host that cannot be resolved, altered at run time, does not keep the broker from starting", async () => {
  const fileSystem = new MemoryFileSystem();
  const options = { fileSystem, dataDirectory: "/data" };
  const name = "max.connections.per.ip.overrides";
  {
    await using broker = await startBroker(options);
    await using peer = await Peer.connect(broker.port);
    const configs = [{ name, configOperation: SET, value: "no-such-host.invalid:5" }];
    const resources = [{ resourceType: BROKER, resourceName: "", configs }];
    await peer.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  }
  const reported: string[] = [];
  await using again = await startBroker({ ...options, report: (line) => reported.push(line) });
  assert.match(reported.join("\n"), /no-such-host/);
  await using peer = await Peer.connect(again.port);
  assert.equal((await peer.ask(metadata, 12, { topics: [] })).errorCode, 0);
});

for (const [what, before, change] of [
  [
    "what a deletion lays bare",
    [
      ["max.connections.per.ip", "0"],
      ["max.connections.per.ip.overrides", "127.0.0.1:5"],
    ],
    [["max.connections.per.ip.overrides", null]],
  ],
  [
    "the broker's limit beside a listener's own",
    [],
    [
      ["max.connections", "0"],
      ["listener.name.plaintext.max.connections", "5"],
    ],
  ],
] as const) {
  test(`AD5: no change locks everybody out: ${what}`, async () => {
    await using broker = await startBroker({ storage: "memory" });
    await using peer = await Peer.connect(broker.port);
    const alter = async (changes: readonly (readonly [string, string | null])[]) => {
      const configs = changes.map(([name, value]) => ({
        name,
        configOperation: value === null ? DELETE : SET,
        value,
      }));
      const resources = [{ resourceType: BROKER, resourceName: "1", configs }];
      const body = { resources, validateOnly: false };
      const { responses } = await peer.ask(incrementalAlterConfigs, 1, body);
      return errorName(responses[0]!.errorCode);
    };
    if (before.length > 0) assert.equal(await alter(before), "NONE");
    assert.equal(await alter(change), "INVALID_REQUEST");
    await using late = await Peer.connect(broker.port);
    assert.equal((await late.ask(metadata, 12, { topics: [] })).errorCode, 0);
  });
}

test("replicas that a client chose are as many for all partitions of a topic", async () => {
  await using broker = await startBroker({ storage: "memory", brokers: 3 });
  await using peer = await Peer.connect(broker.port);
  const assignments = [
    { partitionIndex: 0, brokerIds: [1, 2] },
    { partitionIndex: 1, brokerIds: [1] },
  ];
  const topic = { numPartitions: -1, replicationFactor: -1, configs: [], assignments };
  const { topics } = await peer.ask(createTopics, 7, { topics: [{ name: "uneven", ...topic }] });
  assert.equal(errorName(topics[0]!.errorCode), "INVALID_REPLICA_ASSIGNMENT");
  assert.equal(
    topics[0]!.errorMessage,
    "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).",
  );
  await create(peer, "grown");
  const { results } = await peer.ask(createPartitions, 3, {
    topics: [{ name: "grown", count: 2, assignments: [{ brokerIds: [1, 2] }] }],
    timeoutMs: 1000,
    validateOnly: false,
  });
  assert.equal(errorName(results[0]!.errorCode), "INVALID_REPLICA_ASSIGNMENT");
});
