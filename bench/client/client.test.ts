import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clientCells } from "./cells.ts";
import { sendInTurn } from "./contestants/send-in-turn.ts";
import { type ClientJob, clientNames } from "./job.ts";
import { clientMarkdown, ratioToBetter } from "./report.ts";
import { Tally } from "./tally.ts";
import { valuePool, writeValuesFile } from "./values.ts";

test("values have their size, no line breaks, and are the same at every call", () => {
  for (const valueBytes of [100, 1024]) {
    const pool = valuePool(valueBytes);
    assert.ok(pool.every((value) => value.length === valueBytes && !value.includes(10)));
    assert.ok(new Set(pool.map((value) => value.toString())).size === pool.length);
    assert.deepEqual(valuePool(valueBytes), pool);
  }
});

test("a values file has a record a line, as many as asked for", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-bench-values-"));
  try {
    const file = join(directory, "values");
    const { length } = valuePool(1024);
    await writeValuesFile(file, { records: length + 5, valueBytes: 1024 });
    const lines = (await readFile(file, "latin1")).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.length, length + 5);
    assert.ok(lines.every((line) => line.length === 1024));
  } finally {
    await rm(directory, { recursive: true });
  }
});

const job: ClientJob = {
  kind: "produce",
  bootstrap: "",
  topic: "t",
  partitions: 2,
  records: 95,
  valueBytes: 1,
  compression: "none",
};

test("sends in turn add up to every record, the values in order", async () => {
  const values = ["a", "b", "c"].map((text) => Buffer.from(text));
  const sent: string[] = [];
  let underWay = 0;
  let most = 0;
  await sendInTurn(job, values, 100, async (messages) => {
    sent.push(...messages.map(({ value }) => value.toString()));
    most = Math.max(most, ++underWay);
    await Promise.resolve();
    underWay--;
  });
  assert.equal(sent.length, 95);
  assert.deepEqual(sent.slice(0, 4), ["a", "b", "c", "a"]);
  assert.ok(most > 1);
});

test("a tally takes exactly what was written", () => {
  const tally = new Tally({ records: 3, valueBytes: 10 });
  tally.start();
  tally.add(1, 10);
  assert.equal(tally.isComplete, false);
  assert.throws(() => tally.seconds(), /read 1 records/);
  tally.add(2, 20);
  assert.ok(tally.isComplete && tally.seconds() >= 0);
  tally.add(1, 10);
  assert.throws(() => tally.seconds(), /read 4 records/);
});

test("the ratio is to the better one, whichever way is better", () => {
  assert.equal(ratioToBetter([6], [[2], [3]], "more"), "**2.0**");
  assert.equal(ratioToBetter([1], [[2], [4]], "less"), "**0.50**");
  assert.equal(ratioToBetter([1], [[], [4]], "less"), "**0.25**");
  assert.equal(ratioToBetter([], [[2]], "more"), "–");
});

test("the table has a column for each client and both ratios", () => {
  const sample = (rate: number) => [
    { recordsPerSecond: rate, cpuPerMillion: 1, peakBytes: 1e8, brokerCores: 0.5 },
  ];
  const text = clientMarkdown({
    ...{ about: "About.", command: "bench", rounds: 1, records: 10, directory: "/" },
    kcat: "kcat 1",
    results: [
      {
        cell: clientCells[0]!,
        broker: "Apache Kafka",
        samples: {
          ottla: sample(2e6),
          kafkajs: sample(0.4e6),
          platformatic: sample(1e6),
          kcat: sample(4e6),
        },
        failures: [],
      },
    ],
  });
  const first = text.split("\n").find((line) => line.includes("M records/s"))!;
  assert.deepEqual(first.match(/\*\*[\d.]+\*\*/g), ["**2.0**", "**0.50**"]);
  assert.equal(first.split("|").length - 2, 4 + clientNames.length + 2);
});
