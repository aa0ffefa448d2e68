/**
 * One round of the cleaner over one partition: bytes and records a second, CPU time, and the longest slice of it for which the event loop
 * was kept.
 *
 *     node -C source packages/log/bench/compact.ts [directory] [record bytes] [MB] [keys] [compression]
 */
import { rmSync } from "node:fs";
import { NodeFileSystem, SystemClock, SystemRandom } from "@ottla/platform";
import { BatchBuilder, type CompressionType } from "@ottla/protocol";
import { LocalLogEngine } from "../src/local-engine.ts";
import { type CleaningRound, noProbe } from "../src/probe.ts";
import { appendOne, config, topicId } from "../src/test-support.ts";

const directory = process.argv[2] ?? "bench-data";
const recordBytes = Number(process.argv[3] ?? 1_000);
const totalBytes = Number(process.argv[4] ?? 200) * 1e6;
const keys = Number(process.argv[5] ?? 20_000);
const compression = (process.argv[6] ?? "none") as CompressionType;
const id = topicId(1);
const random = new SystemRandom();

rmSync(directory, { recursive: true, force: true });
const rounds: CleaningRound[] = [];
const engine = await LocalLogEngine.open({
  fileSystem: new NodeFileSystem(),
  directory,
  clock: new SystemClock(),
  random,
  probe: {
    ...noProbe,
    cleaned: (_topic, _partition, round) => rounds.push(round),
    storageFailed: (error) => console.error(error),
  },
  cleaner: {
    isEnabled: true,
    dedupeBufferBytes: 134_217_728,
    ioBufferBytes: 524_288,
    ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
    backoffMs: 1e9,
  },
});
engine.openTopic({
  topicId: id,
  name: "bench",
  partitions: 1,
  config: { ...config, cleanupPolicy: { delete: false, compact: true }, segmentBytes: 16_777_216 },
});

const recordsPerBatch = Math.max(1, Math.floor(64_000 / recordBytes));
const now = Date.now();
for (let bytes = 0; bytes < totalBytes; bytes += recordsPerBatch * recordBytes) {
  const builder = new BatchBuilder({ compression, initialBytes: 70_000 });
  for (let i = 0; i < recordsPerBatch; i++) {
    builder.append(now, `key-${random.integer(keys)}`, random.bytes(recordBytes));
  }
  await appendOne(engine, id, 0, builder.build());
}

let isOver = false;
let longestMs = 0;
let last = process.threadCpuUsage();
function tick(): void {
  const cpu = process.threadCpuUsage();
  longestMs = Math.max(longestMs, (cpu.user + cpu.system - last.user - last.system) / 1000);
  last = cpu;
  if (!isOver) setImmediate(tick);
}
setImmediate(tick);
const startMs = performance.now();
const before = process.cpuUsage();
await engine.maintain();
const seconds = (performance.now() - startMs) / 1000;
const used = process.cpuUsage(before);
isOver = true;
for (const round of rounds) {
  const rate = (count: number) => Math.round(count / seconds).toLocaleString("en");
  console.log(
    `${seconds.toFixed(2)} s, ${((used.user + used.system) / 1e6).toFixed(2)} s CPU: ` +
      `${(round.bytesScanned / 1e6 / seconds).toFixed(0)} MB/s, ${rate(round.recordsRead)} records/s, ` +
      `${round.recordsKept} of ${round.recordsRead} kept, longest slice ${longestMs.toFixed(1)} ms, ` +
      `${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`,
  );
}
await engine.close();
rmSync(directory, { recursive: true, force: true });
