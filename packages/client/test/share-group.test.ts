/** Members of share groups (KIP-932). */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import {
  type AcknowledgementResult,
  Client,
  isBrokerError,
  orThrow,
  type ShareConsumer,
  type ShareConsumerOptions,
  type ShareRecord,
  UsageError,
} from "@ottla/client";
import { shareGroupHeartbeat } from "@ottla/protocol";
import { eventually, forEachBroker } from "./broker.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const skip = target.skipNewGroups;
  const stage = new Stage(target);
  const { unique, newTopic } = stage;

  /** A group that reads from the start, with settings of its own. */
  async function newGroup(configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = unique("share-group");
    const all = { "share.auto.offset.reset": "earliest", ...configs };
    const changes = Object.entries(all).map(([key, value]) => ({ name: key, value }));
    orThrow(await stage.client.admin.incrementalAlterConfigs([{ type: "group", name, changes }]));
    return name;
  }

  async function send(topic: string, count: number, from = 0): Promise<void> {
    await using producer = stage.client.producer();
    await producer.sendMany(
      Array.from({ length: count }, (_, i) => ({ topic, value: `${from + i}` })),
    );
  }

  function member(topic: string, options: ShareConsumerOptions): ShareConsumer {
    const consumer = stage.client.shareConsumer(options);
    consumer.subscribe([topic]);
    return consumer;
  }

  const valuesOf = (records: readonly ShareRecord[]) => records.map((r) => r.valueText() ?? "");

  /** Polls until some records came, which in a new group takes several tries. */
  async function some(consumer: ShareConsumer): Promise<readonly ShareRecord[]> {
    let records: readonly ShareRecord[] = [];
    await eventually(async () => {
      records = await consumer.poll({ timeoutMs: 1_000 });
      return records.length > 0;
    });
    return records;
  }

  test("implicit: members share the records of one partition, and each record is accepted once", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await using first = member(topic, { groupId, maxRecords: 10 });
    await using second = member(topic, { groupId, maxRecords: 10 });
    for (let i = 0; i < 30; i++) await send(topic, 10, i * 10);
    const counts = [0, 0];
    const seen: string[] = [];
    await eventually(async () => {
      for (const [index, consumer] of [first, second].entries()) {
        const records = await consumer.poll({ timeoutMs: 200 });
        counts[index]! += records.length;
        seen.push(...valuesOf(records));
        assert.ok(records.every(({ deliveryCount }) => deliveryCount === 1));
      }
      return seen.length >= 300;
    });
    assert.equal(new Set(seen).size, 300);
    assert.ok(
      counts.every((count) => count > 0),
      String(counts),
    );
    for (const consumer of [first, second]) {
      for (const { error } of await consumer.commit()) assert.equal(error, null);
    }
    assert.deepEqual(await first.poll({ timeoutMs: 700 }), []);
    assert.ok(first.lockTimeoutMs > 0);
  });

  test("explicit: released records come again, accepted and rejected ones do not", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await send(topic, 6);
    const acknowledged: AcknowledgementResult[] = [];
    await using consumer = member(topic, {
      groupId,
      acknowledgement: "explicit",
      onAcknowledged: (results) => acknowledged.push(...results),
    });
    const records = await some(consumer);
    assert.deepEqual(valuesOf(records), ["0", "1", "2", "3", "4", "5"]);
    await assert.rejects(consumer.poll(), UsageError);
    const types = ["accept", "release", "reject", "release", "accept", "reject"] as const;
    for (const [index, record] of records.entries()) consumer.acknowledge(record, types[index]);
    // The last word before it is sent counts.
    consumer.acknowledge(records[4]!, "release");
    const again = await some(consumer);
    assert.deepEqual(valuesOf(again), ["1", "3", "4"]);
    assert.ok(again.every(({ deliveryCount }) => deliveryCount === 2));
    assert.deepEqual(acknowledged, [
      { topic, partition: 0, offsets: [0, 1, 2, 3, 4, 5], error: null },
    ]);
    for (const record of again) consumer.acknowledge(record);
    assert.deepEqual(await consumer.commit(), [
      { topic, partition: 0, offsets: [1, 3, 4], error: null },
    ]);
    assert.throws(() => consumer.acknowledge(again[0]!), UsageError, "it was sent already");
    assert.deepEqual(await consumer.poll({ timeoutMs: 700 }), []);
  });

  test("a record whose lock is over goes to others, and the late acknowledgement fails", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup({ "share.record.lock.duration.ms": "1000" });
    await send(topic, 2);
    await using slow = member(topic, { groupId, acknowledgement: "explicit" });
    const records = await some(slow);
    await using other = member(topic, { groupId });
    const again = await some(other);
    assert.deepEqual(valuesOf(again), valuesOf(records));
    assert.equal(again[0]!.deliveryCount, 2);
    for (const record of records) slow.acknowledge(record);
    const [result] = await slow.commit();
    assert.ok(isBrokerError(result?.error, "INVALID_RECORD_STATE"), String(result?.error));
  });

  test("KIP-1222: a renewed lock holds on, and its record is acknowledged later", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup({ "share.record.lock.duration.ms": "1500" });
    await send(topic, 1);
    await using worker = member(topic, { groupId, acknowledgement: "explicit" });
    await using idle = member(topic, { groupId });
    let [record] = await some(worker);
    const stolen: string[] = [];
    const end = performance.now() + 4_000;
    while (performance.now() < end) {
      worker.acknowledge(record!, "renew");
      const [result] = await worker.commit();
      assert.equal(result?.error, null);
      stolen.push(...valuesOf(await idle.poll({ timeoutMs: 400 })));
    }
    assert.deepEqual(stolen, []);
    worker.acknowledge(record!);
    assert.deepEqual(await worker.commit(), [{ topic, partition: 0, offsets: [0], error: null }]);
    [record] = await idle.poll({ timeoutMs: 700 });
    assert.equal(record, undefined);
  });

  test("a member that closes lets go at once of what it did not acknowledge", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await send(topic, 4);
    const leaving = member(topic, { groupId, acknowledgement: "explicit" });
    const records = await some(leaving);
    leaving.acknowledge(records[0]!);
    const startedMs = performance.now();
    await leaving.close();
    await using other = member(topic, { groupId });
    assert.deepEqual(valuesOf(await some(other)), ["1", "2", "3"]);
    assert.ok(performance.now() - startedMs < 20_000, "far below the lock's 30 seconds");
  });

  test("transaction markers and aborted records are no obstacle", {
    skip: skip || target.skipTransactions,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup({ "share.isolation.level": "read_committed" });
    await using producer = stage.client.transactionalProducer({
      transactionalId: unique("share-tx"),
    });
    for (let i = 0; i < 6; i++) {
      await using transaction = await producer.begin();
      await transaction.send({ topic, value: `${i}` });
      if (i % 2 === 0) await transaction.commit();
    }
    await using consumer = member(topic, { groupId, maxRecords: 1 });
    const seen: string[] = [];
    await eventually(async () => {
      seen.push(...valuesOf(await consumer.poll({ timeoutMs: 300 })));
      return seen.length >= 3;
    });
    assert.deepEqual(seen, ["0", "2", "4"]);
    for (const { error } of await consumer.commit()) assert.equal(error, null);
  });

  test("strictMaxRecords splits batches", { skip }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await send(topic, 10);
    await using strict = member(topic, { groupId, maxRecords: 4, strictMaxRecords: true });
    const sizes: number[] = [];
    await eventually(async () => {
      const records = await strict.poll({ timeoutMs: 500 });
      if (records.length > 0) sizes.push(records.length);
      return sizes.reduce((sum, size) => sum + size, 0) >= 10;
    });
    assert.ok(Math.max(...sizes) <= 4, String(sizes));
  });

  test("a member that was removed joins again; bad group ids are refused", { skip }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await using consumer = member(topic, { groupId });
    await send(topic, 1);
    await some(consumer);
    const { memberId } = consumer;
    const left = await stage.client.request(shareGroupHeartbeat, {
      groupId,
      memberId,
      memberEpoch: -1,
    });
    assert.equal(left.errorCode, 0);
    await send(topic, 1, 1);
    assert.deepEqual(valuesOf(await some(consumer)), ["1"]);
    await using nobody = member(topic, { groupId: "" });
    await assert.rejects(nobody.poll({ timeoutMs: 10_000 }), (error) =>
      isBrokerError(error, "INVALID_GROUP_ID", "INVALID_REQUEST"),
    );
  });

  test("a broken connection ends the session: acknowledgements fail and records come again", {
    skip,
  }, async () => {
    const topic = await newTopic(1);
    const groupId = await newGroup();
    await send(topic, 3);
    const sockets = new Set<Socket>();
    const dial = (host: string, port: number) => {
      const socket = connect({ host, port });
      sockets.add(socket);
      return socket;
    };
    await using breaking = new Client({ bootstrapServers: stage.broker.bootstrap, dial });
    const consumer = breaking.shareConsumer({ groupId, acknowledgement: "explicit" });
    consumer.subscribe([topic]);
    const records = await some(consumer);
    for (const socket of sockets) socket.destroy();
    for (const record of records) consumer.acknowledge(record);
    const results = await consumer.commit();
    assert.ok(isBrokerError(results[0]?.error, "SHARE_SESSION_NOT_FOUND"), String(results));
    const again = await some(consumer);
    assert.deepEqual(valuesOf(again), valuesOf(records));
    for (const record of again) consumer.acknowledge(record);
    assert.equal((await consumer.commit())[0]?.error, null);
  });
});
