/** Transactional produce at two commit intervals, and the cleaner's throughput. */
import { setTimeout as pause } from "node:timers/promises";
import { Client, orThrow } from "@ottla/client";
import { drive } from "../drive.ts";
import type { KeyedJob } from "../driver/job.ts";
import { cpuSeconds, memory, resetPeak } from "../process-usage.ts";
import type { Side } from "../sides.ts";
import { Admin } from "../wire/admin.ts";
import { Site } from "../workspace.ts";
import type { Cell, CellRun, Sample, Settings } from "./cell.ts";

const kilobyte = 1024;
const partitions = 12;
const producers = 4;

export const eosCells: readonly Cell[] = [
  transactionCell(100),
  transactionCell(10),
  {
    name: "compaction",
    about:
      "the cleaner over one partition of records of 1 KB in segments of 64 MiB, 20 to a key, from when it may start until nothing more changes; MB of dirty log, CPU per GB of it",
    measures: [{ key: "rate", unit: "MB/s", better: "more" }],
    open: openCompaction,
  },
];

function transactionCell(commitEveryMs: number): Cell {
  return {
    name: `transactions-${commitEveryMs}ms`,
    about: `transactional produce, 1 KB, ${partitions} partitions, ${producers} producers that commit every ${commitEveryMs} ms`,
    measures: [
      { key: "rate", unit: "MB/s", better: "more" },
      { key: "commits", unit: "commits/s", better: "more" },
      { key: "commit p50", unit: "ms", better: "less" },
      { key: "commit p99", unit: "ms", better: "less" },
    ],
    open: async (side, settings) => {
      const site = await Site.started(side, settings.directory);
      let topics = 0;
      const round = async (warmupSeconds: number, seconds: number): Promise<Sample> => {
        const topic = `bench-${topics++}`;
        await using admin = await Admin.connect(site.port);
        await admin.createTopic(topic, partitions);
        const result = await drive({
          ...{ kind: "transactions", port: site.port, pid: site.pid, topic, partitions },
          ...{ valueBytes: kilobyte, producers, commitEveryMs, warmupSeconds, seconds },
        });
        await admin.deleteTopic(topic);
        const { p50, p99 } = result.latencyMs;
        const bytes = result.valueBytes;
        return {
          values: {
            rate: bytes / 1e6 / result.seconds,
            commits: result.requests / result.seconds,
            "commit p50": p50,
            "commit p99": p99,
          },
          cost: { value: result.brokerCpuSeconds / (bytes / 1e9), unit: "s/GB" },
          driverLoad: result.driverCpuSeconds / result.seconds,
          ...memory(site.pid),
        };
      };
      try {
        await round(0, settings.warmupSeconds);
      } catch (error) {
        await site[Symbol.asyncDispose]();
        throw error;
      }
      return {
        round: () => round(Math.min(1, settings.seconds / 5), settings.seconds),
        [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
      };
    },
  };
}

/** The cleaner sleeps this long when there is nothing to do: far less than by default, so that its work is measured and not its sleep. */
const cleanerSettings = { "log.cleaner.backoff.ms": "100" };
const segmentBytes = 64 * 1_048_576;
const recordsPerKey = 20;
const lookEveryMs = 50;
/** The cleaner has ended when the log has not changed for so long; it swaps its segments in one by one. */
const settledMs = 3_000;
const cleanTimeoutMs = 600_000;

async function openCompaction(side: Side, settings: Settings): Promise<CellRun> {
  const site = await Site.started(side, settings.directory, cleanerSettings);
  const client = new Client({ bootstrapServers: site.broker.bootstrap });
  let topics = 0;
  const run: CellRun = {
    round: () => compactionRound(site, client, settings, `bench-${topics++}`),
    async [Symbol.asyncDispose]() {
      await client.close();
      await site[Symbol.asyncDispose]();
    },
  };
  try {
    await run.round();
  } catch (error) {
    await run[Symbol.asyncDispose]();
    throw error;
  }
  return run;
}

async function compactionRound(
  site: Site,
  client: Client,
  settings: Settings,
  topic: string,
): Promise<Sample> {
  const { admin } = client;
  const records = Math.ceil(settings.fetchBytes / kilobyte);
  const job = (kind: KeyedJob["kind"]): KeyedJob => ({
    ...{ kind, port: site.port, pid: site.pid, topic, partitions: 1 },
    ...{ records, keys: Math.ceil(records / recordsPerKey), valueBytes: kilobyte },
  });
  const configs = { "segment.bytes": String(segmentBytes) };
  orThrow(await admin.createTopics([{ name: topic, partitions: 1, configs }]));
  await drive(job("fill-keys"));
  await closeSegment(client, topic);
  const dirtyBytes = await logBytes(client, topic);
  resetPeak(site.pid);

  const start = { at: performance.now(), cpu: cpuSeconds(site.pid) };
  await alter(client, topic, { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" });
  const end = await untilSettled(site, client, topic, dirtyBytes);
  const { residentBytes, peakBytes } = memory(site.pid);

  await drive(job("check-keys"));
  orThrow(await admin.deleteTopics([topic]));
  return {
    values: { rate: dirtyBytes / 1e6 / ((end.at - start.at) / 1000) },
    cost: { value: (end.cpu - start.cpu) / (dirtyBytes / 1e9), unit: "s/GB" },
    residentBytes,
    peakBytes,
  };
}

/** The segment that is written to is never cleaned: a record after its time is over begins one that holds nothing else. */
async function closeSegment(client: Client, topic: string): Promise<void> {
  await alter(client, topic, { "segment.ms": "1" });
  await pause(2);
  await using producer = client.producer();
  await producer.send({ topic, partition: 0, key: "end", value: "" });
}

async function alter(
  { admin }: Client,
  topic: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const changes = Object.entries(configs).map(([name, value]) => ({ name, value }));
  orThrow(await admin.incrementalAlterConfigs([{ type: "topic", name: topic, changes }]));
}

/** @returns when the log changed for the last time */
async function untilSettled(
  site: Site,
  client: Client,
  topic: string,
  dirtyBytes: number,
): Promise<{ readonly at: number; readonly cpu: number }> {
  const startedAt = performance.now();
  let bytes = dirtyBytes;
  let changed = { at: startedAt, cpu: cpuSeconds(site.pid) };
  for (;;) {
    await pause(lookEveryMs);
    const now = await logBytes(client, topic);
    const at = performance.now();
    if (now !== bytes) {
      bytes = now;
      changed = { at, cpu: cpuSeconds(site.pid) };
    }
    // One record of each key stays, so most of the log must be gone.
    if (bytes < dirtyBytes / 2 && at - changed.at > settledMs) return changed;
    if (at - startedAt > cleanTimeoutMs) throw new Error(`not cleaned: ${bytes} of ${dirtyBytes}`);
  }
}

async function logBytes({ admin }: Client, topic: string): Promise<number> {
  const dirs = orThrow(
    await admin.describeLogDirs(null, { partitions: [{ topic, partition: 0 }] }),
  );
  return dirs
    .flatMap((dir) => dir.partitions)
    .filter((partition) => partition.topic === topic)
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
