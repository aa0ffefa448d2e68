/** Clients that others wrote: Kafka's own performance tools and kcat, with the settings of their scripts, 1 KB records, 12 partitions, acks=all. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type BrokerServer, javaTool, runOrThrow } from "@ottla/testing";
import { cpuSeconds, memory } from "../process-usage.ts";
import type { Side } from "../sides.ts";
import { Admin } from "../wire/admin.ts";
import { Site } from "../workspace.ts";
import type { Cell, CellRun, Measure, Sample, Settings } from "./cell.ts";

const partitions = 12;
const recordBytes = 1024;
/** Sent before the clock starts, to let the client's virtual machine compile. */
const javaWarmupRecords = 50_000;
const endToEndRecords = 5_000;
const mebibyte = 1_048_576;
const throughput: readonly Measure[] = [{ key: "rate", unit: "MB/s", better: "more" }];

type Compression = "none" | "lz4";

export const clientCells: readonly Cell[] = [
  ...compressions("java-produce", "ProducerPerformance", javaProduceCell),
  ...compressions("java-consume", "ConsumerPerformance", javaConsumeCell),
  endToEndCell(),
  ...compressions("kcat-produce", "kcat -P", kcatProduceCell),
  ...compressions("kcat-consume", "kcat -C", kcatConsumeCell),
];

type MakeCell = (name: string, about: string, compression: Compression) => Cell;

function compressions(name: string, about: string, make: MakeCell): Cell[] {
  return [make(name, about, "none"), make(`${name}-lz4`, `${about}, lz4`, "lz4")];
}

function javaProduceCell(name: string, about: string, compression: Compression): Cell {
  return {
    name,
    about,
    measures: throughput,
    open: (side, settings) =>
      openRun(side, settings, async (site, nextTopic) => {
        const topic = await nextTopic();
        const records = recordsOf(settings);
        return await measured(site, records + javaWarmupRecords, async () => ({
          rate: await javaProduce(site.broker, topic, records, compression),
        }));
      }),
  };
}

function javaConsumeCell(name: string, about: string, compression: Compression): Cell {
  const topic = "bench-consume";
  return {
    name,
    about,
    measures: throughput,
    open: async (side, settings) => {
      const records = recordsOf(settings);
      return await openRun(
        side,
        settings,
        async (site) =>
          await measured(site, records, async () => ({
            rate: await javaConsume(site.broker, topic, records),
          })),
        async (site) => {
          await createTopic(site, topic);
          await javaProduce(site.broker, topic, records, compression);
        },
      );
    },
  };
}

function endToEndCell(): Cell {
  return {
    name: "java-end-to-end",
    about: "EndToEndLatency, 100 B records, one after the other",
    measures: ["average", "p50", "p99", "p99.9"].map((key) => ({
      key,
      unit: "ms",
      better: "less",
    })),
    open: (side, settings) =>
      openRun(side, settings, async (site, nextTopic) => {
        const topic = await nextTopic(1);
        const output = await java(site.broker, "EndToEndLatency", [
          ...["--topic", topic, "--num-records", String(endToEndRecords)],
          ...["--producer-acks", "all", "--record-size", "100"],
        ]);
        const [, average] = match(output, /Avg latency: ([\d.]+) ms/);
        const [, p50, p99, p999] = match(
          output,
          /50th = ([\d.]+), 99th = ([\d.]+), 99\.9th = ([\d.]+)/,
        );
        return {
          values: {
            average: Number(average),
            p50: Number(p50),
            p99: Number(p99),
            "p99.9": Number(p999),
          },
          ...memory(site.pid),
        };
      }),
  };
}

function kcatProduceCell(name: string, about: string, compression: Compression): Cell {
  return {
    name,
    about,
    measures: throughput,
    open: (side, settings) =>
      openRun(side, settings, async (site, nextTopic) => {
        const topic = await nextTopic();
        const lines = await linesFile(site, settings);
        return await measured(site, recordsOf(settings), async () => ({
          rate: await timed(settings, () => kcatProduce(site.broker, topic, lines, compression)),
        }));
      }),
  };
}

function kcatConsumeCell(name: string, about: string, compression: Compression): Cell {
  const topic = "bench-kcat";
  return {
    name,
    about,
    measures: throughput,
    open: (side, settings) =>
      openRun(
        side,
        settings,
        async (site) =>
          await measured(site, recordsOf(settings), async () => ({
            rate: await timed(settings, () => kcatConsume(site.broker, topic)),
          })),
        async (site) => {
          await createTopic(site, topic);
          await kcatProduce(site.broker, topic, await linesFile(site, settings), compression);
        },
      ),
  };
}

type NextTopic = (partitionCount?: number) => Promise<string>;

