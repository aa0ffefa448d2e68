/**
 * What the scenarios with foreign clients share: a broker that can be restarted on the same port and data, and a set of records
 * worth sending. `OTTLA_TEST_BROKER=kafka` runs them against Apache Kafka instead, which proves the scenario itself.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBrokerProcess } from "../broker-process/broker-process.ts";
import { freePorts } from "../process/ports.ts";
import type { BrokerServer, StartBroker } from "../process/server.ts";
import { startReferenceKafka } from "../reference-kafka/reference-kafka.ts";

export type BrokerKind = "ottla" | "kafka";

/** Which broker the tests of this process are for. */
export function brokerKind(): BrokerKind {
  const kind = process.env.OTTLA_TEST_BROKER ?? "ottla";
  if (kind !== "ottla" && kind !== "kafka") throw new Error(`OTTLA_TEST_BROKER=${kind}`);
  return kind;
}

export const startBroker: Readonly<Record<BrokerKind, StartBroker>> = {
  ottla: startBrokerProcess,
  kafka: (options) =>
    startReferenceKafka({
      heap: "512M",
      ...options,
      // On a crowded machine heartbeats come late; a fenced broker leads nothing.
      properties: { "broker.session.timeout.ms": "60000", ...options?.properties },
    }),
};

/** A broker for one scenario, on one port and one temporary data directory for all its lives. */
export class RestartableBroker implements AsyncDisposable {
  readonly bootstrap: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly #properties: Readonly<Record<string, string>>;
  #server: BrokerServer;

  private constructor(server: BrokerServer, properties: Readonly<Record<string, string>>) {
    this.bootstrap = server.bootstrap;
    this.port = server.port;
    this.dataDirectory = server.dataDirectory;
    this.#server = server;
    this.#properties = properties;
  }

  static async start(
    properties: Readonly<Record<string, string>> = {},
  ): Promise<RestartableBroker> {
    const all = {
      "group.initial.rebalance.delay.ms": "0",
      "num.partitions": "3",
      ...properties,
    };
    const dataDirectory = await mkdtemp(join(tmpdir(), "ottla-scenario-"));
    const [port] = await freePorts(1);
    const options = { properties: all, dataDirectory, port: port! };
    return new RestartableBroker(await startBroker[brokerKind()](options), all);
  }

  /** Stops the broker the polite way; its files can be looked at. */
  async stop(): Promise<void> {
    await this.#server.stop();
  }

  /** Stops the broker and starts it again on the same port and data. */
  async restart(): Promise<void> {
    await this.#server.stop();
    await this.#startAgain();
  }

  /** Kills the broker without warning and starts it again on the same port and data. */
  async killAndRestart(): Promise<void> {
    await this.#server.kill();
    await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    this.#server = await startBroker[brokerKind()]({
      properties: this.#properties,
      dataDirectory: this.dataDirectory,
      port: this.port,
    });
  }

  output(): string {
    return this.#server.output();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.kill();
    await rm(this.dataDirectory, { recursive: true, force: true });
  }
}

/** A record as every client can send and show it. */
export interface SampleRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** `count` different records; `label` keeps one test's apart from another's. Long enough that compression does something. */
export function sampleRecords(label: string, count: number): SampleRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `${label}-${index}`,
    value: `${label} value ${index} ${"äöü".repeat(index % 40)}`,
    headers: { label, index: String(index) },
  }));
}

/** Records as a sorted list of strings, to compare what came back with what was sent whatever the order of partitions. */
export function fingerprint(records: Iterable<SampleRecord>): string[] {
  return Array.from(records, ({ key, value, headers }) =>
    JSON.stringify([key, value, Object.entries(headers).sort()]),
  ).sort();
}
