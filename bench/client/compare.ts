/** Runs a cell with each client in alternation, all on one broker. Neighbouring rounds go in opposite order, so that drift falls on all. */
import { join } from "node:path";
import { flushDisk } from "../disk.ts";
import { cpuSeconds } from "../process-usage.ts";
import type { Side } from "../sides.ts";
import { Admin } from "../wire/admin.ts";
import { Site } from "../workspace.ts";
import { type ClientCell, type ClientLoad, clientPartitions } from "./cells.ts";
import type { ClientJob, ClientName, ClientResult } from "./job.ts";
import { runKcat } from "./run-kcat.ts";
import { runLibrary } from "./run-library.ts";
import { writeValuesFile } from "./values.ts";

/** Sent or read before the first round by each client: brokers compile while they run. */
const warmupShare = 0.1;

export interface ClientSample {
  readonly recordsPerSecond: number;
  /** User and system time of the client's process. */
  readonly cpuPerMillion: number;
  readonly peakBytes: number;
  /** Cores that the broker kept busy meanwhile: near what the machine has left, the broker is the limit. */
  readonly brokerCores: number;
}

export interface ClientCellResult {
  readonly cell: ClientCell;
  readonly broker: string;
  /** In round order; a client that was not asked for or that failed has none. */
  readonly samples: Readonly<Record<ClientName, readonly ClientSample[]>>;
  readonly failures: readonly string[];
}

export interface CompareOptions {
  readonly side: Side;
  readonly clients: readonly ClientName[];
  readonly records: number;
  readonly rounds: number;
  readonly directory: string;
  readonly log: (line: string) => void;
}

export async function compareClients(
  cell: ClientCell,
  options: CompareOptions,
): Promise<ClientCellResult> {
  const { side, rounds, log } = options;
  const samples: Record<ClientName, ClientSample[]> = {
    ottla: [],
    kafkajs: [],
    platformatic: [],
    kcat: [],
  };
  const failures: string[] = [];
  await using bench = await ClientBench.open(cell.load, options);
  let clients = options.clients;
  for (let round = 0; round <= rounds; round++) {
    const isWarmup = round === 0;
    for (const client of round % 2 === 1 ? clients : clients.toReversed()) {
      await flushDisk();
      try {
        const sample = await bench.run(client, isWarmup ? warmupShare : 1);
        if (isWarmup) continue;
        samples[client].push(sample);
        log(`  ${round}/${rounds} ${client} on ${side.title}: ${describe(sample)}`);
      } catch (error) {
        failures.push(`${cell.name}: ${client}: ${String(error).split("\n")[0]}`);
        log(`  ${client} failed: ${error instanceof Error ? error.stack : error}`);
        clients = clients.filter((each) => each !== client);
      }
    }
  }
  return { cell, broker: side.title, samples, failures };
}

function describe(sample: ClientSample): string {
  return [
    `${(sample.recordsPerSecond / 1e6).toFixed(3)} M records/s`,
    `${sample.cpuPerMillion.toFixed(2)} CPU s per million`,
    `${(sample.peakBytes / 1e6).toFixed(0)} MB at most`,
    `broker on ${sample.brokerCores.toFixed(2)} cores`,
  ].join(", ");
}

/** A broker with what the clients of one cell write to or read from. */
class ClientBench implements AsyncDisposable {
  readonly #site: Site;
  readonly #load: ClientLoad;
  readonly #records: number;
  #topics = 0;

  private constructor(site: Site, load: ClientLoad, records: number) {
    this.#site = site;
    this.#load = load;
    this.#records = records;
  }

  static async open(load: ClientLoad, options: CompareOptions): Promise<ClientBench> {
    const site = await Site.started(options.side, options.directory);
    try {
      const bench = new ClientBench(site, load, options.records);
      if (load.kind === "consume") await bench.#fill();
      else if (options.clients.includes("kcat")) {
        const { valueBytes } = load;
        await writeValuesFile(bench.#valuesFile, { records: options.records, valueBytes });
      }
      return bench;
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** @param share of the records; readers read all in any case, for they would have to be told where to stop */
  async run(client: ClientName, share: number): Promise<ClientSample> {
    if (this.#load.kind === "consume") return await this.#measure(client, this.#job("bench"));
    await using admin = await Admin.connect(this.#site.port);
    const topic = `bench-${this.#topics++}`;
    await admin.createTopic(topic, clientPartitions);
    try {
      // kcat sends its whole file.
      const isAll = client === "kcat" || share === 1;
      const records = isAll ? this.#records : Math.ceil(this.#records * share);
      const sample = await this.#measure(client, this.#job(topic, records));
      await expectRecords(admin, topic, records);
      return sample;
    } finally {
      await admin.deleteTopic(topic);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#site[Symbol.asyncDispose]();
  }

  async #measure(client: ClientName, job: ClientJob): Promise<ClientSample> {
    const before = cpuSeconds(this.#site.pid);
    const start = performance.now();
    const result: ClientResult =
      client === "kcat"
        ? await runKcat(job, { valuesFile: this.#valuesFile, directory: this.#site.directory })
        : await runLibrary(client, job);
    const brokerCpu = cpuSeconds(this.#site.pid) - before;
    return {
      recordsPerSecond: job.records / result.seconds,
      cpuPerMillion: (result.cpuSeconds / job.records) * 1e6,
      peakBytes: result.peakBytes,
      brokerCores: brokerCpu / ((performance.now() - start) / 1000),
    };
  }

  /** What readers read: batches of one size and compression, whoever reads them. */
  async #fill(): Promise<void> {
    await using admin = await Admin.connect(this.#site.port);
    await admin.createTopic("bench", clientPartitions);
    await runLibrary("ottla", { ...this.#job("bench"), kind: "produce" });
    await expectRecords(admin, "bench", this.#records);
  }

  #job(topic: string, records = this.#records): ClientJob {
    const { bootstrap } = this.#site.broker;
    return { ...this.#load, bootstrap, topic, partitions: clientPartitions, records };
  }

  get #valuesFile(): string {
    return join(this.#site.directory, "values.txt");
  }
}

async function expectRecords(admin: Admin, topic: string, acknowledged: number): Promise<void> {
  const held = await admin.countRecords(topic, clientPartitions);
  if (held !== acknowledged)
    throw new Error(`${topic} holds ${held} records, ${acknowledged} were acknowledged`);
}
