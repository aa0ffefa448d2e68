/**
 * Runs one job of a library in a fresh process, which gets the packages as users install them: what flags this process resolves them to
 * sources with is not passed on, so `@ottla/client` is what was built.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientJob, ClientResult, LibraryName } from "./job.ts";
import type { LibraryAnswer, LibraryJob } from "./main.ts";

const file = fileURLToPath(new URL("./main.ts", import.meta.url));
const timeoutMs = 600_000;

export function runLibrary(library: LibraryName, job: ClientJob): Promise<ClientResult> {
  return new Promise((resolve, reject) => {
    const child = fork(file, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // kafkajs trips over it at every request.
      execArgv: ["--disable-warning=TimeoutNegativeWarning"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`${library} ended with ${code ?? signal} and no result`));
    });
    child.once("message", (answer: LibraryAnswer) => {
      if ("result" in answer) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    const message: LibraryJob = { ...job, library };
    child.send(message);
  });
}
