/** Starting, starting again after SIGKILL, and memory. Every time is until a record was acknowledged (acks=all), not until a port is open. */
import { setTimeout as pause } from "node:timers/promises";
import { drive } from "../drive.ts";
import { memory } from "../process-usage.ts";
import { Admin, firstAcknowledged } from "../wire/admin.ts";
import { Site } from "../workspace.ts";
import type { Cell, CellRun, Settings } from "./cell.ts";

const startTimeoutMs = 300_000;
/** After the last partition is made; both virtual machines have collected garbage and settled by then. */
const settleMs = 5_000;
const topic = "bench";

const startCell: Cell = {
  name: "start",
  about: "cold start on an empty, formatted data directory to the first acknowledged record",
  measures: [{ key: "time", unit: "ms", better: "less" }],
  open: async (side, settings) => ({
    async round() {
      await using site = await Site.create(side, settings.directory);
      const time = await timeStart(site, 0);
      return { values: { time }, ...memory(site.pid) };
    },
    [Symbol.asyncDispose]: async () => {},
  }),
};

export const lifecycleCells: readonly Cell[] = [
  startCell,
  ...[1, 1_000, 10_000].map(killCell),
  ...[1, 1_000, 10_000].map(memoryCell),
];

function killCell(partitions: number): Cell {
  return {
    name: `kill-${partitions}`,
    about: `kill −9 to the first acknowledged record, ${count(partitions)} holding data, a record written to each since the last start`,
    measures: [
      { key: "first record", unit: "ms", better: "less" },
      { key: "every partition ready", unit: "ms", better: "less" },
    ],
    open: async (side, settings): Promise<CellRun> => {
      const site = await Site.started(side, settings.directory);
      await createTopic(site, partitions);
      return {
        async round() {
          await drive(job(site, partitions, settings, { batches: partitions }));
          const killedAt = performance.now();
          await site.kill();
          const first = await timeStart(site, partitions - 1, killedAt);
          await using admin = await Admin.connect(site.port);
          await admin.waitForLeaders(topic, partitions);
          const all = performance.now() - killedAt;
          return {
            values: { "first record": first, "every partition ready": all },
            ...memory(site.pid),
          };
        },
        [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
      };
    },
  };
}

function memoryCell(partitions: number): Cell {
  return {
    name: `memory-${partitions}`,
    about: `resident memory with ${count(partitions)}: idle, and after a load of 16 × 1 KB batches over all of them`,
    measures: [
      { key: "idle", unit: "MB", better: "less" },
      { key: "loaded", unit: "MB", better: "less" },
    ],
    open: async (side, settings) => ({
      async round() {
        await using site = await Site.started(side, settings.directory);
        await createTopic(site, partitions);
        await pause(settleMs);
        const idle = memory(site.pid);
        await drive(job(site, partitions, settings, { seconds: settings.seconds }));
        const loaded = memory(site.pid);
        return {
          values: { idle: idle.residentBytes / 1e6, loaded: loaded.residentBytes / 1e6 },
          ...loaded,
        };
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

/** @returns milliseconds from `since` (now, when not given) until a record is acknowledged. */
async function timeStart(
  site: Site,
  partition: number,
  since = performance.now(),
): Promise<number> {
  const acknowledged = firstAcknowledged(
    site.port,
    { topic, partition },
    AbortSignal.timeout(startTimeoutMs),
  ).then(() => performance.now() - since);
  const [time] = await Promise.all([acknowledged, site.start()]);
  return time;
}

async function createTopic(site: Site, partitions: number): Promise<void> {
  await using admin = await Admin.connect(site.port);
  await admin.createTopic(topic, partitions);
}

function job(
  site: Site,
  partitions: number,
  settings: Settings,
  until: { readonly batches: number } | { readonly seconds: number },
): Parameters<typeof drive>[0] {
  const isOncePerPartition = "batches" in until;
  return {
    kind: "produce",
    port: site.port,
    pid: site.pid,
    topic,
    partitions,
    acks: -1,
    recordsPerBatch: isOncePerPartition ? 1 : 16,
    valueBytes: 1024,
    partitionsPerRequest: 1,
    // One connection walks through the partitions in order, so that each gets exactly one record.
    connections: isOncePerPartition ? 1 : 6,
    inFlight: settings.inFlight,
    warmupSeconds: 0,
    seconds: isOncePerPartition ? 0 : until.seconds,
    totalBatches: isOncePerPartition ? until.batches : null,
  };
}

function count(partitions: number): string {
  return partitions === 1 ? "1 partition" : `${partitions.toLocaleString("en")} partitions`;
}
