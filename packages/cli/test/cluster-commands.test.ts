/** Transactions, settings, brokers and their folders, against a broker. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "@ottla/client";
import type { BrokerServer } from "@ottla/testing";
import { ottla, startBroker } from "./ottla.ts";

let broker: BrokerServer;
let client: Client;

before(async () => {
  broker = await startBroker();
  client = new Client({ bootstrapServers: broker.bootstrap });
  await succeed("topic create cargo -p 3");
});

after(async () => {
  await client.close();
  await broker[Symbol.asyncDispose]();
});

async function succeed(line: string): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap: broker.bootstrap });
  assert.equal(result.code, 0, `${line}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

async function fail(line: string, code = 1): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap: broker.bootstrap });
  assert.equal(result.code, code, `${line}\n${result.stdout}${result.stderr}`);
  return result.stderr;
}

const json = async (line: string) => JSON.parse(await succeed(`${line} --output json`));

/** A producer that has written to two partitions and stays silent from then on. */
async function openTransaction(transactionalId: string) {
  const producer = client.transactionalProducer({ transactionalId, transactionTimeoutMs: 60_000 });
  const transaction = await producer.begin();
  const sent = await transaction.sendMany(
    [0, 2].map((partition) => ({ topic: "cargo", partition, value: "x" })),
  );
  return { producer, transaction, offset: sent[0]!.offset };
}

test("transactions are listed, described and aborted, and their producers are fenced", async () => {
  const { producer, transaction } = await openTransaction("ship-1");
  const ids = async (filter: string) =>
    (await json(`transaction list ${filter}`.trim())).transactions.map(
      (each: { transactionalId: string }) => each.transactionalId,
    );
  assert.deepEqual(await ids("--state Ongoing"), ["ship-1"]);
  assert.deepEqual(await ids("--state CompleteCommit"), []);
  assert.deepEqual(await ids("--open-for 1h"), []);
  assert.match(await succeed("transaction list"), /^ship-1 +Ongoing +\d+$/m);

  const [described] = (await json("transaction describe ship-1")).transactions;
  assert.equal(described.state, "Ongoing");
  assert.equal(described.timeoutMs, 60_000);
  assert.ok(described.startedAtMs > 0);
  assert.deepEqual(described.partitions, [
    { topic: "cargo", partition: 0 },
    { topic: "cargo", partition: 2 },
  ]);
  assert.match(await succeed("transaction describe ship-1"), /Open since: +\d{4}-.* ago\n/);
  assert.match(await fail("transaction describe nobody"), /TRANSACTIONAL_ID_NOT_FOUND/);
  assert.match(await fail("transaction abort nobody"), /TRANSACTIONAL_ID_NOT_FOUND/);
  assert.deepEqual(await ids(""), ["ship-1"]);

  assert.equal(await succeed("transaction abort ship-1"), "aborted the transaction of ship-1\n");
  assert.match((await json("transaction describe ship-1")).transactions[0].state, /Abort|Empty/);
  assert.match(await succeed("transaction abort ship-1"), /had nothing open/);
  await assert.rejects(transaction.commit(), { name: "FencedError" });
  await producer.close();
});

test("in a partition only what hangs is aborted, unless it is forced", async () => {
  const { producer, offset } = await openTransaction("ship-2");
  const at = (start: number) =>
    `transaction abort --partition cargo:2 --start-offset ${start} --output json`;
  assert.match(await fail(at(offset + 1)), /no transaction of cargo\[2\] starts at/);
  assert.match(await fail("transaction abort --partition cargo:1"), /None is open there/);
  assert.match(await fail(at(offset)), /does not hang: it is open for .*ship-2/);
  const ends = async () => {
    const [end] = await client.admin.listOffsets([{ topic: "cargo", partition: 2, at: "latest" }], {
      isolationLevel: "read_committed",
    });
    return end!.offset;
  };
  assert.equal(await ends(), offset);
  const aborted = JSON.parse(await succeed(`${at(offset)} --force`));
  assert.equal(aborted.aborted, true);
  // The record and the marker.
  assert.equal(await ends(), offset + 2);
  assert.match(await fail(at(offset)), /None is open there/);
  await succeed("transaction abort ship-2");
  await producer.close().catch(() => {});
});

