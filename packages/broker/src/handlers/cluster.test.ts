import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alterPartitionReassignments,
  alterReplicaLogDirs,
  apiVersions,
  createAcls,
  createDelegationToken,
  createTopics,
  describeAcls,
  describeLogDirs,
  describeQuorum,
  electLeaders,
  errorName,
  incrementalAlterConfigs,
  listConfigResources,
  metadata,
  unregisterBroker,
  updateFeatures,
} from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";

const PREFERRED = 0;

test("ElectLeaders finds every partition led, and tells of all of them only what is wrong", async () => {
  await using broker = await withTopic([[1], [2]], 2);
  const ask = (topicPartitions: { topic: string; partitions: number[] }[] | null, type = 0) =>
    broker.ask(electLeaders, 2, { electionType: type, topicPartitions, timeoutMs: 1000 });
  const named = await ask([
    { topic: "t", partitions: [0, 9] },
    { topic: "none", partitions: [0] },
  ]);
  assert.deepEqual(
    named.replicaElectionResults.map(({ partitionResult }) =>
      partitionResult.map(({ errorCode: code }) => errorName(code)),
    ),
    [["ELECTION_NOT_NEEDED", "UNKNOWN_TOPIC_OR_PARTITION"], ["UNKNOWN_TOPIC_OR_PARTITION"]],
  );
  const all = await ask(null);
  assert.deepEqual(all.replicaElectionResults, [{ topic: "t", partitionResult: [] }]);
  const unknown = await ask([{ topic: "t", partitions: [0] }], 9);
  assert.equal(errorName(unknown.errorCode), "INVALID_REQUEST");
});

test("ElectLeaders says when the preferred leader is not part of this start", async () => {
  await using broker = await withTopic([[1]], 1);
  const { store } = broker.services;
  await store.assignReplicas(store.image.topic("t")!.topicId, () => [[7]]);
  const answer = await broker.ask(electLeaders, 2, {
    electionType: PREFERRED,
    topicPartitions: null,
    timeoutMs: 1000,
  });
  const [partition] = answer.replicaElectionResults[0]!.partitionResult;
  assert.equal(errorName(partition!.errorCode), "PREFERRED_LEADER_NOT_AVAILABLE");
});

test("a reassignment is over when it is answered, and there is none to cancel", async () => {
  await using broker = await withTopic([[1], [2]], 3);
  const ask = async (replicas: number[] | null, allowReplicationFactorChange = true) => {
    const partitions = [{ partitionIndex: 0, replicas }];
    const topics = [{ name: "t", partitions }];
    const request = { timeoutMs: 1000, allowReplicationFactorChange, topics };
    const { responses } = await broker.ask(alterPartitionReassignments, 1, request);
    return errorName(responses[0]!.partitions[0]!.errorCode);
  };
  assert.equal(await ask(null), "NO_REASSIGNMENT_IN_PROGRESS");
  for (const bad of [[], [1, 1], [9], [-1]]) {
    assert.equal(await ask(bad), "INVALID_REPLICA_ASSIGNMENT");
  }
  assert.equal(await ask([3, 1], false), "INVALID_REPLICATION_FACTOR");
  assert.equal(await ask([3, 1]), "NONE");
  const { topics } = await broker.ask(metadata, 9, { topics: [{ name: "t" }] });
  const [moved, other] = topics[0]!.partitions;
  assert.deepEqual([moved!.leaderId, moved!.replicaNodes], [3, [3, 1]]);
  assert.deepEqual([other!.leaderId, other!.replicaNodes], [2, [2]]);
});

test("reassignments that come at once do not undo one another, and are judged one behind the other", async () => {
  await using broker = await withTopic([[1], [2]], 3);
  const ask = async (partitionIndex: number, replicas: number[], allows = true) => {
    const topics = [{ name: "t", partitions: [{ partitionIndex, replicas }] }];
    const request = { timeoutMs: 1000, allowReplicationFactorChange: allows, topics };
    const { responses } = await broker.ask(alterPartitionReassignments, 1, request);
    return errorName(responses[0]!.partitions[0]!.errorCode);
  };
  const replicas = () => broker.services.store.image.topic("t")!.replicas;
  assert.deepEqual(await Promise.all([ask(0, [3]), ask(1, [1])]), ["NONE", "NONE"]);
  assert.deepEqual(replicas(), [[3], [1]]);
  assert.deepEqual(await Promise.all([ask(0, [2, 3]), ask(0, [1], false)]), [
    "NONE",
    "INVALID_REPLICATION_FACTOR",
  ]);
  assert.deepEqual(replicas(), [[2, 3], [1]]);
});

