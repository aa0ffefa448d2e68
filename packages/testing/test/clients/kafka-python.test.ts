import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  fingerprint,
  RestartableBroker,
  type SampleRecord,
  sampleRecords,
} from "../../src/clients/harness.ts";
import { installPython } from "../../src/install/python.ts";
import { runOrThrow } from "../../src/process/child.ts";

const scenario = join(import.meta.dirname, "kafka-python-scenario.py");

interface Seen extends SampleRecord {
  readonly place: readonly [partition: number, offset: number];
}

test("kafka-python creates, produces, consumes in a group, goes on after a restart and looks around", async () => {
  const python = await installPython();
  await using broker = await RestartableBroker.start();
  const phase = async <T>(name: string, work: unknown): Promise<T> => {
    const { stdout } = await runOrThrow(python, [scenario, broker.bootstrap, name], {
      input: JSON.stringify(work),
      timeoutMs: 90_000,
    });
    return JSON.parse(stdout);
  };

  assert.deepEqual(await phase("create", null), ["kafka-python"]);
  const batches = [null, "gzip", "snappy", "lz4", "zstd"].map((codec) => ({
    codec,
    idempotent: codec !== "gzip",
    records: sampleRecords(codec ?? "plain", 40),
  }));
  const sent = batches.flatMap(({ records }) => records);
  const places = await phase<Seen["place"][]>("produce", batches);
  const seen = await phase<Seen[]>("consume", sent.length);
  assert.deepEqual(fingerprint(seen), fingerprint(sent));
  const offered = new Map(sent.map(({ key }, index) => [key, places[index]]));
  for (const { key, place } of seen) assert.deepEqual(place, offered.get(key), key);

  await broker.restart();

  const late = sampleRecords("late", 10);
  await phase("produce", [{ codec: "zstd", idempotent: true, records: late }]);
  assert.deepEqual(fingerprint(await phase<Seen[]>("consume", late.length)), fingerprint(late));
  const total = sent.length + late.length;
  assert.deepEqual(await phase("look", null), {
    partitions: 3,
    beginning: 0,
    end: total,
    committed: total,
    atTimeZero: [0, 0, 0],
  });
});