test("a command line that does not say what to abort does nothing", async () => {
  await fail("transaction abort", 2);
  await fail("transaction abort ship-1 --partition cargo:0", 2);
  await fail("transaction abort --partition cargo", 2);
  await fail("transaction abort ship-1 --start-offset 1", 2);
});

test("settings are described and changed, of topics, brokers and groups", async () => {
  const configs = async (line: string) => {
    const pairs = (await json(line)).resources[0].configs.map(
      (each: { name: string; value: string }) => [each.name, each.value],
    );
    // Kafka sets it by itself for every topic.
    const { "min.insync.replicas": _, ...rest } = Object.fromEntries(pairs);
    return rest;
  };
  assert.deepEqual(await configs("config describe topic:cargo"), {});
  assert.equal(
    await succeed("config alter topic:cargo -c retention.ms=1000000 -c cleanup.policy=delete"),
    "altered topic:cargo: retention.ms=1000000, cleanup.policy=delete\n",
  );
  await succeed("config alter topic:cargo --append cleanup.policy=compact");
  await succeed("config alter topic:cargo -c retention.ms=5 --dry-run");
  assert.deepEqual(await configs("config describe topic:cargo"), {
    "cleanup.policy": "delete,compact",
    "retention.ms": "1000000",
  });
  await succeed(
    "config alter topic:cargo --subtract cleanup.policy=compact --delete-config retention.ms",
  );
  assert.deepEqual(await configs("config describe topic:cargo"), { "cleanup.policy": "delete" });
  assert.match(
    await succeed("config describe topic:cargo --synonyms"),
    /cleanup\.policy +delete +topic +topic cleanup\.policy=delete, /,
  );
  const all = await configs("config describe topic:cargo --all");
  assert.equal(all["max.message.bytes"], "1048588");
  assert.deepEqual(await configs("config describe topic:cargo -k max.message.bytes"), {
    "max.message.bytes": "1048588",
  });

  await succeed("config alter broker -c message.max.bytes=2000000");
  assert.equal((await configs("config describe broker"))["message.max.bytes"], "2000000");
  assert.equal((await configs("config describe broker:1"))["message.max.bytes"], "2000000");
  await succeed("config alter broker --delete-config message.max.bytes");

  assert.match(await fail("config alter topic:cargo -c retention.ms=soon"), /INVALID_CONFIG/);
  assert.match(await fail("config describe topic:nix"), /UNKNOWN_TOPIC_OR_PARTITION/);
  await fail("config alter topic:cargo", 2);
  await fail("config describe cargo", 2);
  await fail("config describe broker:one", 2);
});

test("a cluster tells its brokers and features, and what partitions take", async () => {
  const cluster = await json("cluster describe");
  assert.equal(cluster.clusterId.length, 22);
  assert.deepEqual(
    cluster.brokers.map(({ nodeId, port }: { nodeId: number; port: number }) => [nodeId, port]),
    [[1, broker.port]],
  );
  const feature = cluster.features.find(
    ({ name }: { name: string }) => name === "transaction.version",
  );
  assert.equal(feature.level, 2);
  const text = await succeed("cluster describe");
  assert.match(text, /^Brokers: +1\n/m);
  assert.match(text, /^transaction\.version +2 +\d–\d$/m);
  assert.equal(cluster.quorum.leaderId, cluster.quorum.voters[0].replicaId);
  assert.match(text, /^ +1 +leader +0$/m);

  const [dir] = (await json("log-dirs cargo")).logDirs;
  assert.equal(dir.brokerId, 1);
  assert.equal(dir.error, null);
  assert.deepEqual(
    dir.partitions.map((each: { partition: number }) => each.partition),
    [0, 1, 2],
  );
  assert.ok(dir.partitions[0].sizeBytes > 0);
  assert.match(await succeed("log-dirs"), /^broker 1, .*: .*B.*\nTOPIC +PARTITION +SIZE\n/);
  assert.match(await fail("log-dirs nix"), /there is no topic "nix"/);
});
