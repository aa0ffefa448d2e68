/**
 * The thin driver's cells: pre-encoded requests over raw sockets, every answer checked, so that the broker is measured and not a
 * client. All of them use records of incompressible bytes and no compression.
 */
import { emptyPageCache } from "../disk.ts";
import { drive } from "../drive.ts";
import type { JobResult, ProduceJob } from "../driver/job.ts";
import { memory } from "../process-usage.ts";
import type { Side, SideName } from "../sides.ts";
import { Admin } from "../wire/admin.ts";
import { Site } from "../workspace.ts";
import type { Cell, CellRun, Measure, Sample, Settings } from "./cell.ts";

interface Load {
  readonly recordsPerBatch: number;
  readonly valueBytes: number;
  readonly partitions: number;
  /** What a request has a batch for; 1 unless told. */
  readonly partitionsPerRequest?: number;
  /** −1 means all. */
  readonly acks: number;
  readonly connections: number;
}

const kilobyte = 1024;
const manyPartitions = 1000;
const loadConnections = 6;
/** Where the ceiling, which stores nothing, has nothing to say. */
const brokers: readonly SideName[] = ["kafka", "ottla"];
/** Kafka takes most of a minute until partitions that were never written to are as fast as others. */
const newPartitionsSeconds = 30;
const hotLog: Load = {
  recordsPerBatch: 16,
  valueBytes: kilobyte,
  partitions: 12,
  acks: -1,
  connections: loadConnections,
};

export const thinCells: readonly Cell[] = [
  ...[-1, 1].flatMap((acks) =>
    [12, 1].flatMap((partitions) =>
      [1, 16, 64].map((recordsPerBatch) =>
        produceCell(`produce-${recordsPerBatch}${suffix(acks, partitions)}`, {
          recordsPerBatch,
          valueBytes: kilobyte,
          partitions,
          acks,
          connections: loadConnections,
        }),
      ),
    ),
  ),
  ...[-1, 1].flatMap((acks) =>
    [12, 1].map((partitions) =>
      produceCell(`singles${suffix(acks, partitions)}`, singles(acks, partitions)),
    ),
  ),
  firstWritesCell("first-record-1000p", singles(-1, manyPartitions), 1),
  firstWritesCell("first-batches-1000p", { ...hotLog, partitions: manyPartitions }, 3),
  startedCell("singles-1000p-started", singles(-1, manyPartitions)),
  startedCell("produce-16-1000p-started", { ...hotLog, partitions: manyPartitions }),
  newPartitionsCell("singles-1000p", singles(-1, manyPartitions)),
  newPartitionsCell("produce-16-1000p", { ...hotLog, partitions: manyPartitions }),
  produceCell("wide-1000p", { ...singles(-1, manyPartitions), ...wide(250) }),
  produceCell("wide-16-1000p", { ...hotLog, partitions: manyPartitions, ...wide(50) }),
  produceCell("singles-1000p-warm", singles(-1, manyPartitions)),
  produceCell("produce-16-1000p-warm", { ...hotLog, partitions: manyPartitions }),
  fetchCell("fetch-hot"),
  fetchCell("fetch-cold"),
  latencyCell("latency-1000", 1_000),
  latencyCell("latency-10000", 10_000),
];

function singles(acks: number, partitions: number): Load {
  return { recordsPerBatch: 1, valueBytes: 100, partitions, acks, connections: 50 };
}

/**
 * What producers send that have many partitions at hand: all their batches for a broker in one request, which may be 1 MiB
 * (`max.request.size`).
 */
function wide(partitionsPerRequest: number): Pick<Load, "partitionsPerRequest" | "connections"> {
  return { partitionsPerRequest, connections: loadConnections };
}

function suffix(acks: number, partitions: number): string {
  return `${partitions === 12 ? "" : `-${partitions}p`}${acks === 1 ? "-acks1" : ""}`;
}

function produceCell(name: string, load: Load): Cell {
  const warm = load.partitions >= manyPartitions ? "warm " : "";
  return {
    name,
    about: describe(load, warm),
    measures: [produceMeasure(load)],
    open: (side, settings) => ProduceRun.open({ side, settings, load }),
  };
}

