/** The driver process: one job in by message, one result out. A process of its own, so that nothing else runs on its event loop. */
import { runFetch } from "./fetch.ts";
import type { Job, JobResult } from "./job.ts";
import { runKeyed } from "./keyed.ts";
import { runLatency } from "./latency.ts";
import { runProduce } from "./produce.ts";
import { runTransactions } from "./transactions.ts";

export type DriverAnswer = { readonly result: JobResult } | { readonly error: string };

process.once("message", (job: Job) => {
  run(job).then(
    (result) => answer({ result }),
    (error) => answer({ error: String(error) }),
  );
});

function run(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case "produce":
      return runProduce(job);
    case "fetch":
      return runFetch(job);
    case "latency":
      return runLatency(job);
    case "transactions":
      return runTransactions(job);
    case "fill-keys":
    case "check-keys":
      return runKeyed(job);
  }
}

function answer(message: DriverAnswer): void {
  process.send?.(message, () => process.exit(0));
}
