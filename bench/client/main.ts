/** The process of a library under comparison: one job in by message, one result out. */
import { contestants } from "./contestants/index.ts";
import type { ClientJob, ClientResult, LibraryName } from "./job.ts";
import { Tally } from "./tally.ts";
import { valuePool } from "./values.ts";

export interface LibraryJob extends ClientJob {
  readonly library: LibraryName;
}

export type LibraryAnswer = { readonly result: ClientResult } | { readonly error: string };

process.once("message", (job: LibraryJob) => {
  run(job).then(
    (result) => answer({ result }),
    (error) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : error }),
  );
});

async function run(job: LibraryJob): Promise<ClientResult> {
  const contestant = await contestants[job.library]();
  if (job.kind === "consume") {
    const tally = new Tally(job);
    await contestant.consume(job, tally);
    return { seconds: tally.seconds(), ...costs() };
  }
  const values = valuePool(job.valueBytes);
  const start = performance.now();
  await contestant.produce(job, values);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, ...costs() };
}

function costs(): Pick<ClientResult, "cpuSeconds" | "peakBytes"> {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function answer(message: LibraryAnswer): void {
  process.send?.(message, () => process.exit(0));
}
