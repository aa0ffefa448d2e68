import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { javaTool } from "../../src/reference-kafka/java.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];

/** Runs one of Kafka's tools against the broker and gives what it printed. */
type Tool = (className: string, args: readonly string[], input?: string) => Promise<string>;

function toolsFor(bootstrap: string): Tool {
  return async (className, args, input = "") => {
    const result = await javaTool(className, ["--bootstrap-server", bootstrap, ...args], {
      input,
      timeoutMs: 60_000,
    });
    assert.equal(
      result.code,
      0,
      `${className} ${args.join(" ")}\n${result.stdout}${result.stderr}`,
    );
    return result.stdout;
  };
}

test("Kafka's topic and config tools manage topics and settings", async () => {
  await using broker = await RestartableBroker.start();
  const tool = toolsFor(broker.bootstrap);
  const topics = (...args: string[]): Promise<string> =>
    tool("org.apache.kafka.tools.TopicCommand", args);
  const configs = (...args: string[]): Promise<string> => tool("kafka.admin.ConfigCommand", args);

  await topics(
    "--create",
    "--topic",
    "orders",
    "--partitions",
    "3",
    "--config",
    "retention.ms=3600000",
  );
  await topics("--create", "--topic", "other");
  assert.deepEqual(lines(await topics("--list")), ["orders", "other"]);
  const described = await topics("--describe", "--topic", "orders");
  assert.match(described, /PartitionCount: 3\s+ReplicationFactor: 1/);
  assert.match(described, /retention\.ms=3600000/);
  assert.equal(
    lines(described).filter((line) => /Partition: \d+\s+Leader: \d+/.test(line)).length,
    3,
  );

  await topics("--alter", "--topic", "orders", "--partitions", "4");
  assert.match(await topics("--describe", "--topic", "orders"), /PartitionCount: 4/);
  const again = await javaTool("org.apache.kafka.tools.TopicCommand", [
    ...["--bootstrap-server", broker.bootstrap, "--create", "--topic", "orders"],
  ]);
  assert.equal(again.code, 1);
  assert.match(again.stdout + again.stderr, /already exists/);

  const orders = ["--entity-type", "topics", "--entity-name", "orders"];
  await configs(
    "--alter",
    ...orders,
    "--add-config",
    "cleanup.policy=[compact,delete],segment.ms=60000",
  );
  await configs("--alter", ...orders, "--delete-config", "retention.ms");
  const settings = await configs("--describe", ...orders);
  assert.match(settings, /cleanup\.policy=compact,delete/);
  assert.match(settings, /segment\.ms=60000/);
  assert.doesNotMatch(settings, /retention\.ms/);
  const everything = await configs("--describe", "--all", ...orders);
  assert.match(everything, /segment\.bytes=1073741824 .*DEFAULT_CONFIG:log\.segment\.bytes/);
  const defaults = await configs(
    "--describe",
    "--all",
    "--entity-type",
    "brokers",
    "--entity-default",
  );
  assert.match(defaults, /Default configs for brokers/);

  await topics("--delete", "--topic", "other");
  assert.deepEqual(lines(await topics("--list")), ["orders"]);
});

test("Kafka's console tools produce and consume in a group, and the group tool shows and moves it", async () => {
  await using broker = await RestartableBroker.start();
  const tool = toolsFor(broker.bootstrap);
  const groups = (...args: string[]): Promise<string> =>
    tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", args);
  const produce = (codec: string, input: string): Promise<string> =>
    tool(
      "org.apache.kafka.tools.ConsoleProducer",
      [
        ...["--topic", "console", "--compression-codec", codec],
        ...["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"],
      ],
      input,
    );
  const consume = (count: number, ...args: string[]): Promise<string> =>
    tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      ...["--topic", "console", "--group", "console-group", "--from-beginning"],
      ...["--max-messages", String(count), "--timeout-ms", "30000"],
      ...["--formatter-property", "print.key=true", "--formatter-property", "print.headers=true"],
      ...args,
    ]);

  const sent: string[] = [];
  for (const codec of CODECS) {
    const records = Array.from(
      { length: 30 },
      (_, index) => `codec:${codec},n:${index}\t${codec}-${index}\tvalue ${index} of ${codec}`,
    );
    sent.push(...records);
    await produce(codec, `${records.join("\n")}\n`);
  }
  assert.deepEqual(lines(await consume(sent.length)).sort(), sent.toSorted());
  assert.match(await groups("--list"), /console-group/);

  await broker.restart();

  await produce("zstd", "codec:late,n:0\tlate-0\tlate value\n");
  assert.deepEqual(lines(await consume(1)), ["codec:late,n:0\tlate-0\tlate value"]);

  const total = sent.length + 1;
  const rows = table(await groups("--describe", "--group", "console-group"));
  assert.equal(sumOf(rows, "CURRENT-OFFSET"), total);
  assert.equal(sumOf(rows, "LOG-END-OFFSET"), total);
  assert.equal(sumOf(rows, "LAG"), 0);
  await groups(
    ...["--group", "console-group", "--topic", "console"],
    ...["--reset-offsets", "--to-earliest", "--execute"],
  );
  assert.equal(sumOf(table(await groups("--describe", "--group", "console-group")), "LAG"), total);
  await groups("--delete", "--group", "console-group");
  assert.doesNotMatch(await groups("--list"), /console-group/);

  const ends = await tool("org.apache.kafka.tools.GetOffsetShell", ["--topic", "console"]);
  const perPartition = lines(ends).map((line) => line.split(":"));
  assert.deepEqual(
    perPartition.map(([topic, partition]) => `${topic} ${partition}`),
    ["console 0", "console 1", "console 2"],
  );
  assert.equal(
    perPartition.reduce((sum, row) => sum + Number(row[2]), 0),
    total,
  );

  await broker.stop();
  await assertDumps(broker.dataDirectory, "console", total);
});

