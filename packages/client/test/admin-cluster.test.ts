/** Admin calls about access, quotas, users, replicas, features and share groups. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Acl, isBrokerError, orThrow } from "@ottla/client";
import { createTopic, eventually, forEachBroker } from "./broker.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const stage = new Stage(target);
  const { unique } = stage;

  const skip = target.skipAccess;
  test("ACLs are created, found by filters and deleted", { skip }, async () => {
    const { admin } = stage.client;
    const [exact, prefix] = [unique("acl"), unique("acl-prefix")];
    const principal = `User:${unique("alice")}`;
    const base = { principal, host: "*", permission: "allow" } as const;
    const acls: Acl[] = [
      {
        ...base,
        resourceType: "topic",
        resourceName: exact,
        patternType: "literal",
        operation: "read",
      },
      {
        ...base,
        resourceType: "topic",
        resourceName: prefix,
        patternType: "prefixed",
        operation: "write",
      },
      {
        ...base,
        resourceType: "transactional-id",
        resourceName: "*",
        patternType: "literal",
        operation: "describe",
        permission: "deny",
      },
    ];
    orThrow(await admin.createAcls(acls));
    const bad = await admin.createAcls([{ ...acls[0]!, resourceName: "" }]);
    assert.ok(isBrokerError(bad[0]!.error, "INVALID_REQUEST"), String(bad[0]!.error));
    const found = async (filter: Parameters<typeof admin.describeAcls>[0]) =>
      (await admin.describeAcls(filter)).map(({ resourceName }) => resourceName).sort();
    await eventually(async () => (await found({ principal })).length === 3);
    assert.deepEqual(await found({ principal, resourceType: "topic" }), [exact, prefix].sort());
    assert.deepEqual(await found({ principal, operation: "describe", permission: "deny" }), ["*"]);
    const matching = { principal, resourceName: `${prefix}-x`, patternType: "match" } as const;
    assert.deepEqual(await found({ ...matching, resourceType: "topic" }), [prefix]);
    const described = await admin.describeAcls({ principal, resourceName: exact });
    assert.deepEqual(described, [acls[0]]);
    const [deleted] = await admin.deleteAcls([{ principal }]);
    assert.equal(deleted!.error, null);
    assert.equal(orThrow(deleted!.matched).length, 3);
    await eventually(async () => (await found({ principal })).length === 0);
  });

  test("quotas are set for users, client ids and their defaults, described and removed", {
    skip,
  }, async () => {
    const { admin } = stage.client;
    const user = unique("quota-user");
    const both = { user, clientId: null };
    orThrow(
      await admin.alterClientQuotas([
        { entity: { user }, changes: { producer_byte_rate: 1e6, request_percentage: 50.5 } },
        { entity: both, changes: { consumer_byte_rate: 2e6 } },
      ]),
    );
    const bad = await admin.alterClientQuotas([
      { entity: { user }, changes: { connection_creation_rate: 5 } },
    ]);
    assert.ok(isBrokerError(bad[0]!.error, "INVALID_REQUEST"), String(bad[0]!.error));
    await eventually(async () => (await admin.describeClientQuotas({ user })).length === 2);
    const [own] = await admin.describeClientQuotas({ user }, { strict: true });
    assert.deepEqual(own, {
      entity: { user },
      values: { producer_byte_rate: 1e6, request_percentage: 50.5 },
    });
    const [ofDefault] = await admin.describeClientQuotas({ user, clientId: null });
    assert.deepEqual(ofDefault, { entity: both, values: { consumer_byte_rate: 2e6 } });
    const any = await admin.describeClientQuotas({ user: { any: true } }, { strict: true });
    assert.ok(any.some(({ entity }) => entity.user === user));
    orThrow(
      await admin.alterClientQuotas([
        { entity: { user }, changes: { producer_byte_rate: null, request_percentage: null } },
        { entity: both, changes: { consumer_byte_rate: null } },
      ]),
    );
    await eventually(async () => (await admin.describeClientQuotas({ user })).length === 0);
  });

  test("SCRAM users are made, described and removed", { skip }, async () => {
    const { admin } = stage.client;
    const user = unique("scram");
    orThrow(
      await admin.alterScramUsers([
        { user, mechanism: "SCRAM-SHA-256", password: "secret", iterations: 4_096 },
      ]),
    );
    const few = await admin.alterScramUsers([
      { user, mechanism: "SCRAM-SHA-512", password: "x", iterations: 10 },
    ]);
    assert.ok(isBrokerError(few[0]!.error, "UNACCEPTABLE_CREDENTIAL"), String(few[0]!.error));
    await eventually(async () => (await admin.describeScramUsers([user]))[0]!.error === null);
    const [described] = await admin.describeScramUsers([user]);
    assert.deepEqual(described!.credentials, [{ mechanism: "SCRAM-SHA-256", iterations: 4_096 }]);
    assert.ok((await admin.describeScramUsers()).some((each) => each.user === user));
    orThrow(await admin.alterScramUsers([{ user, mechanism: "SCRAM-SHA-256", password: null }]));
    await eventually(async () =>
      isBrokerError((await admin.describeScramUsers([user]))[0]!.error, "RESOURCE_NOT_FOUND"),
    );
  });

  test("elections and reassignments of a cluster of one: nothing to do, and refusals by partition", async () => {
    const { admin } = stage.client;
    const topic = unique("replicas");
    await createTopic(stage.client, { name: topic, partitions: 2 });
    const [elected, unknown] = await admin.electLeaders("preferred", [
      { topic, partition: 0 },
      { topic: unique("nowhere"), partition: 0 },
    ]);
    const errors = [elected!, unknown!].map(({ error }) => error?.error).sort();
    assert.deepEqual(errors, ["ELECTION_NOT_NEEDED", "UNKNOWN_TOPIC_OR_PARTITION"]);
    assert.deepEqual(await admin.listPartitionReassignments(), []);
    const { brokers } = await admin.describeCluster();
    const here = brokers[0]!.nodeId;
    const results = await admin.alterPartitionReassignments([
      { topic, partition: 0, replicas: [here] },
      { topic, partition: 1, replicas: [here + 1000] },
    ]);
    const byPartition = new Map(results.map(({ partition, error }) => [partition, error]));
    assert.equal(byPartition.get(0), null);
    assert.ok(isBrokerError(byPartition.get(1), "INVALID_REPLICA_ASSIGNMENT"));
    const cancelled = await admin.alterPartitionReassignments([
      { topic, partition: 0, replicas: null },
    ]);
    assert.ok(isBrokerError(cancelled[0]!.error, "NO_REASSIGNMENT_IN_PROGRESS"));
    const [dir] = await admin.describeLogDirs([here]);
    const moved = await admin.alterReplicaLogDirs([
      { topic, partition: 0, brokerId: here, path: dir!.path },
      { topic, partition: 1, brokerId: here, path: "/nowhere" },
    ]);
    assert.equal(moved[0]!.error, null);
    assert.ok(isBrokerError(moved[1]!.error, "LOG_DIR_NOT_FOUND"), String(moved[1]!.error));
  });

  test("features are described and checked before they are changed; the quorum is described", async () => {
    const { admin } = stage.client;
    const features = await admin.describeFeatures();
    const transactions = features.find(({ name }) => name === "transaction.version");
    assert.ok(transactions !== undefined && transactions.level >= 1);
    assert.ok(transactions.maxLevel >= transactions.level);
    const [too] = await admin.updateFeatures([{ name: "transaction.version", level: 99 }], {
      validateOnly: true,
    });
    assert.ok(too!.error !== null);
    const quorum = await admin.describeMetadataQuorum();
    assert.ok(quorum.voters.some(({ replicaId }) => replicaId === quorum.leaderId));
    await assert.rejects(admin.unregisterBroker(4711), (error) =>
      isBrokerError(error, "BROKER_ID_NOT_REGISTERED"),
    );
  });

  test("what has configuration is listed by kind", async () => {
    const { admin } = stage.client;
    const group = unique("configured");
    const changes = [{ name: "consumer.session.timeout.ms", value: "50000" }];
    orThrow(await admin.incrementalAlterConfigs([{ type: "group", name: group, changes }]));
    await eventually(async () => {
      const listed = await admin.listConfigResources(["group"]);
      return listed.some(({ type, name }) => type === "group" && name === group);
    });
    const topic = unique("listed");
    await createTopic(stage.client, { name: topic, partitions: 1 });
    const all = await admin.listConfigResources();
    assert.ok(all.some(({ type, name }) => type === "topic" && name === topic));
    assert.ok(all.some(({ type }) => type === "broker"));
  });

  test("groups of every kind are described", { skip: target.skipNewGroups }, async () => {
    const { admin } = stage.client;
    const topic = unique("kinds");
    await createTopic(stage.client, { name: topic, partitions: 1 });
    const [classicId, consumerId, shareId] = [unique("k"), unique("k"), unique("k")];
    await using classic = stage.client.consumer({ groupId: classicId });
    await using consumer = stage.client.consumer({
      groupId: consumerId,
      groupProtocol: "consumer",
    });
    await using share = stage.client.shareConsumer({ groupId: shareId });
    for (const each of [classic, consumer, share]) each.subscribe([topic]);
    await eventually(async () => {
      await Promise.all([classic, consumer, share].map((each) => each.poll({ timeoutMs: 100 })));
      const described = await admin.describeGroups([classicId, consumerId, shareId]);
      return described.every(({ members }) => members[0]?.assignment?.get(topic)?.length === 1);
    });
    const described = await admin.describeGroups([classicId, consumerId, shareId, unique("none")]);
    assert.deepEqual(
      described.slice(0, 3).map(({ type, state }) => `${type} ${state}`),
      ["classic Stable", "consumer Stable", "share Stable"],
    );
    assert.equal(described[3]!.state, "Dead");
    const [ofClassic, ofConsumer, ofShare] = described.map(({ groupEpoch, members }) => ({
      groupEpoch,
      memberEpoch: members[0]?.memberEpoch,
      target: members[0]?.targetAssignment?.get(topic),
    }));
    assert.deepEqual(ofClassic, { groupEpoch: -1, memberEpoch: -1, target: undefined });
    assert.ok(ofConsumer!.groupEpoch > 0 && ofConsumer!.memberEpoch! > 0);
    assert.deepEqual(ofConsumer!.target, [0]);
    assert.ok(ofShare!.groupEpoch > 0 && ofShare!.memberEpoch! > 0);
  });

  test("offsets of a share group are described, set and deleted", {
    skip: target.skipNewGroups,
  }, async () => {
    const { admin } = stage.client;
    const topic = unique("share-offsets");
    const groupId = unique("share-group");
    await createTopic(stage.client, { name: topic, partitions: 1 });
    const changes = [{ name: "share.auto.offset.reset", value: "earliest" }];
    orThrow(await admin.incrementalAlterConfigs([{ type: "group", name: groupId, changes }]));
    await using producer = stage.client.producer();
    await producer.sendMany(Array.from({ length: 10 }, (_, i) => ({ topic, value: `${i}` })));
    {
      await using consumer = stage.client.shareConsumer({ groupId });
      consumer.subscribe([topic]);
      let count = 0;
      await eventually(async () => {
        count += (await consumer.poll({ timeoutMs: 500 })).length;
        return count === 10;
      });
      orThrow(await consumer.commit());
    }
    const startOf = async () => {
      const [offset] = orThrow(await admin.describeShareGroupOffsets(groupId));
      return offset;
    };
    // The start itself moves with the next fetch only.
    await eventually(async () => (await startOf())?.lag === 0);
    orThrow(await admin.alterShareGroupOffsets(groupId, [{ topic, partition: 0, offset: 4 }]));
    await eventually(async () => (await startOf())?.startOffset === 4);
    assert.equal((await startOf())?.lag, 6);
    orThrow(await admin.deleteShareGroupOffsets(groupId, [topic]));
    await eventually(async () => (await startOf()) === undefined);
  });

  test("KIP-664: a transaction is aborted in its partition", {
    skip: target.skipTransactions,
  }, async () => {
    const { admin } = stage.client;
    const topic = unique("hanging");
    const transactionalId = unique("hanging");
    await createTopic(stage.client, { name: topic, partitions: 1 });
    await using producer = stage.client.transactionalProducer({ transactionalId });
    const transaction = await producer.begin();
    await transaction.send({ topic, value: "held up" });
    const partition = { topic, partition: 0 };
    const stable = async () => {
      const query = [{ ...partition, at: "latest" as const }];
      const [end] = await admin.listOffsets(query, { isolationLevel: "read_committed" });
      return end!.offset;
    };
    assert.equal(await stable(), 0);
    const [described] = orThrow(await admin.describeProducers([partition]));
    const open = described!.producers.find(
      ({ transactionStartOffset }) => transactionStartOffset >= 0,
    );
    await admin.abortTransaction({ ...partition, ...open! });
    await eventually(async () => (await stable()) === 2);
    await transaction.abort();
  });
});
