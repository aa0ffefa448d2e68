import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "@ottla/broker";
import { createTopic, fetchFrom, TestProducer, TOPIC } from "../src/test-producer.ts";
import { append, batch, Peer } from "./peer.ts";

/** Names of section D1 that dashboards and alerts look for, with the labels they filter by. */
const NAMES = [
  `kafka_server_brokertopicmetrics_bytesin_total{topic="${TOPIC}"}`,
  "kafka_server_brokertopicmetrics_bytesrejected_total",
  "kafka_server_brokertopicmetrics_totalproducerequests_total",
  `kafka_server_brokertopicmetrics_totalproducerequests_total{topic="${TOPIC}"}`,
  "kafka_server_brokertopicmetrics_failedfetchrequests_total",
  "kafka_network_requestchannel_requestqueuesize",
  "kafka_network_requestchannel_responsequeuesize",
  'kafka_server_delayedoperationpurgatory_purgatorysize{delayedOperation="Fetch"}',
  "kafka_server_transaction_coordinator_metrics_transactional_id_count",
  "kafka_server_transaction_coordinator_metrics_partition_load_time_max",
  "kafka_server_transaction_coordinator_metrics_transaction_timeout_count",
  "kafka_log_logcleaner_cleaner_recopy_percent",
  "kafka_log_logcleaner_max_clean_time_secs",
  "kafka_log_logcleaner_deadthreadcount",
  'kafka_server_group_coordinator_metrics_group_count{protocol="classic"}',
  "kafka_server_socket_server_metrics_connection_creation_rate",
  "kafka_server_socket_server_metrics_connection_close_rate",
  "kafka_server_socket_server_metrics_failed_authentication_total",
  "kafka_server_raftmetrics_current_leader",
  "kafka_server_raftmetrics_high_watermark",
  'jvm_gc_collection_seconds_count{gc="young"}',
  'jvm_memory_used_bytes{area="heap"}',
  "process_start_time_seconds",
];

test("D1: the names that dashboards look for are there, each once, with a number", async () => {
  await using broker = await startBroker({ storage: "memory", metricsPort: 0 });
  await using peer = await Peer.connect(broker.port);
  await createTopic(peer);
  await append(peer, TOPIC, batch(["a"]));
  const samples = await scrape(broker.metricsPort!);
  for (const name of NAMES) assert.ok(Number.isFinite(samples.get(name)), name);
});

test("requests are counted by topic, and so is what they were refused", async () => {
  await using broker = await startBroker({ storage: "memory", metricsPort: 0 });
  await using peer = await Peer.connect(broker.port);
  await createTopic(peer);
  await append(peer, TOPIC, batch(["a"]));
  await append(peer, TOPIC, batch(["x".repeat(2_000_000)]));
  await fetchFrom(peer, 0, 0);
  await fetchFrom(peer, 0, 0, 99);
  const samples = await scrape(broker.metricsPort!);
  const count = (name: string) =>
    samples.get(`kafka_server_brokertopicmetrics_${name}_total{topic="${TOPIC}"}`);
  assert.equal(count("totalproducerequests"), 2);
  assert.equal(count("failedproducerequests"), 1);
  assert.ok(count("bytesrejected")! > 2_000_000);
  assert.equal(count("totalfetchrequests"), 2);
  assert.equal(count("failedfetchrequests"), 1);
});

test("transactions are counted, by how they ended", async () => {
  await using broker = await startBroker({ storage: "memory", metricsPort: 0 });
  await using peer = await Peer.connect(broker.port);
  await createTopic(peer);
  const producer = new TestProducer(peer, "id");
  while ((await producer.init()) === "COORDINATOR_LOAD_IN_PROGRESS");
  for (const commits of [true, false, false]) {
    assert.equal(await producer.send(0, ["a"]), "NONE");
    assert.equal(await producer.end(commits), "NONE");
  }
  assert.equal(await producer.send(0, ["a"]), "NONE");
  const prefix = "kafka_server_transaction_coordinator_metrics";
  const samples = await scrape(broker.metricsPort!);
  assert.equal(samples.get(`${prefix}_transactional_id_count`), 1);
  assert.equal(samples.get(`${prefix}_transaction_commit_count`), 1);
  assert.equal(samples.get(`${prefix}_transaction_abort_count`), 2);
  assert.equal(samples.get(`${prefix}_transactions_ongoing`), 1);
});

/** Samples by name and labels. @throws for one that is there twice. */
async function scrape(port: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const blank = line.lastIndexOf(" ");
    const name = line.slice(0, blank);
    assert.ok(!samples.has(name), `${name} is there twice`);
    samples.set(name, Number(line.slice(blank + 1)));
  }
  return samples;
}
