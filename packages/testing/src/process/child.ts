/**
 * Child processes that never outlive this one: the kernel kills them when this process dies, however it dies (`setpriv --pdeathsig`,
 * part of util-linux); where that program is missing they are killed when this process exits in an orderly way.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface ProcessResult {
  /** The exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const SETPRIV = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path));
const running = new Set<Child>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `command` with its three standard streams as pipes, `env` laid over this process's own environment. */
export function spawnChild(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Child {
  const [program, ...rest] =
    SETPRIV === undefined
      ? [command, ...args]
      : [SETPRIV, "--pdeathsig", "KILL", "--", command, ...args];
  const child = spawn(program!, rest, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  child.stdin.on("error", () => {}); // A program may end without reading all of its input.
  return child;
}

/** Runs a program to its end; `input` is all of its standard input. A failing program is a result, not an exception. */
export async function run(
  command: string,
  args: readonly string[],
  options: ChildOptions & {
    readonly input?: string | Uint8Array;
    readonly timeoutMs?: number;
  } = {},
): Promise<ProcessResult> {
  const child = spawnChild(command, args, options);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => {
    stderr.push(Buffer.from(`\nkilled after ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms\n`));
    child.kill("SIGKILL");
  }, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve(exitCode));
    });
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    clearTimeout(timer);
  }
}

/** Like {@link run}, for what must succeed. @throws {Error} with everything the program said when it did not. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<ProcessResult> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    const said = `${result.stdout}${result.stderr}`.trim();
    throw new Error(`${command} ${args.join(" ")} ended with ${result.code}:\n${said}`);
  }
  return result;
}

/** Asks a process to end, waits, and kills it when it does not end in time. */
export async function endChild(child: Child, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Kills a process without warning (SIGKILL) and waits until it is gone. */
export async function killChild(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}

const DEFAULT_TIMEOUT_MS = 300_000;

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}