/** What a load's rate counts. */
type Counted = "requests" | "records" | "MB";

function countedOf({ recordsPerBatch, partitionsPerRequest }: Load): Counted {
  if (recordsPerBatch > 1) return "MB";
  return partitionsPerRequest === undefined ? "requests" : "records";
}

function rateOf(result: JobResult, counted: Counted): number {
  const amount = counted === "MB" ? megabytes(result) : result[counted];
  return amount / result.seconds;
}

function produceMeasure(load: Load): Measure {
  return { key: "rate", unit: `${countedOf(load)}/s`, better: "more" };
}

/** @param kind of partition, with a space behind it */
function describe(load: Load, kind: string): string {
  const size = load.valueBytes === kilobyte ? "1 KB" : `${load.valueBytes} B`;
  const partitions = `${load.partitions} ${kind}partition${load.partitions === 1 ? "" : "s"}`;
  const several =
    load.partitionsPerRequest === undefined
      ? ""
      : `, batches for ${load.partitionsPerRequest} a request`;
  return `produce, ${load.recordsPerBatch} × ${size} a batch, ${partitions}${several}, acks=${
    load.acks === 1 ? "1" : "all"
  }, ${load.connections} connections`;
}

class ProduceRun implements CellRun {
  readonly site: Site;
  readonly #settings: Settings;
  readonly #load: Load;
  #topic = "";
  #topics = 0;
  #recordsInTopic = 0;

  private constructor(site: Site, options: { settings: Settings; load: Load }) {
    this.site = site;
    this.#settings = options.settings;
    this.#load = options.load;
  }

