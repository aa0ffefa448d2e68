import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { installPython } from "../../src/install/python.ts";
import { runOrThrow } from "../../src/process/child.ts";

const PARTITIONS = [0, 1, 2];
const scenario = join(import.meta.dirname, "confluent-kafka-scenario.py");
let observations: readonly { readonly about: string; readonly [name: string]: unknown }[];

before(async () => {
  const python = await installPython();
  await using broker = await RestartableBroker.start({
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
  });
  const { stdout } = await runOrThrow(python, [scenario, broker.bootstrap], { timeoutMs: 120_000 });
  observations = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
});

function told(name: string) {
  return observations.filter(({ about }) => about === name).map(({ about: _, ...rest }) => rest);
}

test("TX9, TX11: librdkafka's transactional producer commits and aborts with every codec", () => {
  const values = (transactions: readonly number[]): string[][] =>
    PARTITIONS.map((partition) =>
      transactions.flatMap((transaction) =>
        Array.from({ length: 10 }, (_, turn) => {
          const index = turn * PARTITIONS.length + partition;
          return `${transaction}/${index} ${"äöü".repeat(index)}`;
        }),
      ),
    );
  assert.deepEqual(
    told("commits and aborts"),
    ["none", "gzip", "snappy", "lz4", "zstd"].map((codec) => ({
      codec,
      committed: values([0, 2, 4]),
      all: values([0, 1, 2, 3, 4]),
    })),
  );
});

test("TX2, TX4: librdkafka's producer is fenced by another of its transactional id", () => {
  assert.deepEqual(told("fencing"), [{ commit: ["_FENCED", true, false], committed: ["owner"] }]);
});

test("TX14: librdkafka's producer learns that its transaction took too long", () => {
  assert.deepEqual(told("timeout"), [{ commit: ["_FENCED", true, false], committed: [] }]);
});

test("TX13: librdkafka consumes, transforms and produces in transactions with its group's offsets", () => {
  const [{ committed, offsets, turns } = {}, ...more] = told("copy");
  assert.equal(more.length, 0);
  const copies = PARTITIONS.map((partition) =>
    Array.from({ length: 100 }, (_, turn) => `${turn * PARTITIONS.length + partition} copied`),
  );
  assert.deepEqual(committed, copies);
  // A hundred records, and perhaps the marker of the transaction that wrote them.
  const isEnd = (offset: number): boolean => offset === 100 || offset === 101;
  assert.ok((offsets as number[]).every(isEnd), `offsets ${offsets}`);
  assert.ok((turns as number) > 15, `${turns} transactions`);
});

test("TX13: librdkafka's producer cannot commit offsets for a member that has left", () => {
  assert.deepEqual(told("an outdated member"), [
    { send: ["UNKNOWN_MEMBER_ID", false, true], committed: [] },
  ]);
});