test("a reassignment that names topics and partitions again answers each entry, and is one change a topic", async (t) => {
  await using broker = await withTopic([[1], [2]], 3);
  const place = t.mock.method(broker.services.store, "assignReplicas");
  const ask = async (...topics: [name: string, ...entries: [number, number[] | null][]][]) => {
    const { responses } = await broker.ask(alterPartitionReassignments, 1, {
      timeoutMs: 1000,
      allowReplicationFactorChange: false,
      topics: topics.map(([name, ...entries]) => ({
        name,
        partitions: entries.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas })),
      })),
    });
    return responses.map(({ name, partitions }) => [
      name,
      ...partitions.map((one) => [one.partitionIndex, errorName(one.errorCode)]),
    ]);
  };
  const answer = await ask(
    ["t", [0, [2]], [1, [1, 3]], [0, [9]]],
    ["nope", [0, [1]]],
    ["t", [7, [1]], [0, null], [1, [3]], [0, [3]]],
    ["nope", [0, [1]]],
  );
  assert.deepEqual(answer, [
    ["t", [0, "NONE"], [1, "INVALID_REPLICATION_FACTOR"], [0, "INVALID_REPLICA_ASSIGNMENT"]],
    ["nope", [0, "UNKNOWN_TOPIC_OR_PARTITION"]],
    [
      "t",
      [7, "UNKNOWN_TOPIC_OR_PARTITION"],
      [0, "NO_REASSIGNMENT_IN_PROGRESS"],
      [1, "NONE"],
      [0, "NONE"],
    ],
    ["nope", [0, "UNKNOWN_TOPIC_OR_PARTITION"]],
  ]);
  assert.deepEqual(broker.services.store.image.topic("t")!.replicas, [[3], [3]]);
  assert.equal(place.mock.callCount(), 1);
});

test("DescribeQuorum knows one partition, whose voter is the controller", async () => {
  await using broker = await TestBroker.start({}, { brokers: 2 });
  const ask = (topicName: string) =>
    broker.ask(describeQuorum, 2, { topics: [{ topicName, partitions: [{ partitionIndex: 0 }] }] });
  const answer = await ask("__cluster_metadata");
  const [partition] = answer.topics[0]!.partitions;
  assert.equal(partition!.leaderId, 1);
  assert.ok(partition!.highWatermark > 0);
  assert.deepEqual(
    [partition!.currentVoters, partition!.observers].map((list) =>
      list.map(({ replicaId }) => replicaId),
    ),
    [[1], [2]],
  );
  assert.equal(answer.nodes[0]!.listeners[0]!.port, 9092);
  const other = await ask("t");
  const code = other.topics[0]!.partitions[0]!.errorCode;
  assert.equal(errorName(code), "UNKNOWN_TOPIC_OR_PARTITION");
});

test("gotcha 3: levels of features change all or none, and ApiVersions tells them under a new epoch", async () => {
  await using broker = await TestBroker.start();
  const versions = () => {
    const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
    return broker.ask(apiVersions, 4, software);
  };
  const update = async (
    feature: string,
    maxVersionLevel: number,
    { upgradeType = 1, validateOnly = false } = {},
  ) => {
    const featureUpdates = [{ feature, maxVersionLevel, upgradeType }];
    const request = { timeoutMs: 1000, featureUpdates, validateOnly };
    return errorName((await broker.ask(updateFeatures, 2, request)).errorCode);
  };
  const before = await versions();
  assert.equal(await update("no.such.feature", 1), "INVALID_UPDATE_VERSION");
  assert.equal(await update("metadata.version", 31), "INVALID_UPDATE_VERSION");
  assert.equal(await update("metadata.version", 29), "INVALID_UPDATE_VERSION");
  assert.equal(await update("metadata.version", 29, { upgradeType: 2 }), "INVALID_UPDATE_VERSION");
  assert.equal(await update("metadata.version", 30, { upgradeType: 9 }), "INVALID_UPDATE_VERSION");
  assert.equal(await update("metadata.version", 30), "NONE");
  const after = await versions();
  assert.deepEqual(after.finalizedFeatures, before.finalizedFeatures);
  assert.equal(after.finalizedFeaturesEpoch, before.finalizedFeaturesEpoch);
  assert.ok(before.finalizedFeaturesEpoch >= 0);
});