/** Starts a side, prepares it, and runs one untimed round, because brokers compile while they run. */
async function openRun(
  side: Side,
  settings: Settings,
  round: (site: Site, nextTopic: NextTopic) => Promise<Sample>,
  prepare: (site: Site) => Promise<void> = async () => {},
): Promise<CellRun> {
  const site = await Site.started(side, settings.directory);
  let topics = 0;
  /** A new topic; the one before is deleted so that the disk does not fill. */
  const nextTopic: NextTopic = async (partitionCount = partitions) => {
    await using admin = await Admin.connect(site.port);
    if (topics > 0) await admin.deleteTopic(`bench-${topics}`);
    topics++;
    await admin.createTopic(`bench-${topics}`, partitionCount);
    return `bench-${topics}`;
  };
  const run = {
    round: () => round(site, nextTopic),
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
  try {
    await prepare(site);
    await run.round();
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
  return run;
}

async function measured(
  site: Site,
  records: number,
  act: () => Promise<Sample["values"]>,
): Promise<Sample> {
  const before = cpuSeconds(site.pid);
  const values = await act();
  const cpu = cpuSeconds(site.pid) - before;
  return {
    values,
    cost: { value: cpu / ((records * recordBytes) / 1e9), unit: "s/GB" },
    ...memory(site.pid),
  };
}

/** @returns MB/s of record values after the warm-up. */
async function javaProduce(
  broker: BrokerServer,
  topic: string,
  records: number,
  compression: Compression,
): Promise<number> {
  const output = await java(broker, "ProducerPerformance", [
    ...["--topic", topic, "--num-records", String(records + javaWarmupRecords)],
    ...["--warmup-records", String(javaWarmupRecords), "--record-size", String(recordBytes)],
    ...["--throughput", "-1", "--command-property", "acks=all", `compression.type=${compression}`],
  ]);
  const [, rate] = match(output, /steady state.*\(([\d.]+) MB\/sec\)/);
  return (Number(rate) * mebibyte) / 1e6;
}

/** @returns MB/s of fetching, without the time that joining the group takes. */
async function javaConsume(broker: BrokerServer, topic: string, records: number): Promise<number> {
  const output = await java(broker, "ConsumerPerformance", [
    ...["--topic", topic, "--num-records", String(records), "--timeout", "60000", "--hide-header"],
  ]);
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const fields = output.trim().split("\n").at(-1)?.split(", ") ?? [];
  if (fields.length !== 10 || Number(fields[4]) < records)
    throw new Error(`ConsumerPerformance: ${output}`);
  return (Number(fields[8]) * mebibyte) / 1e6;
}

async function java(broker: BrokerServer, tool: string, args: readonly string[]): Promise<string> {
  // The flags of kafka-run-class and of the performance tools' own scripts.
  const flags = ["-Xmx512M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];
  const result = await javaTool(
    `org.apache.kafka.tools.${tool}`,
    ["--bootstrap-server", broker.bootstrap, ...args],
    { flags },
  );
  if (result.code !== 0) throw new Error(`${tool}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

async function kcatProduce(
  broker: BrokerServer,
  topic: string,
  lines: string,
  compression: Compression,
): Promise<void> {
  await runOrThrow("kcat", [
    ...["-P", "-b", broker.bootstrap, "-t", topic, "-l", lines, "-z", compression],
    ...["-X", "acks=-1"],
  ]);
}

async function kcatConsume(broker: BrokerServer, topic: string): Promise<void> {
  const command = `exec kcat -C -b ${broker.bootstrap} -t ${topic} -o beginning -e -q > /dev/null`;
  await runOrThrow("sh", ["-c", command]);
}

/** MB/s of everything a client sent or read, from its start to its end. */
async function timed(settings: Settings, act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return (recordsOf(settings) * recordBytes) / 1e6 / ((performance.now() - start) / 1000);
}

/** A file with a record a line, of random capital letters as ProducerPerformance sends them; made once. */
async function linesFile(site: Site, settings: Settings): Promise<string> {
  const file = join(site.directory, "lines.txt");
  if (existsSync(file)) return file;
  const letters = randomBytes(recordBytes * 1024);
  for (let i = 0; i < letters.length; i++) letters[i] = 65 + (letters[i]! % 26);
  for (let i = recordBytes - 1; i < letters.length; i += recordBytes) letters[i] = 10;
  const blocks = Math.ceil(recordsOf(settings) / 1024);
  const handle = await open(file, "w");
  for (let i = 0; i < blocks; i++) await handle.write(letters);
  await handle.truncate(recordsOf(settings) * recordBytes);
  await handle.close();
  return file;
}

async function createTopic(site: Site, topic: string): Promise<void> {
  await using admin = await Admin.connect(site.port);
  await admin.createTopic(topic, partitions);
}

function recordsOf(settings: Settings): number {
  return Math.ceil(settings.clientBytes / recordBytes);
}

function match(output: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(output);
  if (found === null) throw new Error(`unexpected output: ${output}`);
  return found;
}
