import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { readAtLeast, readWithKcat } from "../../src/clients/kcat.ts";
import { appendRecords, createTopic, type SeededRecord } from "../../src/clients/seeding.ts";
import { JavaJob } from "../../src/java/job.ts";

const PARTITIONS = 2;
const WITHIN_MS = 5_000;
const TOPICS = ["lines", "word-counts", "left", "right", "joined"];
const WORDS = ["amerika", "brief", "das", "der", "heizer", "prozess", "schloss", "urteil"];

test("Java Kafka Streams counts and joins exactly once while the application and the broker are killed", async (context) => {
  const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
  context.diagnostic(`OTTLA_SEED=${seed}`);
  const random = new SeededRandom(seed);
  const state = await mkdtemp(join(tmpdir(), "ottla-streams-"));
  await using broker = await RestartableBroker.start({
    "group.min.session.timeout.ms": "1000",
    // Apache Kafka takes itself for alive this long after it was killed, and will not start meanwhile.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
  });
  for (const topic of TOPICS) await createTopic(broker.port, topic, PARTITIONS);
  const counts = new Map<string, number>();
  const left: SeededRecord[] = [];
  const right: SeededRecord[] = [];
  const start = Date.now() - 600_000;
  const feed = async (): Promise<void> => {
    const lines = Array.from({ length: 150 }, () => {
      const words = Array.from({ length: 4 }, () => WORDS[random.integer(WORDS.length)]!);
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      return { partition: random.integer(PARTITIONS), value: words.join(" "), timestamp: start };
    });
    await appendRecords(broker.port, "lines", lines);
    const [ours, theirs] = [left, right].map((side) =>
      Array.from({ length: 100 }, (_, index) => {
        const number = side.length + index;
        const key = random.integer(10);
        const timestamp = start + random.integer(300_000);
        return { partition: key % PARTITIONS, key: `k${key}`, value: String(number), timestamp };
      }),
    );
    left.push(...ours!);
    right.push(...theirs!);
    await appendRecords(broker.port, "left", ours!);
    await appendRecords(broker.port, "right", theirs!);
  };
  const expectedCounts = (): string[] =>
    Array.from(counts, ([word, count]) =>
      Array.from({ length: count }, (_, index) => `${word} ${index + 1}`),
    ).flat();
  const expectedPairs = (): string[] =>
    left.flatMap((our) =>
      right
        .filter(({ key }) => key === our.key)
        .filter(({ timestamp }) => Math.abs(timestamp - our.timestamp) <= WITHIN_MS)
        .map((their) => `${our.key} ${our.value}+${their.value}`),
    );
  const settle = async (): Promise<void> => {
    await readAtLeast(broker.bootstrap, "word-counts", expectedCounts().length);
    await readAtLeast(broker.bootstrap, "joined", expectedPairs().length);
  };

  try {
    await feed();
    await using job = await JavaJob.start("StreamsJob", [broker.bootstrap, state]);
    await settle();
    await feed();
    await broker.killAndRestart();
    await settle();
    await feed();
    await job.kill();
    // Without its local state it has to come back from its changelogs.
    await rm(state, { recursive: true });
    await job.start();
    await feed();
    await settle();
    assert.equal(await job.stop(), 0, job.errors());

    const seenCounts = await readWithKcat(broker.bootstrap, "word-counts");
    for (const word of WORDS) {
      assert.deepEqual(
        seenCounts.filter(({ key }) => key === word).map(({ value }) => Number(value)),
        Array.from({ length: counts.get(word) ?? 0 }, (_, index) => index + 1),
        `the counts of ${word}`,
      );
    }
    const seenPairs = await readWithKcat(broker.bootstrap, "joined");
    assert.deepEqual(
      seenPairs.map(({ key, value }) => `${key} ${value}`).sort(),
      expectedPairs().sort(),
    );
  } finally {
    await rm(state, { recursive: true, force: true });
  }
});