test("UnregisterBroker takes no broker away that runs", async () => {
  await using broker = await TestBroker.start();
  const ask = async (brokerId: number) =>
    errorName((await broker.ask(unregisterBroker, 0, { brokerId })).errorCode);
  assert.equal(await ask(9), "BROKER_ID_NOT_REGISTERED");
  assert.equal(await ask(1), "INVALID_REQUEST");
});

test("ListConfigResources lists what may have settings, at v0 only client metrics", async () => {
  await using broker = await withTopic([[1]], 1);
  const set = (resourceType: number, resourceName: string, name: string, value: string) => ({
    resourceType,
    resourceName,
    configs: [{ name, configOperation: 0, value }],
  });
  await broker.ask(incrementalAlterConfigs, 1, {
    resources: [
      set(32, "g", "consumer.session.timeout.ms", "50000"),
      set(16, "m", "metrics", "org.apache"),
    ],
    validateOnly: false,
  });
  const ask = async (version: number, resourceTypes: number[]) => {
    const answer = await broker.ask(listConfigResources, version, { resourceTypes });
    return answer.errorCode === 0
      ? answer.configResources.map((one) => `${one.resourceType}:${one.resourceName}`)
      : errorName(answer.errorCode);
  };
  assert.deepEqual(await ask(1, []), ["32:g", "16:m", "8:1", "4:1", "2:t"]);
  assert.deepEqual(await ask(1, [2, 4]), ["4:1", "2:t"]);
  assert.equal(await ask(1, [99]), "UNSUPPORTED_VERSION");
});

test("a partition may be told to stay in the log directory, and nothing else", async () => {
  await using broker = await withTopic([[1]], 1);
  const dirs = await broker.ask(describeLogDirs, 4, { topics: null });
  const ask = async (path: string) => {
    const topics = [{ name: "t", partitions: [0, 9] }];
    const { results } = await broker.ask(alterReplicaLogDirs, 2, { dirs: [{ path, topics }] });
    return results[0]!.partitions.map(({ errorCode: code }) => errorName(code));
  };
  assert.deepEqual(await ask("/nowhere"), ["LOG_DIR_NOT_FOUND", "LOG_DIR_NOT_FOUND"]);
  assert.deepEqual(await ask(dirs.results[0]!.logDir), ["NONE", "UNKNOWN_TOPIC_OR_PARTITION"]);
});

test("without an authorizer and without authentication there are no access rules and no tokens", async () => {
  await using broker = await TestBroker.start();
  const any = { operation: 1, permissionType: 1 };
  const described = await broker.ask(describeAcls, 3, {
    ...any,
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 1,
    principalFilter: null,
    hostFilter: null,
  });
  assert.equal(errorName(described.errorCode), "SECURITY_DISABLED");
  const creation = { ...any, resourceType: 2, resourceName: "t", principal: "User:a", host: "*" };
  const created = await broker.ask(createAcls, 3, { creations: [creation] });
  assert.equal(errorName(created.results[0]!.errorCode), "SECURITY_DISABLED");
  for (const version of [1, 3]) {
    const request = {
      renewers: [],
      maxLifetimeMs: -1,
      ...(version === 3 ? { ownerPrincipalType: null, ownerPrincipalName: null } : {}),
    };
    const token = await broker.ask(createDelegationToken, version, request);
    assert.equal(errorName(token.errorCode), "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED");
    assert.equal(token.principalName, "ANONYMOUS");
  }
});

/** A broker with the topic `t`, its partitions on these brokers. */
async function withTopic(replicas: readonly number[][], brokers: number): Promise<TestBroker> {
  const broker = await TestBroker.start({}, { brokers });
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
  const answer = await broker.ask(createTopics, 5, {
    timeoutMs: 1000,
    topics: [{ name: "t", numPartitions: -1, replicationFactor: -1, assignments, configs: [] }],
  });
  assert.equal(answer.topics[0]!.errorCode, 0);
  return broker;
}
