/** Runs one job in a fresh driver process. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, JobResult } from "./driver/job.ts";
import type { DriverAnswer } from "./driver/main.ts";

const driverFile = fileURLToPath(new URL("./driver/main.ts", import.meta.url));

export function drive(job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const child = fork(driverFile, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the driver ended with ${code} and no result`)));
    child.once("message", (answer: DriverAnswer) => {
      if ("result" in answer) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    child.send(job);
  });
}
