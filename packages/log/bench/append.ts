/**
 * The engine alone on a real disk: how many MB/s it appends, and at how many CPU seconds per GB (of the whole process, load generation included;
 * that is a copy of the batch per append).
 *
 *     node -C source packages/log/bench/append.ts [directory] [seconds per row] [row…]
 */
import { rmSync } from "node:fs";
import { NodeFileSystem, SystemClock, SystemRandom } from "@ottla/platform";
import { LocalLogEngine } from "../src/local-engine.ts";
import { appendRequest, config, makeBatch, topicId } from "../src/test-support.ts";

const directory = process.argv[2] ?? "bench-data";
const seconds = Number(process.argv[3] ?? 3);
const rows = process.argv.slice(4).map(Number);

interface Row {
  readonly name: string;
  readonly records: number;
  readonly recordBytes: number;
  readonly partitions: number;
  /** Requests under way at once. */
  readonly inFlight: number;
}

const all: readonly Row[] = [
  {
    name: "16 × 1 KB, 12 partitions",
    records: 16,
    recordBytes: 1000,
    partitions: 12,
    inFlight: 60,
  },
  {
    name: "64 × 1 KB, 12 partitions",
    records: 64,
    recordBytes: 1000,
    partitions: 12,
    inFlight: 60,
  },
  { name: "1 × 100 B, 12 partitions", records: 1, recordBytes: 100, partitions: 12, inFlight: 50 },
  {
    name: "1 × 100 B, 1,000 partitions",
    records: 1,
    recordBytes: 100,
    partitions: 1000,
    inFlight: 50,
  },
];

async function run(row: Row): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  let groups = 0;
  let segmentWrites = 0;
  let checkpoints = 0;
  const engine = await LocalLogEngine.open({
    fileSystem: new NodeFileSystem(),
    directory,
    clock: new SystemClock(),
    random: new SystemRandom(),
    probe: {
      appended() {},
      served() {},
      journalWritten: () => groups++,
      segmentWritten: () => segmentWrites++,
      checkpointed: () => checkpoints++,
      storageFailed: (error) => console.error(error),
      corrupted: (path, position, detail) => console.error(path, position, detail),
    },
  });
  const id = topicId(1);
  engine.openTopic({ topicId: id, name: "bench", partitions: row.partitions, config });
  const batch = makeBatch({
    values: Array.from({ length: row.records }, () => Buffer.alloc(row.recordBytes, "v")),
    timestamps: Array.from({ length: row.records }, () => Date.now()),
  });
  const latencies: number[] = [];
  let bytes = 0;
  let requests = 0;
  const startCpu = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1000;
  let next = 0;
  async function load(): Promise<void> {
    while (performance.now() < end) {
      const partition = next++ % row.partitions;
      const sent = performance.now();
      const [result] = await engine.append(
        appendRequest([{ topicId: id, partition, records: Buffer.from(batch) }]),
      );
      if (result!.error !== null) throw new Error(`${result!.error}: ${result!.errorMessage}`);
      latencies.push(performance.now() - sent);
      bytes += batch.length;
      requests++;
    }
  }
  await Promise.all(Array.from({ length: row.inFlight }, load));
  const elapsed = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(startCpu);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  latencies.sort((a, b) => a - b);
  const at = (q: number) => latencies[Math.floor(latencies.length * q)]!.toFixed(2);
  console.log(
    `${row.name}: ${(bytes / 1e6 / elapsed).toFixed(0)} MB/s, ${(cpuSeconds / (bytes / 1e9)).toFixed(2)} CPU s/GB ` +
      `(user ${(cpu.user / 1e6).toFixed(2)} s), ${(requests / elapsed / 1000).toFixed(1)} k requests/s, ` +
      `${((cpuSeconds / requests) * 1e6).toFixed(1)} µs each, p50 ${at(0.5)} p99 ${at(0.99)} p99.9 ${at(0.999)} ms, ` +
      `${(requests / groups).toFixed(1)} a group, ${segmentWrites} segment writes, ${checkpoints} checkpoints, ` +
      `${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  const closing = performance.now();
  await engine.close();
  console.log(`  close ${(performance.now() - closing).toFixed(0)} ms`);
  rmSync(directory, { recursive: true, force: true });
}

for (const [index, row] of all.entries()) {
  if (rows.length === 0 || rows.includes(index)) await run(row);
}