test("Kafka's verifiable producer and consumer agree on every record", async () => {
  await using broker = await RestartableBroker.start();
  const tool = toolsFor(broker.bootstrap);
  const produced = events(
    await tool("org.apache.kafka.tools.VerifiableProducer", [
      ...["--topic", "verifiable", "--max-messages", "2000", "--acks", "-1"],
    ]),
  );
  const acknowledged = produced.filter(({ name }) => name === "producer_send_success");
  assert.equal(acknowledged.length, 2000);
  assert.equal(produced.filter(({ name }) => name === "producer_send_error").length, 0);

  const consumed = events(
    await tool("org.apache.kafka.tools.VerifiableConsumer", [
      ...["--topic", "verifiable", "--group-id", "verifiable-group", "--max-messages", "2000"],
      ...["--reset-policy", "earliest", "--verbose"],
    ]),
  );
  const place = ({ partition, offset, value }: ToolEvent): string =>
    `${partition} ${offset} ${value}`;
  assert.deepEqual(
    consumed
      .filter(({ name }) => name === "record_data")
      .map(place)
      .sort(),
    acknowledged.map(place).sort(),
  );
  const commits = consumed.filter(({ name }) => name === "offsets_committed");
  assert.ok(commits.length > 0 && commits.every(({ success }) => success === true));
});

/** Kafka's dump tool reads every file of the topic's partitions, finds them sound, and counts `expected` records. */
async function assertDumps(dataDirectory: string, topic: string, expected: number): Promise<void> {
  const entries = await readdir(dataDirectory, { recursive: true });
  const inTopic = entries.filter((path) => path.split("/").at(-2)?.startsWith(`${topic}-`));
  const ofKind = (suffix: string): string =>
    inTopic
      .filter((path) => path.endsWith(suffix))
      .map((path) => join(dataDirectory, path))
      .join(",");
  assert.equal(ofKind(".log").split(",").length, 3, `segments among ${inTopic.join(" ")}`);
  const dump = async (files: string, ...args: string[]): Promise<string> => {
    const tool = "org.apache.kafka.tools.DumpLogSegments";
    const result = await javaTool(tool, ["--files", files, ...args]);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.doesNotMatch(result.stdout + result.stderr, /Mismatches|invalid bytes|isvalid: false/);
    return result.stdout;
  };
  const records = await dump(ofKind(".log"), "--deep-iteration", "--print-data-log");
  assert.equal(records.match(/^\| offset: \d+/gm)?.length, expected);
  for (const codec of CODECS) assert.match(records, new RegExp(`compresscodec: ${codec}`, "i"));
  assert.match(records, /headerKeys: \[codec,n\] key: late-0 payload: late value/);
  await dump(ofKind(".index"), "--index-sanity-check");
  await dump(ofKind(".timeindex"));
  const snapshots = ofKind(".snapshot");
  assert.notEqual(snapshots, "", "a clean stop leaves a producer snapshot");
  assert.match(await dump(snapshots), /producerId: \d+ producerEpoch: 0/);
}

interface ToolEvent {
  readonly name: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly value?: string;
  readonly success?: boolean;
}

function events(output: string): ToolEvent[] {
  return lines(output)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

function lines(output: string): string[] {
  return output.split("\n").filter((line) => line.trim() !== "");
}

/** A table with a heading, as the group tool prints it. */
function table(output: string): Record<string, string>[] {
  const rows = lines(output).map((line) => line.trim().split(/\s+/));
  const heading = rows.findIndex((row) => row.includes("LAG"));
  const names = rows[heading] ?? [];
  return rows
    .slice(heading + 1)
    .map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ""])));
}

function sumOf(rows: readonly Record<string, string>[], name: string): number {
  return rows.reduce((sum, row) => sum + Number(row[name]), 0);
}
