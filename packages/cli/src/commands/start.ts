/** `ottla start`: a broker in this process, until a signal ends it. */
import { readFile } from "node:fs/promises";
import type { Broker } from "@ottla/broker";
import { defineCommand } from "../command-line/command.ts";
import { flag, optional, repeated, withDefault } from "../command-line/option.ts";
import { integer, oneOf, pair, text } from "../command-line/value.ts";
import type { Context } from "../context.ts";
import { CommandFailure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

const DEFAULT_PORT = 9092;
const DEFAULT_DATA_DIRECTORY = "./ottla-data";
const port = integer({ min: 0, max: 65_535 });

export const start = defineCommand({
  description:
    "Settings in Kafka's own names come from --set, from environment variables (KAFKA_LOG_RETENTION_MS is log.retention.ms) and from a " +
    "properties file; of several, the first of these counts. Ctrl-C or SIGTERM ends the broker in good order; a second one ends it at once.",
  arguments: [],
  options: {
    port: optional(port, {
      about: "Port to listen on; 0 takes a free one",
      placeholder: "PORT",
      short: "p",
      defaultText: `${DEFAULT_PORT}`,
    }),
    host: optional(text, {
      about: "Address to listen on",
      placeholder: "HOST",
      defaultText: "127.0.0.1",
    }),
    dataDir: optional(text, {
      about: "Folder that keeps everything; made when it is not there",
      placeholder: "DIR",
      short: "d",
      defaultText: DEFAULT_DATA_DIRECTORY,
    }),
    memory: flag({ about: "Keep everything in memory; it is gone when the broker ends" }),
    config: optional(text, {
      about: "A file such as Kafka's server.properties",
      placeholder: "FILE",
      short: "c",
    }),
    set: repeated(pair, { about: "One setting", placeholder: "KEY=VALUE", short: "s" }),
    brokers: optional(integer({ min: 1, max: 100 }), {
      about: "Logical brokers in this process, on consecutive ports; for tests that want several",
      placeholder: "N",
      defaultText: "1",
    }),
    metricsPort: optional(port, {
      about: "Port for Prometheus metrics and health checks; 0 takes a free one",
      placeholder: "PORT",
      defaultText: "none",
    }),
    output: withDefault(oneOf("text", "json"), "text", {
      about: "What to print once the broker is ready",
      placeholder: "text|json",
      short: "o",
    }),
  },
  examples: [
    { about: "A broker on port 9092 that keeps its data in ./ottla-data", line: "start" },
    {
      about: "Another port and folder, and topics with six partitions unless told otherwise",
      line: "start --port 19092 --data-dir /var/lib/ottla --set num.partitions=6",
    },
    { about: "Three brokers for a test suite, nothing kept", line: "start --brokers 3 --memory" },
  ],
  async run({ options }, context) {
    const interruption = context.interruption();
    const file = options.config === null ? "" : await readConfig(options.config);
    const { environmentProperties, parseBrokerProperties, startBroker } = await import(
      "@ottla/broker"
    );
    const layers = [
      new Map(options.set),
      environmentProperties(context.environment),
      parseBrokerProperties(file),
    ];
    const broker = await startBroker({
      ...placeOf(options, layers),
      ...(options.memory ? { storage: "memory" } : {}),
      ...(options.brokers === null ? {} : { brokers: options.brokers }),
      ...(options.metricsPort === null ? {} : { metricsPort: options.metricsPort }),
      layers,
      report: (line) => void context.stderr.write(`${line}\n`),
    });
    // Whoever cannot read this has a broker all the same.
    const tell = (words: string) => context.stdout.write(words).catch(() => {});
    try {
      await tell(
        options.output === "json" ? announcementJson(broker) : announcement(broker, context),
      );
      await settleDown();
      await aborted(interruption);
      if (options.output === "text") await tell("stopping\n");
    } finally {
      await broker.close();
    }
    if (options.output === "text") await tell("stopped\n");
    return EXIT.ok;
  },
});

/** What a process does once that lives for months, or is killed any moment. */
async function settleDown(): Promise<void> {
  const [{ flushCompileCache }, { setFlagsFromString }] = await Promise.all([
    import("node:module"),
    import("node:v8"),
  ]);
  // A broker is often killed rather than ended, which would lose what was compiled.
  flushCompileCache();
  // V8 allocates what outlived one phase of a load in its old generation ever after: once requests have had to wait for the disk, each later one
  // left 1.6 KB to the major collections, for a third of the throughput. Not earlier: compiled code is kept for the flags it was compiled with.
  setFlagsFromString("--no-allocation-site-pretenuring");
  // A request passes through many small functions. V8 stops inlining early, for the sake of pages that live for seconds; with more of it a record costs
  // about 6 % less.
  setFlagsFromString("--max-inlined-bytecode-size=1000");
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=4000");
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CommandFailure(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

interface PlaceOptions {
  readonly port: number | null;
  readonly host: string | null;
  readonly dataDir: string | null;
}

/** Our own defaults for address and folder give way to Kafka's settings for them, and these to flags. */
function placeOf(options: PlaceOptions, layers: readonly ReadonlyMap<string, string>[]) {
  const isSet = (...keys: readonly string[]) =>
    keys.some((key) => layers.some((layer) => layer.has(key)));
  const portNumber = options.port ?? (isSet("listeners") ? null : DEFAULT_PORT);
  const dataDirectory =
    options.dataDir ?? (isSet("log.dirs", "log.dir") ? null : DEFAULT_DATA_DIRECTORY);
  return {
    ...(portNumber === null ? {} : { port: portNumber }),
    ...(options.host === null ? {} : { host: options.host }),
    ...(dataDirectory === null ? {} : { dataDirectory }),
  };
}

function announcementJson(broker: Broker): string {
  const { bootstrap, ports, clusterId, dataDirectory, metricsPort, startedInMs } = broker;
  return `${JSON.stringify({ bootstrap, ports, clusterId, dataDirectory, metricsPort, startedInMs })}\n`;
}

function announcement(broker: Broker, { program }: Context): string {
  const { bootstrap, dataDirectory, metricsPort, startedInMs } = broker;
  const first = bootstrap.split(",")[0]!;
  const isDefault = first === `127.0.0.1:${DEFAULT_PORT}`;

  const at = isDefault ? "" : ` -b ${first}`;
  return [
    `Ottla is listening on ${bootstrap.replaceAll(",", ", ")}`,
    `  ready in  ${Math.round(startedInMs)} ms`,
    `  data      ${dataDirectory ?? "in memory: gone when this ends"}`,
    metricsPort === null
      ? "  metrics   off; --metrics-port 9464 turns them on"
      : `  metrics   http://127.0.0.1:${metricsPort}/metrics`,
    "",
    "Try next, from another terminal:",
    `  ${program} topic create greetings --partitions 3${at}`,
    `  echo "hello" | ${program} produce greetings${at}`,
    `  ${program} consume greetings --follow${at}`,
    `  echo "hello" | kcat -P -b ${first} -t greetings`,
    `  kcat -C -b ${first} -t greetings -e`,
    "",
    "Ctrl-C stops the broker.",
    "",
  ].join("\n");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
