import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { type KcatRecord, readWithKcat } from "../../src/clients/kcat.ts";
import { RawTransaction } from "../../src/clients/raw-transaction.ts";
import { appendRecords, createTopic } from "../../src/clients/seeding.ts";
import { runOrThrow } from "../../src/process/child.ts";
import { javaTool } from "../../src/reference-kafka/java.ts";
import { waitFor } from "../../src/wait.ts";

const TOPIC = "compacted";
const KEYS = 300;
const RECORDS_PER_ROUND = 2_500;
const PADDING = "compaction ".repeat(20);

test("LG13: what kcat and Java write to a compacted topic is cleaned to the last value of each key", async (context) => {
  const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`OTTLA_SEED=${seed}`);
  const random = new SeededRandom(seed);
  await using broker = await RestartableBroker.start({
    "log.cleaner.backoff.ms": "100",
    "log.segment.delete.delay.ms": "100",
  });
  await createTopic(broker.port, TOPIC, 1, {
    "cleanup.policy": "compact",
    "segment.bytes": "1048576",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
  });

  /** The last value of each key; null after a deletion. */
  const last = new Map<string, string | null>();
  const lines = (round: string): string =>
    Array.from({ length: RECORDS_PER_ROUND }, (_, index) => {
      const key = `key ${random.integer(KEYS)}`;
      const value = `${round} ${index} ${PADDING}`;
      last.set(key, value);
      return `${key}\t${value}\n`;
    }).join("");
  const kcat = (codec: string, input: string): Promise<unknown> =>
    runOrThrow(
      "kcat",
      ["-b", broker.bootstrap, "-P", "-t", TOPIC, "-p", "0", "-K", "\t", "-Z", "-z", codec],
      { input, timeoutMs: 60_000 },
    );
  await kcat("none", lines("plain"));
  await kcat("lz4", lines("lz4"));
  const produced = await javaTool(
    "org.apache.kafka.tools.ConsoleProducer",
    [
      ...["--bootstrap-server", broker.bootstrap, "--topic", TOPIC, "--compression-codec", "zstd"],
      ...["--reader-property", "parse.key=true"],
    ],
    { input: lines("java"), timeoutMs: 60_000 },
  );
  assert.equal(produced.code, 0, produced.stdout + produced.stderr);
  await kcat("gzip", lines("gzip"));
  for (let index = 0; index < 50; index++) {
    const key = `key ${random.integer(KEYS)}`;
    await end(broker, key, `aborted ${index}`, false);
    if (index % 10 === 0) {
      await end(broker, key, `committed ${index}`, true);
      last.set(key, `committed ${index}`);
    }
  }
  const deleted = Array.from({ length: 40 }, () => `key ${random.integer(KEYS)}`);
  for (const key of deleted) last.set(key, null);
  await kcat("none", deleted.map((key) => `${key}\t\n`).join(""));

  const expected = Array.from(last)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => [key, value])
    .sort();
  const withoutTicks = (records: readonly KcatRecord[]): KcatRecord[] =>
    records.filter(({ key }) => key !== "tick");
  const cleaned = await waitFor(
    async () => {
      // A segment is closed, and a deletion's time is over, when something is written later.
      const tick = { partition: 0, key: "tick", value: "tick", timestamp: Date.now() };
      await appendRecords(broker.port, TOPIC, [tick]);
      const records = withoutTicks(await readWithKcat(broker.bootstrap, TOPIC));
      return records.length <= expected.length ? records : null;
    },
    { what: "clean topic", timeoutMs: 90_000, everyMs: 250 },
  );
  assert.deepEqual(cleaned.map(({ key, value }) => [key, value]).sort(), expected);
  assert.deepEqual(
    withoutTicks(await readWithKcat(broker.bootstrap, TOPIC, { isolation: "read_uncommitted" })),
    cleaned,
    "nothing of aborted transactions is left",
  );

  const consumed = await javaTool(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    [
      ...["--bootstrap-server", broker.bootstrap, "--topic", TOPIC, "--from-beginning"],
      ...["--formatter-property", "print.key=true", "--timeout-ms", "5000"],
    ],
    { timeoutMs: 60_000 },
  );
  assert.equal(consumed.code, 0, consumed.stderr);
  const shown = consumed.stdout.split("\n").filter((line) => /^key \d/.test(line));
  assert.deepEqual(
    shown,
    cleaned.map(({ key, value }) => `${key}\t${value}`),
  );

  await broker.stop();
  await assertDumps(broker.dataDirectory, cleaned);
});

/** A transaction of one record. */
async function end(
  broker: RestartableBroker,
  key: string,
  value: string,
  isCommitted: boolean,
): Promise<void> {
  using transaction = await RawTransaction.begin(broker.port, "compacted");
  assert.equal(await transaction.add(TOPIC, 0), 0);
  assert.equal(await transaction.produce(TOPIC, 0, [{ key, value }]), 0);
  assert.equal(await transaction.end(isCommitted), 0);
}

/** Kafka's dump tool finds the cleaned segments and their indexes sound, and these records in them. */
async function assertDumps(dataDirectory: string, records: readonly KcatRecord[]): Promise<void> {
  const entries = await readdir(dataDirectory, { recursive: true });
  const ofKind = (suffix: string): string =>
    entries
      .filter((path) => path.includes(`${TOPIC}-0/`) && path.endsWith(suffix))
      .sort()
      .map((path) => join(dataDirectory, path))
      .join(",");
  const dump = async (...args: string[]): Promise<string> => {
    const result = await javaTool("org.apache.kafka.tools.DumpLogSegments", args);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.doesNotMatch(result.stdout + result.stderr, /Mismatches|invalid bytes|isvalid: false/);
    return result.stdout;
  };
  const dumped = await dump("--files", ofKind(".log"), "--deep-iteration", "--print-data-log");
  const found = Array.from(
    dumped.matchAll(/^\| offset: (\d+) .* key: (key \d+) payload: (.*)$/gm),
    ([, offset, key, value]) => ({ partition: 0, offset: Number(offset), key, value }),
  );
  assert.deepEqual(found, records);
  await dump("--files", ofKind(".index"), "--index-sanity-check");
  await dump("--files", ofKind(".timeindex"));
}
