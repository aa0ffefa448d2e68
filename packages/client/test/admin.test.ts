/** The admin calls against every broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isBrokerError, orThrow } from "@ottla/client";
import { createTopic, eventually, forEachBroker } from "./broker.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const stage = new Stage(target);

  test("topics are created with per-item results, described, listed, grown and deleted", async () => {
    const { admin } = stage.client;
    const results = await admin.createTopics([
      { name: "admin-a", partitions: 3, replicationFactor: 1, configs: { "retention.ms": "1000" } },
      { name: "bad/name", partitions: 1 },
    ]);
    const good = results.find(({ name }) => name === "admin-a")!;
    assert.equal(good.error, null);
    assert.equal(good.partitions, 3);
    const bad = results.find(({ name }) => name === "bad/name")!;
    assert.ok(isBrokerError(bad.error, "INVALID_TOPIC_EXCEPTION"));
    assert.throws(() => orThrow(results), /bad\/name: INVALID_TOPIC_EXCEPTION/);

    const again = await admin.createTopics([{ name: "admin-a" }]);
    assert.ok(isBrokerError(again[0]!.error, "TOPIC_ALREADY_EXISTS"));

    await eventually(async () => (await admin.describeTopics(["admin-a"]))[0]!.error === null);
    const [described] = await admin.describeTopics(["admin-a"]);
    assert.equal(described!.topicId, good.topicId);
    assert.deepEqual(
      described!.partitions.map(({ partition }) => partition),
      [0, 1, 2],
    );
    const [unknown] = await admin.describeTopics(["admin-none"]);
    assert.ok(isBrokerError(unknown!.error, "UNKNOWN_TOPIC_OR_PARTITION"));

    orThrow(await admin.createPartitions([{ name: "admin-a", count: 5 }]));
    await eventually(async () => {
      const listed = await admin.listTopics();
      return listed.find(({ name }) => name === "admin-a")?.partitionCount === 5;
    });
    orThrow(await admin.deleteTopics(["admin-a"]));
    await eventually(async () => {
      const left = await admin.listTopics();
      return !left.some(({ name }) => name === "admin-a");
    });
  });

  test("the cluster and its log dirs are described", async () => {
    const { admin } = stage.client;
    const { brokers, controllerId, clusterId } = await admin.describeCluster();
    assert.equal(brokers.length, 1);
    assert.equal(brokers[0]!.port, stage.broker.port);
    assert.equal(controllerId, brokers[0]!.nodeId);
    assert.ok(clusterId);
    orThrow(await admin.createTopics([{ name: "admin-dirs", partitions: 2 }]));
    await eventually(async () => {
      const dirs = orThrow(await admin.describeLogDirs());
      const partitions = dirs.flatMap((dir) => dir.partitions);
      return partitions.filter(({ topic }) => topic === "admin-dirs").length === 2;
    });
  });

  test("configs are described with their sources, changed key by key and replaced as a whole", async () => {
    const { admin } = stage.client;
    await createTopic(stage.client, { name: "admin-configs" });
    const resource = { type: "topic", name: "admin-configs" } as const;
    orThrow(
      await admin.incrementalAlterConfigs([
        {
          ...resource,
          changes: [
            { name: "retention.ms", value: "5000" },
            { name: "cleanup.policy", operation: "append", value: "compact" },
          ],
        },
      ]),
    );
    const read = async () => {
      const [result] = await admin.describeConfigs([resource]);
      assert.equal(result!.error, null);
      return new Map(result!.entries.map((entry) => [entry.name, entry]));
    };
    const entries = await read();
    assert.equal(entries.get("retention.ms")?.value, "5000");
    assert.equal(entries.get("retention.ms")?.source, "topic");
    assert.equal(entries.get("retention.ms")?.type, "long");
    assert.equal(entries.get("cleanup.policy")?.value, "delete,compact");
    orThrow(await admin.alterConfigs([{ ...resource, configs: { "segment.ms": "60000" } }]));
    const replaced = await read();
    assert.equal(replaced.get("retention.ms")?.source, "default");
    assert.equal(replaced.get("segment.ms")?.value, "60000");
    const { brokers } = await admin.describeCluster();
    const [own] = await admin.describeConfigs(
      [{ type: "broker", name: String(brokers[0]!.nodeId) }],
      { keys: ["num.partitions"], includeSynonyms: true },
    );
    assert.deepEqual(
      own!.entries.map(({ name }) => name),
      ["num.partitions"],
    );
  });

  test("offsets of partitions are listed by kind and time, one bad partition fails alone", async () => {
    const { admin } = stage.client;
    await createTopic(stage.client, { name: "admin-offsets", partitions: 2 });
    const listed = await admin.listOffsets([
      { topic: "admin-offsets", partition: 0, at: "earliest" },
      { topic: "admin-offsets", partition: 1, at: "latest" },
      { topic: "admin-offsets", partition: 0, at: 1_000 },
      { topic: "admin-none", partition: 0, at: "latest" },
      { topic: "admin-offsets", partition: 7, at: "latest" },
    ]);
    assert.deepEqual(
      listed.map(({ offset }) => offset),
      [0, 0, -1, -1, -1],
    );
    assert.ok(isBrokerError(listed[3]!.error, "UNKNOWN_TOPIC_OR_PARTITION"));
    assert.ok(isBrokerError(listed[4]!.error, "UNKNOWN_TOPIC_OR_PARTITION"));
    const [deleted] = await admin.deleteRecords([
      { topic: "admin-offsets", partition: 0, beforeOffset: -1 },
    ]);
    assert.deepEqual([deleted!.error, deleted!.lowWatermark], [null, 0]);
    const [tooFar] = await admin.deleteRecords([
      { topic: "admin-offsets", partition: 0, beforeOffset: 10 },
    ]);
    assert.ok(isBrokerError(tooFar!.error, "OFFSET_OUT_OF_RANGE"));
  });

  test("offsets of a group are set from outside, read, deleted; then the group is", async () => {
    const { admin } = stage.client;
    await createTopic(stage.client, { name: "admin-group", partitions: 2 });
    const at = (partition: number) => ({ topic: "admin-group", partition });
    orThrow(
      await admin.alterGroupOffsets("admin-g", [
        { ...at(0), offset: 7, metadata: "why" },
        { ...at(1), offset: 8 },
      ]),
    );
    const fetched = await admin.fetchGroupOffsets("admin-g");
    assert.deepEqual(
      fetched.map(({ partition, offset, metadata }) => [partition, offset, metadata]).sort(),
      [
        [0, 7, "why"],
        [1, 8, ""],
      ],
    );
    const listing = await admin.listGroups();
    assert.equal(listing.find(({ groupId }) => groupId === "admin-g")?.state, "Empty");
    const [description] = await admin.describeGroups(["admin-g"]);
    assert.equal(description!.state, "Empty");
    orThrow(await admin.deleteGroupOffsets("admin-g", [at(0)]));
    const [gone] = await admin.fetchGroupOffsets("admin-g", [at(0)]);
    assert.equal(gone!.offset, -1);
    orThrow(await admin.deleteGroups(["admin-g"]));
    const [missing] = await admin.describeGroups(["admin-g"]);
    assert.equal(missing!.state, "Dead");
    assert.ok(isBrokerError(missing!.error, "GROUP_ID_NOT_FOUND"));
  });
});
