/** Writes the golden anew: only when a change of a format is meant, and then under a new name, beside the old one. */
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { SeededRandom, SimulatedClock, SimulatedFileSystem } from "@ottla/platform";
import { appendOne, makeBatch, openEngine } from "../../src/test-support.ts";
import { contents, id, topic } from "./contents.ts";

const disk = new SimulatedFileSystem({ random: new SeededRandom(1) });
const clock = new SimulatedClock();
const engine = await openEngine({
  fileSystem: disk,
  clock,
  random: new SeededRandom(2),
  checkpointIntervalMs: 100,
  journalBufferBytes: 8192,
  journalFirstFileBytes: 131_072,
});
engine.openTopic(topic);
const sequences = [0, 0];
for (const [i, { partition, value }] of contents().entries()) {
  const sequence = sequences[partition]!++;
  await appendOne(engine, id, partition, makeBatch({ values: [value], producerId: 4, sequence }));
  // One checkpoint half-way: the second half is only in the journal.
  if (i === 20) await clock.advanceAsync(200);
}
const survivor = disk.crash();
const files: Record<string, string> = {};
async function collect(directory: string): Promise<void> {
  for (const entry of await survivor.list(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) await collect(path);
    else files[path] = (await survivor.readFile(path))!.toString("base64");
  }
}
await collect("/data");
const name = process.argv[2] ?? "killed-v1.json.gz";
writeFileSync(new URL(name, import.meta.url), gzipSync(JSON.stringify(files), { level: 9 }));
console.log(`${name}: ${Object.keys(files).join(" ")}`);
