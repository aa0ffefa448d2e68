/**
 * How long an engine with many partitions takes to open after a kill, and after a clean stop, and what it weighs.
 *
 *     node -C source packages/log/bench/reopen.ts [directory] [partitions]
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { NodeFileSystem, SystemClock, SystemRandom } from "@ottla/platform";
import { LocalLogEngine } from "../src/local-engine.ts";
import { appendRequest, config, makeBatch, topicId } from "../src/test-support.ts";

const directory = process.argv[2] ?? "bench-data";
const partitions = Number(process.argv[3] ?? 10_000);
const role = process.argv[4] ?? "parent";
const id = topicId(1);

const started = performance.now();
if (role === "parent") {
  rmSync(directory, { recursive: true, force: true });
  for (const child of ["fill", "kill", "clean", "open"]) {
    const args = ["-C", "source", import.meta.filename, directory, String(partitions), child];
    const result = spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (result.status !== 0 && result.signal !== "SIGKILL") process.exit(1);
  }
  rmSync(directory, { recursive: true, force: true });
} else {
  const engine = await LocalLogEngine.open({
    fileSystem: new NodeFileSystem(),
    directory,
    clock: new SystemClock(),
    random: new SystemRandom(),
  });
  engine.openTopic({ topicId: id, name: "bench", partitions, config });
  const opened = performance.now();
  await engine.append(appendRequest([{ topicId: id, partition: 0, records: makeBatch() }]));
  console.log(
    `${role}: open ${(opened - started).toFixed(0)} ms, first append ${(performance.now() - opened).toFixed(1)} ms, ` +
      `epoch ${engine.leaderEpoch}, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  if (role === "fill") {
    for (let p = 0; p < partitions; p++) {
      await engine.append(appendRequest([{ topicId: id, partition: p, records: makeBatch() }]));
    }
    await engine.close();
  } else {
    for (let p = 0; p < partitions; p++) {
      await engine.append(appendRequest([{ topicId: id, partition: p, records: makeBatch() }]));
    }
    console.log(`  appended to all: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
    if (role === "kill") process.kill(process.pid, "SIGKILL");
    const closing = performance.now();
    await engine.close();
    console.log(`  close ${(performance.now() - closing).toFixed(0)} ms`);
  }
}
