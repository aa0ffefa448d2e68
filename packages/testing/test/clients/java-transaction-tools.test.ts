import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { readWithKcat } from "../../src/clients/kcat.ts";
import { RawTransaction } from "../../src/clients/raw-transaction.ts";
import { createTopic } from "../../src/clients/seeding.ts";
import { javaTool } from "../../src/reference-kafka/java.ts";

const TWO_HOURS_MS = 7_200_000;

test("TX17: Kafka's tools list, describe, find and abort transactions and decode what is stored of them", async () => {
  await using broker = await RestartableBroker.start({
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    // Lets a producer write to a partition that its transaction does not know, and leave it hanging.
    "transaction.partition.verification.enable": "false",
  });
  const run = async (className: string, ...args: string[]): Promise<string> => {
    const all = ["--bootstrap-server", broker.bootstrap, ...args];
    const result = await javaTool(className, all, { timeoutMs: 60_000 });
    assert.equal(result.code, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const transactions = async (...args: string[]): Promise<Row[]> =>
    table(await run("org.apache.kafka.tools.TransactionsCommand", ...args));
  const consume = async (...args: string[]): Promise<string[]> => {
    const stdout = await run(
      "org.apache.kafka.tools.consumer.ConsoleConsumer",
      ...["--topic", "known", "--from-beginning", "--group", "tool-group"],
      ...["--isolation-level", "read_committed", ...args],
    );
    return stdout.split("\n").filter((line) => line !== "");
  };

  for (const topic of ["known", "hanging"]) await createTopic(broker.port, topic, 1);
  using done = await RawTransaction.begin(broker.port, "done");
  assert.equal(await done.add("known", 0), 0);
  assert.equal(await done.produce("known", 0, [{ value: "committed" }]), 0);
  assert.equal(await done.commitOffset("offsets", "known", 0, 1), 0);
  assert.equal(await done.end(true), 0);
  const long = Date.now() - TWO_HOURS_MS;
  using open = await RawTransaction.begin(broker.port, "open");
  assert.equal(await open.add("known", 0), 0);
  assert.equal(await open.produce("known", 0, [{ value: "open" }], long), 0);
  assert.equal(await open.produce("hanging", 0, [{ value: "hanging" }], long), 0);

  const states = (rows: readonly Row[]) =>
    rows.map((row) => [row.TransactionalId, row.TransactionState]).sort();
  assert.deepEqual(states(await transactions("list")), [
    ["done", "CompleteCommit"],
    ["open", "Ongoing"],
  ]);
  const [described] = await transactions("describe", "--transactional-id", "open");
  assert.equal(described?.TopicPartitions, "known-0");
  assert.equal(described?.TransactionTimeoutMs, "900000");
  const [producing] = (
    await transactions("describe-producers", "--topic", "known", "--partition", "0")
  ).filter(({ ProducerId }) => ProducerId === String(open.producerId));
  assert.deepEqual(
    [producing?.LastSequence, producing?.CurrentTransactionStartOffset],
    // The first transaction's record and marker are before it.
    ["0", "2"],
  );

  const find = ["find-hanging", "--broker-id", "1"];
  const place = ["--topic", "hanging", "--partition", "0"];
  assert.deepEqual(
    (await transactions(...find)).map((row) => [row.Topic, row.ProducerId, row.StartOffset]),
    [["hanging", String(open.producerId), "0"]],
  );
  await transactions("abort", ...place, "--start-offset", "0");
  assert.deepEqual(await transactions(...find), []);
  const [aborted] = await transactions("describe-producers", ...place);
  assert.equal(aborted?.CurrentTransactionStartOffset, "None");
  assert.deepEqual(await readWithKcat(broker.bootstrap, "hanging"), []);

  assert.deepEqual(await consume("--timeout-ms", "3000"), ["committed"]);
  assert.equal(await open.end(true), 0);
  assert.deepEqual(await consume("--max-messages", "1"), ["open"]);

  await broker.stop();
  const dump = async (topic: string, ...args: string[]): Promise<string> => {
    const entries = await readdir(broker.dataDirectory, { recursive: true });
    const files = entries
      .filter((path) => path.includes(`${topic}-0/`) && path.endsWith(".log"))
      .map((path) => join(broker.dataDirectory, path));
    assert.notEqual(files.length, 0, `no segment of ${topic} among ${entries.join(" ")}`);
    const tool = "org.apache.kafka.tools.DumpLogSegments";
    const { code, stdout, stderr } = await javaTool(tool, ["--files", files.join(","), ...args]);
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stdout + stderr, /Mismatches|invalid bytes|isvalid: false|Unknown/i);
    return stdout;
  };
  const log = await dump("__transaction_state", "--transaction-log-decoder");
  const decoded = payloads(log)
    .filter(({ key }) => key.data?.transactionalId === "open")
    .map(({ payload }) => payload?.data);
  assert.deepEqual(
    decoded.map((each) => each?.transactionStatus),
    // Empty, Ongoing, PrepareCommit, CompleteCommit.
    [0, 1, 2, 4],
  );
  assert.deepEqual(decoded[1]?.transactionPartitions, [{ topic: "known", partitionIds: [0] }]);
  assert.ok(decoded.every((each) => each?.producerId === open.producerId));

  const offsets = await dump("__consumer_offsets", "--offsets-decoder");
  const commits = payloads(offsets)
    .filter(({ key }) => key.data?.group === "offsets")
    .map(({ key, payload }) => [key.data?.topic, key.data?.partition, payload?.data?.offset]);
  assert.deepEqual(commits, [["known", 0, 1]]);
  const ofTransaction = new RegExp(`producerId: ${done.producerId} .*isTransactional: true`);
  assert.match(offsets, ofTransaction);
  assert.match(offsets, /endTxnMarker: COMMIT coordinatorEpoch: \d+/);
  assert.match(await dump("hanging", "--print-data-log"), /endTxnMarker: ABORT/);
});

type Row = Readonly<Record<string, string>>;

/** The tool separates its columns by tabs and pads them with spaces. */
function table(output: string): Row[] {
  const [names = [], ...rows] = output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.split("\t").map((cell) => cell.trim()));
  return rows.map((row) =>
    Object.fromEntries(names.map((name, index) => [name, row[index] ?? ""])),
  );
}

interface Decoded {
  readonly data?: { readonly [name: string]: unknown };
}

/** The keys and values that a decoder of the dump tool shows as JSON. */
function payloads(output: string): { readonly key: Decoded; readonly payload: Decoded | null }[] {
  return Array.from(output.matchAll(/ key: (\{.*\}) payload: (.*)$/gm), ([, key, payload]) => ({
    key: JSON.parse(key!),
    payload: payload!.startsWith("{") ? JSON.parse(payload!) : null,
  }));
}