  static async open(options: { side: Side; settings: Settings; load: Load }): Promise<ProduceRun> {
    const site = await Site.started(options.side, options.settings.directory);
    return await keepOrClose(site, async () => {
      const run = new ProduceRun(site, options);
      // Kafka's first index entry of a partition, made by its second batch of this size, costs much more than all later ones.
      const { partitions } = options.load;
      const { recordsPerBatch, valueBytes } = hotLog;
      if (partitions >= manyPartitions)
        await run.#drive({
          recordsPerBatch,
          valueBytes,
          partitionsPerRequest: 1,
          totalBatches: 2 * partitions,
        });
      await run.#drive({ seconds: options.settings.warmupSeconds });
      return run;
    });
  }

  async round(): Promise<Sample> {
    const { seconds } = this.#settings;
    const result = await this.#drive({ warmupSeconds: Math.min(1, seconds / 5), seconds });
    const counted = countedOf(this.#load);
    return {
      values: { rate: rateOf(result, counted) },
      ...costs(result, counted),
      ...memory(this.site.pid),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.site[Symbol.asyncDispose]();
  }

  /** Runs the load on a topic and checks that the topic holds exactly what was acknowledged. */
  async #drive(length: Partial<ProduceJob>): Promise<JobResult> {
    await using admin = await Admin.connect(this.site.port);
    await this.#freshTopic(admin);
    const result = await drive({
      ...produceJob(this.site, this.#topic, this.#load, this.#settings),
      ...length,
    });
    this.#recordsInTopic += result.acknowledgedRecords;
    await expectRecords(admin, this.#topic, this.#load.partitions, this.#recordsInTopic);
    return result;
  }

  /** A new topic for each run, so that the disk does not fill; many partitions are kept, because making them is a cost of its own. */
  async #freshTopic(admin: Admin): Promise<void> {
    if (this.#topics > 0 && this.#load.partitions >= manyPartitions) return;
    if (this.#topics > 0) await admin.deleteTopic(this.#topic);
    this.#topic = `bench-${this.#topics++}`;
    this.#recordsInTopic = 0;
    await admin.createTopic(this.#topic, this.#load.partitions);
  }
}

/** The first half minute of new partitions, their first writes included. The broker itself is warm. */
function newPartitionsCell(name: string, load: Load): Cell {
  return {
    name,
    about: `${describe(load, "new ")}, the first ${newPartitionsSeconds} s`,
    measures: [produceMeasure(load)],
    open: async (side, settings) => {
      const warm = { ...load, partitions: hotLog.partitions };
      const run = await ProduceRun.open({ side, settings, load: warm });
      let topics = 0;
      return {
        round: () => fillNewPartitions(run.site, `bench-new-${topics++}`, load, settings),
        [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
      };
    },
  };
}

/** The same of a broker that has just been started, as after a deployment: in each round a new one, over an empty data directory. */
function startedCell(name: string, load: Load): Cell {
  return {
    name,
    about: `${describe(load, "new ")}, the first ${newPartitionsSeconds} s of a broker just started`,
    measures: [produceMeasure(load)],
    open: async (side, settings) => ({
      async round() {
        await using site = await Site.started(side, settings.directory);
        return await fillNewPartitions(site, "bench-new", load, settings);
      },
      async [Symbol.asyncDispose]() {},
    }),
  };
}

async function fillNewPartitions(
  site: Site,
  topic: string,
  load: Load,
  settings: Settings,
): Promise<Sample> {
  await using admin = await Admin.connect(site.port);
  await admin.createTopic(topic, load.partitions);
  const result = await drive({
    ...produceJob(site, topic, load, settings),
    seconds: newPartitionsSeconds,
  });
  await expectRecords(admin, topic, load.partitions, result.acknowledgedRecords);
  await admin.deleteTopic(topic);
  const counted = countedOf(load);
  return {
    values: { rate: rateOf(result, counted) },
    ...costs(result, counted),
    ...memory(site.pid),
  };
}

/** So many batches for each partition of a new topic, which makes its files and their first index entries. */
function firstWritesCell(name: string, load: Load, perPartition: number): Cell {
  const size = load.recordsPerBatch === 1 ? "one 100 B record" : "three batches of 16 × 1 KB";
  const batches = load.partitions * perPartition;
  return {
    name,
    about: `${size} to each of ${load.partitions} new partitions, acks=all, ${load.connections} connections`,
    measures: [{ key: "rate", unit: "requests/s", better: "more" }],
    open: async (side, settings) => {
      const site = await Site.started(side, settings.directory);
      let topics = 0;
      return {
        async round() {
          await using admin = await Admin.connect(site.port);
          const topic = `bench-${topics++}`;
          await admin.createTopic(topic, load.partitions);
          const result = await drive({
            ...produceJob(site, topic, load, settings),
            totalBatches: batches,
          });
          await expectRecords(admin, topic, load.partitions, batches * load.recordsPerBatch);
          await admin.deleteTopic(topic);
          return {
            values: { rate: result.requests / result.seconds },
            ...costs(result, "requests"),
            ...memory(site.pid),
          };
        },
        [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
      };
    },
  };
}

function fetchCell(name: "fetch-hot" | "fetch-cold"): Cell {
  return {
    name,
    about: `fetch a ${name.slice(6)} log, up to 1 MiB of 16 × 1 KB batches a request, 12 partitions, ${loadConnections} connections`,
    measures: [{ key: "rate", unit: "MB/s", better: "more" }],
    sides: brokers,
    open: async (side, settings) => {
      const site = await Site.started(side, settings.directory);
      return await keepOrClose(site, async () => {
        await fill(site, settings);
        if (name === "fetch-cold") return coldFetch(site);
        await fetch(site, 0, settings.warmupSeconds);
        return hotFetch(site, settings);
      });
    },
  };
}

function hotFetch(site: Site, settings: Settings): CellRun {
  return {
    async round() {
      const result = await fetch(site, Math.min(1, settings.seconds / 5), settings.seconds);
      return {
        values: { rate: megabytes(result) / result.seconds },
        ...costs(result, "MB"),
        ...memory(site.pid),
      };
    },
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

/** Each round: stop the broker, empty the page cache, start, read all once. */
function coldFetch(site: Site): CellRun {
  return {
    async round() {
      await site.stop();
      const how = await emptyPageCache(site.directory);
      await site.start();
      const result = await fetch(site, 0, null);
      return {
        values: { rate: megabytes(result) / result.seconds },
        ...costs(result, "MB"),
        ...memory(site.pid),
        note: `fetch-cold: the broker has just been restarted and reads the log once; ${how}.`,
      };
    },
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

const fetchTopic = "bench-fetch";

async function fill(site: Site, settings: Settings): Promise<void> {
  await using admin = await Admin.connect(site.port);
  await admin.createTopic(fetchTopic, hotLog.partitions);
  const result = await drive({
    ...produceJob(site, fetchTopic, hotLog, settings),
    warmupSeconds: 0,
    seconds: 0,
    totalBatches: Math.ceil(settings.fetchBytes / (hotLog.recordsPerBatch * hotLog.valueBytes)),
  });
  await expectRecords(admin, fetchTopic, hotLog.partitions, result.acknowledgedRecords);
}

function fetch(site: Site, warmupSeconds: number, seconds: number | null): Promise<JobResult> {
  return drive({
    kind: "fetch",
    port: site.port,
    pid: site.pid,
    topic: fetchTopic,
    partitions: hotLog.partitions,
    recordsPerBatch: hotLog.recordsPerBatch,
    valueBytes: hotLog.valueBytes,
    connections: hotLog.connections,
    partitionMaxBytes: 1_048_576,
    warmupSeconds,
    seconds,
  });
}

function latencyCell(name: string, ratePerSecond: number): Cell {
  const topic = "bench-latency";
  const load: Load = { ...singles(-1, 12), connections: 10 };
  const measures = ["p50", "p99", "p99.9"].map(
    (key): Measure => ({ key, unit: "ms", better: "less" }),
  );
  const latency = (site: Site, warmupSeconds: number, seconds: number) =>
    drive({
      kind: "latency",
      port: site.port,
      pid: site.pid,
      topic,
      ...load,
      ratePerSecond,
      warmupSeconds,
      seconds,
    });
  return {
    name,
    about: `latency of single 100 B records at ${ratePerSecond.toLocaleString("en")}/s from when each was due, ${load.partitions} partitions, acks=all, ${load.connections} connections`,
    measures,
    sides: brokers,
    open: async (side, settings) => {
      const site = await Site.started(side, settings.directory);
      return await keepOrClose(site, async () => {
        await using admin = await Admin.connect(site.port);
        await admin.createTopic(topic, load.partitions);
        await latency(site, 0, settings.warmupSeconds);
        return {
          async round() {
            const result = await latency(site, Math.min(1, settings.seconds / 5), settings.seconds);
            const { p50, p99, p999 } = result.latencyMs;
            const { cost } = costs(result, "requests"); // The driver spins: its load says nothing.
            return {
              values: { p50, p99, "p99.9": p999 },
              cost,
              ...memory(site.pid),
            };
          },
          [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
        };
      });
    },
  };
}

function produceJob(site: Site, topic: string, load: Load, settings: Settings): ProduceJob {
  return {
    kind: "produce",
    port: site.port,
    pid: site.pid,
    topic,
    partitionsPerRequest: 1,
    ...load,
    inFlight: settings.inFlight,
    warmupSeconds: 0,
    seconds: settings.seconds,
    totalBatches: null,
  };
}

async function expectRecords(
  admin: Admin,
  topic: string,
  partitions: number,
  acknowledged: number,
): Promise<void> {
  const held = await admin.countRecords(topic, partitions);
  if (held !== acknowledged)
    throw new Error(`${topic} holds ${held} records, ${acknowledged} were acknowledged`);
}

function megabytes(result: JobResult): number {
  return result.valueBytes / 1e6;
}

const costUnits = { requests: "µs/request", records: "µs/record", MB: "s/GB" } as const;

function costs(result: JobResult, counted: Counted): Required<Pick<Sample, "cost" | "driverLoad">> {
  const cpu = result.brokerCpuSeconds;
  const value = counted === "MB" ? cpu / (result.valueBytes / 1e9) : (cpu / result[counted]) * 1e6;
  return {
    cost: { value, unit: costUnits[counted] },
    driverLoad: result.driverCpuSeconds / result.seconds,
  };
}

async function keepOrClose<T>(site: Site, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}
