import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  fingerprint,
  RestartableBroker,
  type SampleRecord,
  sampleRecords,
} from "../../src/clients/harness.ts";
import { installKcat } from "../../src/install/kcat.ts";
import { runOrThrow } from "../../src/process/child.ts";

before(installKcat);

test("kcat creates, produces, consumes in a group, goes on after a restart and looks around", async () => {
  await using broker = await RestartableBroker.start();
  const kcat = async (args: readonly string[], input = ""): Promise<string> =>
    (await runOrThrow("kcat", ["-b", broker.bootstrap, ...args], { input, timeoutMs: 60_000 }))
      .stdout;

  const sent: SampleRecord[] = [];
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    const records = sampleRecords(codec, 50);
    const headers = Object.entries({ label: codec, index: "all" }).flatMap(([name, value]) => [
      "-H",
      `${name}=${value}`,
    ]);
    const lines = records.map(({ key, value }) => `${key}\t${value}\n`).join("");
    await kcat(["-P", "-t", "kcat", "-K", "\t", "-z", codec, ...headers], lines);
    for (const record of records) {
      sent.push({ ...record, headers: { label: codec, index: "all" } });
    }
  }
  // No key at all, and no value at all: null is not the empty string.
  await kcat(["-P", "-t", "kcat-nulls", "-p", "0", "-Z", "-K", "\t"], "key\t\n\tvalue\n");

  const everything = parse(await kcat(["-C", "-t", "kcat", "-o", "beginning", "-e", "-q", "-J"]));
  assert.deepEqual(fingerprint(everything), fingerprint(sent));
  assertOrdered(everything);

  const nulls = parse(await kcat(["-C", "-t", "kcat-nulls", "-o", "beginning", "-e", "-q", "-J"]));
  assert.deepEqual(
    nulls.map(({ key, value }) => [key, value]),
    [
      ["key", null],
      [null, "value"],
    ],
  );

  const group = ["-G", "kcat-group", "-X", "auto.offset.reset=earliest", "-e", "-q", "-J", "kcat"];
  assert.deepEqual(fingerprint(parse(await kcat(group))), fingerprint(sent));

  await broker.restart();

  await kcat(["-P", "-t", "kcat", "-K", "\t", "-X", "enable.idempotence=true"], "late\trecord\n");
  const afterRestart = parse(await kcat(group));
  assert.deepEqual(
    afterRestart.map(({ key, value }) => [key, value]),
    [["late", "record"]],
  );
  const all = parse(await kcat(["-C", "-t", "kcat", "-o", "beginning", "-e", "-q", "-J"]));
  assert.equal(all.length, sent.length + 1);

  const listing = JSON.parse(await kcat(["-L", "-J"])) as Listing;
  assert.equal(listing.brokers.length, 1);
  assert.equal(listing.brokers[0]?.name, broker.bootstrap);
  const topic = listing.topics.find((each) => each.topic === "kcat");
  assert.deepEqual(
    topic?.partitions.map(({ partition, leader }) => [partition, leader]),
    [0, 1, 2].map((partition) => [partition, listing.brokers[0]?.id]),
  );

  const counts = await Promise.all(
    [0, 1, 2].map(async (partition) => {
      const ends = await kcat(["-Q", "-t", `kcat:${partition}:-1`]);
      return Number(/offset (\d+)/.exec(ends)?.[1]);
    }),
  );
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    sent.length + 1,
  );
});

interface Listing {
  readonly brokers: readonly { readonly id: number; readonly name: string }[];
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly leader: number }[];
  }[];
}

interface Consumed extends SampleRecord {
  readonly partition: number;
  readonly offset: number;
}

/** kcat's JSON lines; headers come as one flat list of names and values. */
function parse(output: string): Consumed[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { key, payload, partition, offset, headers = [] } = JSON.parse(line);
      const pairs = Array.from({ length: headers.length / 2 }, (_, index) => [
        headers[2 * index],
        headers[2 * index + 1],
      ]);
      return { key, value: payload, partition, offset, headers: Object.fromEntries(pairs) };
    });
}

/** Offsets count up by one in each partition, and records of one label keep the order in which they were sent. */
function assertOrdered(records: readonly Consumed[]): void {
  const next = new Map<number, number>();
  const last = new Map<string, number>();
  for (const { partition, offset, key } of records) {
    assert.equal(offset, next.get(partition) ?? 0);
    next.set(partition, offset + 1);
    const [label, index] = key.split("-") as [string, string];
    const lane = `${partition} ${label}`;
    assert.ok(
      Number(index) > (last.get(lane) ?? -1),
      `${key} out of order in partition ${partition}`,
    );
    last.set(lane, Number(index));
  }
}
