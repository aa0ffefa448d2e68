/** Apache Kafka as a live oracle: one node in KRaft mode, started from the cached jars with the flags of its own start script. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChild, killChild } from "../process/child.ts";
import { collectOutput } from "../process/output.ts";
import { freePorts } from "../process/ports.ts";
import { answersApiVersions } from "../process/probe.ts";
import type { BrokerServer, BrokerServerOptions } from "../process/server.ts";
import { Unrecoverable, waitFor } from "../wait.ts";
import { javaTool, spawnJavaTool } from "./java.ts";

export const REFERENCE_KAFKA_VERSION = "4.3.1";

export interface ReferenceKafkaOptions extends BrokerServerOptions {
  /** The Java heap, such as `512M`; 1G, as in Kafka's start script, when not given. */
  readonly heap?: string;
}

export type ReferenceKafka = BrokerServer;

/** Starts Apache Kafka and resolves when it answers. A data directory that was used before is started again as it stands. */
export async function startReferenceKafka(
  options: ReferenceKafkaOptions = {},
): Promise<ReferenceKafka> {
  const temporary = options.dataDirectory === undefined;
  const directory =
    options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "ottla-reference-kafka-")));
  await mkdir(directory, { recursive: true });
  const [freePort, controllerPort] = await freePorts(2);
  const port = options.port ?? freePort!;
  const config = join(directory, "server.properties");
  await writeFile(
    config,
    serverProperties(options, { directory, port, controllerPort: controllerPort! }),
  );
  await formatStorage(directory, config);
  const child = await spawnJavaTool("kafka.Kafka", [config], { flags: brokerFlags(options.heap) });
  const output = collectOutput(child);
  try {
    await waitFor(
      () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Unrecoverable(`Apache Kafka did not start:\n${output()}`);
        }
        return answersApiVersions(port);
      },
      { what: "answer from Apache Kafka", timeoutMs: 120_000 },
    );
  } catch (error) {
    await killChild(child);
    throw error;
  }
  return {
    name: "Apache Kafka",
    port,
    bootstrap: `127.0.0.1:${port}`,
    pid: child.pid!,
    dataDirectory: directory,
    output,
    stop: () => endChild(child, 30_000),
    kill: () => killChild(child),
    async [Symbol.asyncDispose]() {
      await (temporary ? killChild(child) : endChild(child, 30_000));
      if (temporary) await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Places {
  readonly directory: string;
  readonly port: number;
  readonly controllerPort: number;
}

function serverProperties(
  { properties = {} }: ReferenceKafkaOptions,
  { directory, port, controllerPort }: Places,
): string {
  const nodeId = properties["node.id"] ?? "1";
  const all: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": nodeId,
    "controller.quorum.voters": `${nodeId}@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": join(directory, "logs"),
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    ...properties,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

async function formatStorage(directory: string, config: string): Promise<void> {
  if (existsSync(join(directory, "logs", "meta.properties"))) return;
  // A leading dash would read as an option.
  const clusterId = `O${randomBytes(16).toString("base64url").slice(1)}`;
  const result = await javaTool("kafka.tools.StorageTool", [
    "format",
    "-t",
    clusterId,
    "-c",
    config,
  ]);
  if (result.code !== 0) {
    throw new Error(`formatting the storage failed:\n${result.stdout}${result.stderr}`);
  }
}

/** As in Kafka's own kafka-server-start and kafka-run-class. */
function brokerFlags(heap = "1G"): string[] {
  return [
    `-Xmx${heap}`,
    `-Xms${heap}`,
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
  ];
}
