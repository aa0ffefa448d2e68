/** Runs the command line as users do: a process of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrokerServer,
  type Child,
  type ProcessResult,
  run,
  spawnChild,
  startBrokerProcess,
  startReferenceKafka,
  waitFor,
} from "@ottla/testing";

const MAIN = join(import.meta.dirname, "../src/main.ts");
/** Arguments of the runtime that make it run the command line from its sources. */
export const RUN_MAIN = ["-C", "source", MAIN];

export interface OttlaOptions {
  readonly input?: string | Uint8Array;
  readonly bootstrap?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function environment({ bootstrap, env }: OttlaOptions): Readonly<Record<string, string>> {
  return { ...(bootstrap === undefined ? {} : { OTTLA_BOOTSTRAP_SERVER: bootstrap }), ...env };
}

export async function ottla(
  args: readonly string[],
  options: OttlaOptions = {},
): Promise<ProcessResult> {
  return await run(process.execPath, [...RUN_MAIN, ...args], {
    input: options.input ?? "",
    env: environment(options),
    timeoutMs: 60_000,
  });
}

export interface OttlaProcess {
  readonly child: Child;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves once standard output matches. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
  /** The exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
}

/** A command that goes on until it is told to stop. */
export function startOttla(args: readonly string[], options: OttlaOptions = {}): OttlaProcess {
  return startNode([...RUN_MAIN, ...args], environment(options));
}

export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): OttlaProcess {
  return startProgram(process.execPath, args, env);
}

/** The same with a standard stream somewhere else, such as `2>/dev/full`. */
export function startRedirected(redirection: string, args: readonly string[]): OttlaProcess {
  const line = ["-c", `exec "$@" ${redirection}`, "sh", process.execPath, ...RUN_MAIN, ...args];
  return startProgram("sh", line, {});
}

function startProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OttlaProcess {
  const child = spawnChild(program, args, { env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString("utf8");
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    seen: (pattern) =>
      waitFor(() => pattern.exec(out), { what: `output like ${pattern}; errors: ${err}` }),
    ended,
  };
}

/** Ours, or with `OTTLA_TEST_BROKER=kafka` Apache Kafka, which proves the tests themselves. */
export async function startBroker(): Promise<BrokerServer> {
  const properties = { "group.initial.rebalance.delay.ms": "0" };
  return process.env.OTTLA_TEST_BROKER === "kafka"
    ? await startReferenceKafka({
        heap: "512M",
        properties: { ...properties, "broker.session.timeout.ms": "60000" },
      })
    : await startBrokerProcess({ properties });
}

/** A folder that is gone when the test ends. */
export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "ottla-cli-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
