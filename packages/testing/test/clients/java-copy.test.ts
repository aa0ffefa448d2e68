import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { type KcatRecord, readAtLeast } from "../../src/clients/kcat.ts";
import { appendRecords, createTopic } from "../../src/clients/seeding.ts";
import { JavaJob } from "../../src/java/job.ts";
import { waitFor } from "../../src/wait.ts";

const PARTITIONS = 4;
const RECORDS = 4_000;

test("TX13, TX16: Java jobs copy each record exactly once, in order, while they and the broker are killed", async (context) => {
  const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`OTTLA_SEED=${seed}`);
  const random = new SeededRandom(seed);
  await using broker = await RestartableBroker.start({
    "group.min.session.timeout.ms": "1000",
    // Apache Kafka takes itself for alive this long after it was killed, and will not start meanwhile.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
  });
  for (const topic of ["from", "to"]) await createTopic(broker.port, topic, PARTITIONS);
  const timestamp = Date.now();
  const sent = Array.from({ length: RECORDS }, (_, index) => ({
    partition: index % PARTITIONS,
    key: `key ${index % 20}`,
    value: String(index),
    timestamp,
  }));
  await appendRecords(broker.port, "from", sent);

  const begin = (id: string): Promise<JavaJob> =>
    JavaJob.start("CopyJob", [broker.bootstrap, "from", "to", "copy", id, String(seed)]);
  await using first = await begin("copy-1");
  await using second = await begin("copy-2");
  const commits = (): number => first.told("committed").length + second.told("committed").length;
  for (const kill of ["first", "broker", "second", "broker"]) {
    const until = commits() + 4 + random.integer(8);
    await waitFor(() => (commits() >= until ? true : null), {
      what: `${until} commits before killing the ${kill}`,
      timeoutMs: 60_000,
    });
    if (kill === "broker") await broker.killAndRestart();
    else await { first, second }[kill as "first" | "second"].killAndRestart();
  }

  const copied = await readAtLeast(broker.bootstrap, "to", RECORDS);
  const byPartition = (records: readonly Pick<KcatRecord, "partition" | "key" | "value">[]) =>
    Map.groupBy(records, ({ partition }) => partition);
  const expected = byPartition(sent.map((each) => ({ ...each, value: `${each.value} copied` })));
  const actual = byPartition(copied);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    assert.deepEqual(
      actual.get(partition)?.map(({ key, value }) => [key, value]),
      expected.get(partition)?.map(({ key, value }) => [key, value]),
    );
  }
  for (const job of [first, second]) {
    assert.equal(await job.stop(), 0, job.errors());
  }
  const aborted = first.told("aborted").length + second.told("aborted").length;
  context.diagnostic(`${commits()} commits, ${aborted} transactions given up after errors`);
});
