/**
 * kcat, a C program that does little more than call librdkafka. Timed from its start to its end, as it reports nothing by itself; GNU time
 * says what it used.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runOrThrow } from "@ottla/testing";
import { batchBytes, type ClientJob, type ClientResult, lingerMs } from "./job.ts";

/** More than a batch of any size holds, so that bytes alone decide. */
const batchRecords = 1_000_000;

export interface KcatPlace {
  /** Of the values file, for producing. */
  readonly valuesFile: string;
  /** For what GNU time writes. */
  readonly directory: string;
}

export async function runKcat(job: ClientJob, place: KcatPlace): Promise<ClientResult> {
  const args = job.kind === "produce" ? produceArguments(job, place) : consumeArguments(job);
  const usageFile = join(place.directory, "kcat-usage.txt");
  const start = performance.now();
  // Through the shell, because a pipe to this process would cost more than kcat does.
  await runOrThrow("sh", [
    ...["-c", 'exec time -f "%U %S %M" -o "$0" "$@" > /dev/null'],
    ...[usageFile, "kcat", "-b", job.bootstrap, "-t", job.topic, ...args],
  ]);
  const seconds = (performance.now() - start) / 1000;
  const usage = (await readFile(usageFile, "utf8")).trim().split(" ").map(Number);
  const [user, system, peakKilobytes] = usage as [number, number, number];
  return {
    seconds,
    cpuSeconds: user + system,
    peakBytes: peakKilobytes * 1024,
  };
}

function produceArguments({ compression }: ClientJob, { valuesFile }: KcatPlace): string[] {
  return [
    ...["-P", "-l", valuesFile, "-z", compression, "-X", "acks=-1"],
    ...["-X", `batch.size=${batchBytes}`, "-X", `linger.ms=${lingerMs}`],
    ...["-X", `batch.num.messages=${batchRecords}`],
  ];
}

/** Ends by itself only after as many records as there are: with fewer it would wait for more. */
function consumeArguments({ records }: ClientJob): string[] {
  return ["-C", "-o", "beginning", "-c", String(records), "-q"];
}

/** As in `kcat 1.7.1, librdkafka 2.0.2`. */
export async function kcatVersion(): Promise<string> {
  const { stdout } = await runOrThrow("kcat", ["-V"]);
  const [, kcat] = /^Version (\S+)/m.exec(stdout) ?? [];
  const [, librdkafka] = /librdkafka (\S+)/.exec(stdout) ?? [];
  return `kcat ${kcat}, librdkafka ${librdkafka}`;
}
