/** Transactions against every broker, in both protocols: with partitions added by the producer and by the broker (KIP-890). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client, type ConsumerRecord, FencedError, isBrokerError, UsageError } from "@ottla/client";
import { apiVersions, updateFeatures } from "@ottla/protocol";
import { type Broker, createTopic, eventually, forEachBroker } from "./broker.ts";

forEachBroker((target) => {
  let broker: Broker;

  before(async () => {
    broker = await target.start();
  });

  after(async () => {
    await broker[Symbol.asyncDispose]();
  });

  let names = 0;
  const unique = (what: string) => `${what}-${process.pid}-${names++}`;

  const UPGRADE = 1;
  const UNSAFE_DOWNGRADE = 3;

  /** Sets the cluster's transaction.version and waits until the broker says so to new connections. */
  async function finalize(level: number): Promise<void> {
    const current = async () => {
      await using client = new Client({ bootstrapServers: broker.bootstrap });
      const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
      const { finalizedFeatures } = await client.request(apiVersions, software);
      return (
        finalizedFeatures.find(({ name }) => name === "transaction.version")?.maxVersionLevel ?? 0
      );
    };
    const now = await current();
    if (now !== level) {
      await using client = new Client({ bootstrapServers: broker.bootstrap });
      const { errorCode, errorMessage } = await client.request(updateFeatures, {
        featureUpdates: [
          {
            feature: "transaction.version",
            maxVersionLevel: level,
            upgradeType: level > now ? UPGRADE : UNSAFE_DOWNGRADE,
          },
        ],
      });
      assert.equal(errorCode, 0, String(errorMessage));
    }
    await eventually(async () => (await current()) === level);
  }

  for (const version of [2, 1]) {
    describe(`transaction.version ${version}`, { skip: target.skipTransactions }, () => {
      let client: Client;

      before(async () => {
        await finalize(version);
        client = new Client({ bootstrapServers: broker.bootstrap });
      });

      after(async () => {
        await client.close();
      });

      async function newTopic(partitions: number): Promise<string> {
        const name = unique("txn");
        await createTopic(client, { name, partitions });
        return name;
      }

      /** Everything a committed reader sees before the current end. */
      async function committed(topic: string, partitions: number): Promise<string[]> {
        const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
        const ends = await client.admin.listOffsets(
          all.map((p) => ({ ...p, at: "latest" as const })),
          { isolationLevel: "read_committed" },
        );
        await using consumer = client.consumer({
          isolationLevel: "read_committed",
          autoOffsetReset: "earliest",
        });
        consumer.assign(all);
        const records: ConsumerRecord[] = [];
        await eventually(async () => {
          for (const batch of await consumer.poll({ timeoutMs: 50 })) records.push(...batch);
          return ends.every((end) => consumer.position(end) >= end.offset);
        });
        return records.map((record) => record.valueText()!);
      }

      test("committed records are seen, aborted ones are not, over several transactions and partitions", async () => {
        const topic = await newTopic(3);
        await using producer = client.transactionalProducer({ transactionalId: unique("id") });
        const expected: string[] = [];
        for (let i = 0; i < 6; i++) {
          await using transaction = await producer.begin();
          const values = Array.from({ length: 30 }, (_, j) => `${i}-${j}`);
          await transaction.sendMany(values.map((value) => ({ topic, key: value, value })));
          if (i % 3 === 1) {
            await transaction.abort();
          } else if (i % 3 === 0) {
            await transaction.commit();
            expected.push(...values);
          }
          // The remaining third is aborted by leaving the block.
        }
        assert.equal(producer.state, "ready");
        await eventually(async () => (await committed(topic, 3)).length >= expected.length);
        assert.deepEqual((await committed(topic, 3)).sort(), expected.sort());
      });

      test("concurrent sends to many partitions and offsets of many topics all belong to the transaction", async () => {
        const [input, output] = [await newTopic(4), await newTopic(8)];
        const groupId = unique("group");
        await using producer = client.transactionalProducer({ transactionalId: unique("id") });
        const transaction = await producer.begin();
        const group = { groupId, generation: -1, memberId: "", groupInstanceId: null };
        await Promise.all([
          ...Array.from({ length: 8 }, (_, partition) =>
            transaction.send({ topic: output, partition, value: String(partition) }),
          ),
          ...Array.from({ length: 4 }, (_, partition) =>
            transaction.sendOffsets([{ topic: input, partition, offset: 10 + partition }], group),
          ),
        ]);
        assert.deepEqual(await committed(output, 8), []);
        await transaction.commit();
        await eventually(async () => (await committed(output, 8)).length === 8);
        await eventually(async () => {
          const fetched = await client.admin.fetchGroupOffsets(groupId, null, {
            requireStable: true,
          });
          return fetched.length === 4;
        });
        const fetched = await client.admin.fetchGroupOffsets(groupId);
        assert.deepEqual(fetched.map(({ offset }) => offset).sort(), [10, 11, 12, 13]);
      });

      test("offsets of an aborted transaction do not count", async () => {
        const topic = await newTopic(1);
        const groupId = unique("group");
        await using producer = client.transactionalProducer({ transactionalId: unique("id") });
        const group = { groupId, generation: -1, memberId: "", groupInstanceId: null };
        const transaction = await producer.begin();
        await transaction.sendOffsets([{ topic, partition: 0, offset: 5 }], group);
        await transaction.abort();
        const p = { topic, partition: 0 };
        const fetched = await client.admin.fetchGroupOffsets(groupId, [p], { requireStable: true });
        assert.equal(fetched[0]!.offset, -1);
      });

      test("a restarted producer takes over: the former one is fenced for good and its transaction aborted", async () => {
        const topic = await newTopic(1);
        const transactionalId = unique("id");
        await using former = client.transactionalProducer({ transactionalId });
        const lost = await former.begin();
        await lost.send({ topic, value: "lost" });
        await using next = client.transactionalProducer({ transactionalId });
        const transaction = await next.begin();
        await transaction.send({ topic, value: "kept" });
        await transaction.commit();
        await assert.rejects(async () => {
          await lost.send({ topic, value: "too late" });
          await lost.commit();
        }, FencedError);
        assert.equal(former.state, "failed");
        await assert.rejects(former.begin(), FencedError);
        assert.deepEqual(await committed(topic, 1), ["kept"]);
      });

      test("a refused record makes the transaction fit for abort only, and the next one works without a gap", async () => {
        const topic = unique("txn-small");
        await createTopic(client, {
          name: topic,
          partitions: 1,
          configs: { "max.message.bytes": "1000" },
        });
        await using producer = client.transactionalProducer({
          transactionalId: unique("id"),
          batchBytes: 100,
          lingerMs: 0,
        });
        const bad = await producer.begin();
        const large = bad.send({ topic, value: "x".repeat(5_000) });
        const behind = Array.from({ length: 3 }, (_, i) =>
          bad.send({ topic, value: `behind ${i}` }),
        );
        await assert.rejects(large, (error) => isBrokerError(error, "MESSAGE_TOO_LARGE"));
        await Promise.allSettled(behind);
        await assert.rejects(bad.commit(), (error) => isBrokerError(error, "MESSAGE_TOO_LARGE"));
        await bad.abort();
        for (const value of ["one", "two"]) {
          const good = await producer.begin();
          await good.send({ topic, value });
          await good.commit();
        }
        await eventually(async () => (await committed(topic, 1)).length === 2);
        assert.deepEqual(await committed(topic, 1), ["one", "two"]);
      });

      test("an abort with records still queued leaves no gap in the sequence", async () => {
        const topic = await newTopic(1);
        await using producer = client.transactionalProducer({
          transactionalId: unique("id"),
          batchBytes: 200,
          lingerMs: 0,
        });
        for (let round = 0; round < 3; round++) {
          const aborted = await producer.begin();
          const sends = Array.from({ length: 200 }, (_, i) =>
            aborted.send({ topic, value: `aborted ${round} ${i} ${"z".repeat(50)}` }),
          );
          const settled = Promise.allSettled(sends);
          await sends[0];
          await aborted.abort();
          await settled;
          const good = await producer.begin();
          await good.send({ topic, value: `good ${round}` });
          await good.commit();
        }
        await eventually(async () => (await committed(topic, 1)).length === 3);
        assert.deepEqual(await committed(topic, 1), ["good 0", "good 1", "good 2"]);
      });

      test("an open transaction is listed and described, and so are the producers of a partition", async () => {
        const topic = await newTopic(1);
        const transactionalId = unique("id");
        const { admin } = client;
        await using producer = client.transactionalProducer({
          transactionalId,
          transactionTimeoutMs: 50_000,
        });
        const transaction = await producer.begin();
        await transaction.send({ topic, value: "open" });
        const listed = await admin.listTransactions({ states: ["Ongoing"] });
        const own = listed.find((each) => each.transactionalId === transactionalId)!;
        assert.equal(own.state, "Ongoing");
        const [open, unknown] = await admin.describeTransactions([transactionalId, unique("no")]);
        assert.equal(open!.error, null);
        assert.equal(open!.state, "Ongoing");
        assert.equal(open!.timeoutMs, 50_000);
        assert.ok(open!.startedAtMs > 0);
        assert.deepEqual(open!.partitions, [{ topic, partition: 0 }]);
        assert.ok(isBrokerError(unknown!.error, "TRANSACTIONAL_ID_NOT_FOUND"));
        const [partition] = await admin.describeProducers([{ topic, partition: 0 }]);
        const active = partition!.producers.find(
          ({ producerId }) => producerId === own.producerId,
        )!;
        assert.equal(active.producerEpoch, open!.producerEpoch);
        assert.equal(active.transactionStartOffset, 0);
        const old = { states: ["Ongoing"], minDurationMs: 3_600_000 } as const;
        assert.deepEqual(await admin.listTransactions(old), []);
        const named = await admin.listTransactions({
          transactionalIdPattern: `${transactionalId}`,
        });
        assert.deepEqual(named, [own]);
        await transaction.commit();
        await eventually(async () => {
          const [after] = await admin.describeProducers([{ topic, partition: 0 }]);
          return after!.producers.every(({ transactionStartOffset }) => transactionStartOffset < 0);
        });
      });

      test("empty transactions end, and misuse is refused", async () => {
        await using producer = client.transactionalProducer({ transactionalId: unique("id") });
        const empty = await producer.begin();
        await assert.rejects(producer.begin(), UsageError);
        await empty.commit();
        await assert.rejects(empty.send({ topic: "any", value: "x" }), UsageError);
        await (await producer.begin()).abort();
        assert.equal(producer.state, "ready");
      });

      test("a copy job with a group and EOS offsets copies every record once", async () => {
        const [input, output] = [await newTopic(2), await newTopic(2)];
        await using source = client.producer();
        const values = Array.from({ length: 100 }, (_, i) => `v${i}`);
        await source.sendMany(values.map((value) => ({ topic: input, key: value, value })));
        const groupId = unique("copy");
        await using producer = client.transactionalProducer({ transactionalId: unique("id") });
        await using consumer = client.consumer({
          groupId,
          autoOffsetReset: "earliest",
          isolationLevel: "read_committed",
        });
        consumer.subscribe([input]);
        let copied = 0;
        for await (const batch of consumer) {
          await using transaction = await producer.begin();
          const group = consumer.groupMetadata;
          batch.forEach((record) => {
            copied++;
            transaction.enqueue({ topic: output, key: record.key, value: record.value });
          });
          const { topic, partition, nextOffset } = batch;
          await transaction.sendOffsets([{ topic, partition, offset: nextOffset }], group);
          await transaction.commit();
          if (copied >= values.length) break;
        }
        await eventually(async () => (await committed(output, 2)).length === values.length);
        assert.deepEqual((await committed(output, 2)).sort(), [...values].sort());
      });
    });
  }
});
