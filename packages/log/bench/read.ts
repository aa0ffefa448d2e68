/**
 * The engine alone, reading: hot (from memory) and cold (from segment files).
 *
 *     node -C source packages/log/bench/read.ts [directory] [seconds per row]
 */
import { rmSync } from "node:fs";
import { NodeFileSystem, SystemClock, SystemRandom } from "@ottla/platform";
import { lastOffset } from "@ottla/protocol";
import { LocalLogEngine } from "../src/local-engine.ts";
import { appendRequest, config, makeBatch, readRequest, topicId } from "../src/test-support.ts";

const directory = process.argv[2] ?? "bench-data";
const seconds = Number(process.argv[3] ?? 2);
const PARTITIONS = 12;
const id = topicId(1);

async function run(
  name: string,
  records: number,
  recordBytes: number,
  totalBytes: number,
  tailBytes: number,
) {
  rmSync(directory, { recursive: true, force: true });
  const engine = await LocalLogEngine.open({
    fileSystem: new NodeFileSystem(),
    directory,
    clock: new SystemClock(),
    random: new SystemRandom(),
    tailBytes,
  });
  engine.openTopic({ topicId: id, name: "bench", partitions: PARTITIONS, config });
  const batch = makeBatch({
    values: Array.from({ length: records }, () => Buffer.alloc(recordBytes, "v")),
  });
  for (let bytes = 0, i = 0; bytes < totalBytes; ) {
    const partitions = Array.from({ length: PARTITIONS * 4 }, () => ({
      topicId: id,
      partition: i++ % PARTITIONS,
      records: Buffer.from(batch),
    }));
    await engine.append(appendRequest(partitions));
    bytes += batch.length * partitions.length;
  }
  const start = performance.now();
  const cpu = process.cpuUsage();
  let bytes = 0;
  let reads = 0;
  let buffers = 0;
  async function consume(partition: number): Promise<void> {
    let offset = 0;
    while (performance.now() < start + seconds * 1000) {
      const [result] = await engine.read(readRequest(id, partition, offset));
      if (result!.error !== null) throw new Error(result!.error);
      bytes += result!.sizeBytes;
      buffers += result!.records.length;
      reads++;
      if (result!.sizeBytes === 0) offset = 0;
      else {
        const last = result!.records[result!.records.length - 1]!;
        let at = 0;
        while (at + batch.length < last.length) at += batch.length;
        offset = lastOffset(last, at) + 1;
      }
    }
  }
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => consume(partition)));
  const used = process.cpuUsage(cpu);
  const elapsed = (performance.now() - start) / 1000;
  console.log(
    `${name}: ${(bytes / 1e6 / elapsed).toFixed(0)} MB/s, ${((used.user + used.system) / 1e6 / (bytes / 1e9)).toFixed(3)} CPU s/GB, ` +
      `${(bytes / reads / 1000).toFixed(0)} KB and ${(buffers / reads).toFixed(1)} buffers a read`,
  );
  await engine.close();
  rmSync(directory, { recursive: true, force: true });
}

await run("hot, 16 × 1 KB", 16, 1000, 40e6, 64e6);
await run("hot, 1 × 100 B", 1, 100, 4e6, 64e6);
await run("cold, 16 × 1 KB", 16, 1000, 300e6, 16e6);
