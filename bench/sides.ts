/**
 * The brokers under comparison and the ceiling, behind one interface. Each keeps its data in a folder of its own under the same parent, so
 * both write to the same file system.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BrokerServer,
  freePorts,
  javaTool,
  killChild,
  spawnChild,
  startBrokerProcess,
  startReferenceKafka,
} from "@ottla/testing";

export type SideName = "kafka" | "ottla" | "ceiling";

export interface StartOptions {
  readonly dataDirectory: string;
  readonly port: number;
  /** Settings in Kafka's names, for what a cell needs to be set on both sides. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Side {
  readonly name: SideName;
  readonly title: string;
  /** Readies an empty data directory, so that a start measures nothing but the start. */
  format(dataDirectory: string): Promise<void>;
  start(options: StartOptions): Promise<BrokerServer>;
}

const kafka: Side = {
  name: "kafka",
  title: "Apache Kafka",
  async format(dataDirectory) {
    await mkdir(dataDirectory, { recursive: true });
    const config = join(dataDirectory, "format.properties");
    const logs = join(dataDirectory, "logs");
    await writeFile(
      config,
      `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
log.dirs=${logs}
`,
    );
    const clusterId = "OttlaBenchmarkCluster0";
    const result = await javaTool("kafka.tools.StorageTool", [
      ...["format", "-t", clusterId, "-c", config],
    ]);
    if (result.code !== 0) throw new Error(`format: ${result.stdout}${result.stderr}`);
  },
  start: (options) => startReferenceKafka(options),
};

const ottla: Side = {
  name: "ottla",
  title: "Ottla",
  format: async (dataDirectory) => {
    await mkdir(dataDirectory, { recursive: true });
  },
  start: (options) => startBrokerProcess({ ...options, isStrict: false }),
};

/** Not a contestant: see ceiling/main.ts. */
const ceiling: Side = {
  name: "ceiling",
  title: "ceiling",
  format: async () => {},
  start: async ({ dataDirectory }) => {
    const file = fileURLToPath(new URL("./ceiling/main.ts", import.meta.url));
    const child = spawnChild(process.execPath, [file]);
    let output = "";
    child.stderr.on("data", (chunk) => {
      output += chunk;
      process.stderr.write(chunk);
    });
    const port = await new Promise<number>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the ceiling ended with ${code}`)));
      child.stdout.on("data", (chunk) => {
        output += chunk;
        const announced = /listening on 127\.0\.0\.1:(\d+)/.exec(output);
        if (announced !== null) resolve(Number(announced[1]));
      });
    });
    return {
      name: "ceiling",
      port,
      bootstrap: `127.0.0.1:${port}`,
      pid: child.pid!,
      dataDirectory,
      output: () => output,
      stop: () => killChild(child),
      kill: () => killChild(child),
      [Symbol.asyncDispose]: () => killChild(child),
    };
  },
};

export const sides: Readonly<Record<SideName, Side>> = { kafka, ottla, ceiling };

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}
