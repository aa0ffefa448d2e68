/**
 * Defects of other clients, each with a test here that fails on the behaviour described. The table names the test; those that need a broker
 * and have no better place are in this file.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Client, isBrokerError, rangeAssignor, roundRobinAssignor } from "@ottla/client";
import { initProducerId, joinGroup } from "@ottla/protocol";
import { eventually, forEachBroker } from "./broker.ts";
import { Stage } from "./stage.ts";

const DEFECTS: readonly (readonly [defect: string, file: string, test: string])[] = [
  [
    "concurrent sends of a transaction add only the first partition",
    "test/transactions.test.ts",
    "concurrent sends to many partitions and offsets of many topics all belong to the transaction",
  ],
  [
    "concurrent offsets of a transaction commit only the first",
    "test/transactions.test.ts",
    "concurrent sends to many partitions and offsets of many topics all belong to the transaction",
  ],
  [
    "InitProducerId sends 0/0 instead of −1/−1, so that a restart is fenced",
    "test/transactions.test.ts",
    "a restarted producer takes over: the former one is fenced for good and its transaction aborted",
  ],
  [
    "InitProducerId sends 0/0 instead of −1/−1: on the wire",
    "test/scripted.test.ts",
    "InitProducerId of a new producer names no identity, so that a restart is not fenced",
  ],
  [
    "a gap in the sequence after an aborted send",
    "test/defects.test.ts",
    "IP2: sends whose callers gave up leave no gap in the sequence",
  ],
  [
    "a gap in the sequence after an aborted transaction",
    "test/transactions.test.ts",
    "an abort with records still queued leaves no gap in the sequence",
  ],
  [
    "the sequence never wraps",
    "src/producer/partition-queue.test.ts",
    "IP2: sequences wrap from 2^31 − 1 to 0",
  ],
  [
    "aborted records are delivered when a producer aborts twice in a response",
    "src/consumer/decode.test.ts",
    "TX11: a producer that aborts twice in one answer and commits in between keeps only what it committed",
  ],
  [
    "aborted records are delivered when the marker arrives later",
    "src/consumer/decode.test.ts",
    "TX11: an abort whose marker comes in a later answer, listed there again, hides both parts and nothing after",
  ],
  [
    "checksums are never looked at",
    "src/consumer/decode.test.ts",
    "a wrong checksum is reported with its offset; sound batches before it come first",
  ],
  [
    "assignment user data is static and dropped on receipt",
    "test/group.test.ts",
    "an assignor of one's own runs for a single member too and carries user data both ways",
  ],
  [
    "the assignor is not called for a single member",
    "test/group.test.ts",
    "an assignor of one's own runs for a single member too and carries user data both ways",
  ],
  [
    "static members leave on close",
    "test/group.test.ts",
    "a static member that comes back within its session gets its partitions without a rebalance",
  ],
  [
    "one request timeout for JoinGroup and everything else",
    "test/defects.test.ts",
    "a join that waits for others longer than a request may take goes on waiting",
  ],
  [
    "error codes above 127 throw something else",
    "src/broker-error.test.ts",
    "every code is a broker's error, also those above 127 and those of the future",
  ],
  [
    "a response fails as a whole on one partition's error: reading",
    "test/defects.test.ts",
    "a partition that cannot be read holds up no other",
  ],
  [
    "a response fails as a whole on one partition's error: looking up",
    "test/admin.test.ts",
    "offsets of partitions are listed by kind and time, one bad partition fails alone",
  ],
  [
    "every record is decoded into an object with copies",
    "src/consumer/decode.test.ts",
    "records are decoded when looked at, and their bytes are views of what was fetched",
  ],
  [
    "TxnOffsetCommit without generation and member: zombies commit",
    "test/defects.test.ts",
    "TX14: offsets of a member that its group has moved on from are refused within a transaction",
  ],
  [
    "no flexible versions",
    "test/consumer-group.test.ts",
    "members share the partitions, keep what does not move, and hand over on leave",
  ],
  [
    "heartbeats only between batches",
    "test/defects.test.ts",
    "heartbeats go on while a batch is worked on for longer than the session",
  ],
  [
    "no manual assignment",
    "test/produce-consume.test.ts",
    "seek, pause, position and lag steer what poll hands out",
  ],
  [
    "no static membership",
    "test/group.test.ts",
    "two members with one instance id: the older one is fenced, for good",
  ],
  [
    "consumers that stop fetching while looking healthy",
    "test/faults.test.ts",
    "a consumer goes on after its connections broke and the broker restarted",
  ],
  [
    "group metadata only from one's own consumer",
    "test/transactions.test.ts",
    "concurrent sends to many partitions and offsets of many topics all belong to the transaction",
  ],
  [
    "no custom assignor",
    "test/group.test.ts",
    "an assignor of one's own runs for a single member too and carries user data both ways",
  ],
  [
    "no raw requests",
    "test/defects.test.ts",
    "requests of one's own reach the broker as they are, and its answer comes back",
  ],
  [
    "installs a binary from outside the registry",
    "test/defects.test.ts",
    "nothing is installed but this package and its siblings, and nothing runs on installing",
  ],
];

const root = join(import.meta.dirname, "..");

test("every defect has its test", async () => {
  for (const [defect, file, name] of DEFECTS) {
    const text = await readFile(join(root, file), "utf8");
    // This file's own table names the test too.
    const isHere = file === "test/defects.test.ts";
    assert.ok(text.split(name).length > (isHere ? 2 : 1), `${defect}: ${file} has no "${name}"`);
  }
});

test("nothing is installed but this package and its siblings, and nothing runs on installing", async () => {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  assert.ok(
    names.every((name) => name.startsWith("@ottla/")),
    names.join(),
  );
  assert.equal(manifest.scripts?.install ?? manifest.scripts?.postinstall, undefined);
});

forEachBroker((target) => {
  const stage = new Stage(target);
  const { unique, newTopic, readAll } = stage;

  /** A member whose heartbeats nobody sends: resolves when its session of `sessionTimeoutMs` is over. */
  async function sessionOver(sessionTimeoutMs: number): Promise<void> {
    const groupId = unique("silent");
    const join = { groupId, sessionTimeoutMs, rebalanceTimeoutMs: 10_000, memberId: "" };
    const protocols = [{ name: "p", metadata: Buffer.alloc(0) }];
    const request = { ...join, protocolType: "consumer", protocols };
    await stage.client.admin.fetchGroupOffsets(groupId);
    const first = await stage.client.request(joinGroup, request);
    await stage.client.request(joinGroup, { ...request, memberId: first.memberId });
    await eventually(async () => {
      const [group] = await stage.client.admin.describeGroups([groupId]);
      return group!.members.length === 0;
    });
  }

  test("IP2: sends whose callers gave up leave no gap in the sequence", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer({ lingerMs: 0, batchBytes: 200 });
    const kept: string[] = [];
    for (let i = 0; i < 40; i++) {
      const abort = new AbortController();
      const given = producer.send({ topic, value: `given up ${i}` }, { signal: abort.signal });
      abort.abort(new Error("no more patience"));
      await given.catch(() => {});
      await producer.send({ topic, value: `kept ${i}` });
      kept.push(`kept ${i}`);
    }
    const [end] = await stage.client.admin.listOffsets([{ topic, partition: 0, at: "latest" }]);
    const records = await readAll(topic, 1, end!.offset);
    const read = records.map((record) => record.valueText() ?? "");
    assert.deepEqual(
      read.filter((value) => value.startsWith("kept")),
      kept,
    );
    assert.equal(new Set(read).size, read.length, "nothing twice");
  });

  test("a join that waits for others longer than a request may take goes on waiting", async () => {
    const topic = await newTopic(2);
    const groupId = unique("patient");
    const timing = { maxPollIntervalMs: 20_000, heartbeatIntervalMs: 100 };
    const busy = stage.client.consumer({ groupId, ...timing });
    busy.subscribe([topic]);
    await busy.poll({ timeoutMs: 3_000 });
    assert.equal(busy.assignment.length, 2);
    await using impatient = new Client({
      bootstrapServers: stage.broker.bootstrap,
      requestTimeoutMs: 500,
    });
    const waiting = impatient.consumer({ groupId, ...timing });
    waiting.subscribe([topic]);
    const joining = waiting.poll({ timeoutMs: 20_000 }).catch(() => {});
    // The first member does not poll, and so does not join, until far more than 500 ms are over.
    await sessionOver(1_500);
    const abort = new AbortController();
    const going = busy.poll({ signal: abort.signal }).catch(() => {});
    await eventually(async () => waiting.assignment.length === 1);
    const { groupInstanceId, ...member } = waiting.groupMetadata;
    assert.equal(groupInstanceId, null);
    assert.equal(member.generation, 2, "there was one rebalance, not one for every timeout");
    abort.abort();
    await going;
    await waiting.close();
    await joining;
    await busy.close();
  });

  test("heartbeats go on while a batch is worked on for longer than the session", async () => {
    const topic = await newTopic(1);
    const groupId = unique("working");
    await using producer = stage.client.producer();
    await producer.send({ topic, value: "work" });
    await using consumer = stage.client.consumer({
      groupId,
      sessionTimeoutMs: 1_000,
      heartbeatIntervalMs: 100,
      autoOffsetReset: "earliest",
    });
    consumer.subscribe([topic]);
    const polled = await consumer.poll({ timeoutMs: 10_000 });
    assert.equal(polled.length, 1);
    const { memberId, generation } = consumer.groupMetadata;
    // Hard work: two sessions long.
    await sessionOver(1_000);
    await sessionOver(1_000);
    await consumer.commit();
    const [group] = await stage.client.admin.describeGroups([groupId]);
    assert.deepEqual(
      group!.members.map((member) => member.memberId),
      [memberId],
    );
    assert.equal(consumer.groupMetadata.generation, generation);
  });

  test("a partition that cannot be read holds up no other", async () => {
    const topic = await newTopic(1);
    await using producer = stage.client.producer();
    await producer.sendMany([
      { topic, value: "a" },
      { topic, value: "b" },
    ]);
    await using consumer = stage.client.consumer({ autoOffsetReset: "none" });
    consumer.assign([
      { topic, partition: 0, offset: 0 },
      { topic: unique("nowhere"), partition: 0, offset: 0 },
      { topic, partition: 7, offset: 0 },
    ]);
    const values: string[] = [];
    await eventually(async () => {
      for (const batch of await consumer.poll({ timeoutMs: 100 })) {
        for (const record of batch) values.push(record.valueText() ?? "");
      }
      return values.length === 2;
    });
  });

  test("requests of one's own reach the broker as they are, and its answer comes back", async () => {
    const answer = await stage.client.request(
      initProducerId,
      { transactionalId: null, transactionTimeoutMs: 1_000, producerId: -1, producerEpoch: -1 },
      { max: 2 },
    );
    assert.equal(answer.errorCode, 0);
    assert.equal(answer.producerEpoch, 0);
  });

  for (const groupProtocol of ["classic", "consumer"] as const) {
    const skip = target.skipTransactions || (groupProtocol === "consumer" && target.skipNewGroups);
    test(`TX14: offsets of a member that its group has moved on from are refused within a transaction (${groupProtocol})`, {
      skip,
    }, async () => {
      const topic = await newTopic(2);
      const groupId = unique("zombie");
      const options = { groupId, groupProtocol, maxPollIntervalMs: 10_000 };
      await using zombie = stage.client.consumer(options);
      zombie.subscribe([topic]);
      await eventually(async () => {
        await zombie.poll({ timeoutMs: 100 });
        return zombie.assignment.length === 2;
      });
      const old = zombie.groupMetadata;
      const other = stage.client.consumer(options);
      other.subscribe([topic]);
      await eventually(async () => {
        await Promise.all([zombie.poll({ timeoutMs: 50 }), other.poll({ timeoutMs: 50 })]);
        return other.assignment.length === 1;
      });
      const moved = other.assignment[0]!;
      await using producer = stage.client.transactionalProducer({
        transactionalId: unique("zombie"),
      });
      {
        await using transaction = await producer.begin();
        await assert.rejects(transaction.sendOffsets([{ ...moved, offset: 1 }], old), (error) =>
          isBrokerError(error, "ILLEGAL_GENERATION", "STALE_MEMBER_EPOCH"),
        );
      }
      await using transaction = await producer.begin();
      const offset = { ...moved, offset: 2 };
      await transaction.sendOffsets([offset], other.groupMetadata);
      await transaction.commit();
      await other.close();
      const [committed] = await zombie.committed([offset]);
      assert.equal(committed?.offset, 2);
    });
  }

  test("members whose assignors have nothing in common cannot be in one group", async () => {
    const topic = await newTopic(1);
    const groupId = unique("inconsistent");
    await using first = stage.client.consumer({ groupId, assignors: [rangeAssignor] });
    first.subscribe([topic]);
    await first.poll({ timeoutMs: 2_000 });
    await using second = stage.client.consumer({ groupId, assignors: [roundRobinAssignor] });
    second.subscribe([topic]);
    await assert.rejects(second.poll({ timeoutMs: 10_000 }), (error) =>
      isBrokerError(error, "INCONSISTENT_GROUP_PROTOCOL"),
    );
  });
});
