/** Our own broker as users start it: a process of its own, running the command line from its sources. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChild, killChild, spawnChild } from "../process/child.ts";
import { collectOutput } from "../process/output.ts";
import type { BrokerServer, BrokerServerOptions } from "../process/server.ts";
import { Unrecoverable, waitFor } from "../wait.ts";

export interface BrokerProcessOptions extends BrokerServerOptions {
  /** More arguments for `ottla start`. */
  readonly args?: readonly string[];
  /** Flags for the JavaScript runtime, such as `--max-old-space-size=512`. */
  readonly nodeFlags?: readonly string[];
  /** Every response is held against the errors its API may give, unless false: a broker that is measured does not check itself. */
  readonly isStrict?: boolean;
}

const commandLine = join(import.meta.dirname, "../../../cli/src/main.ts");

/** Starts `ottla start` and resolves when it has printed where it listens. */
export async function startBrokerProcess(
  options: BrokerProcessOptions = {},
): Promise<BrokerServer> {
  const temporary = options.dataDirectory === undefined;
  const directory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "ottla-broker-")));
  await mkdir(directory, { recursive: true });
  const env = { OTTLA_STRICT: options.isStrict === false ? "0" : "1" };
  const child = spawnChild(process.execPath, commandLineArguments(options, directory), { env });
  child.stdin.end();
  const output = collectOutput(child);
  let port: number;
  try {
    port = await waitFor(
      () => {
        const announced = /listening on 127\.0\.0\.1:(\d+)/.exec(output());
        if (announced !== null) return Number(announced[1]);
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Unrecoverable(`the broker did not start:\n${output()}`);
        }
        return null;
      },
      { what: "listening broker", everyMs: 5 },
    );
  } catch (error) {
    await killChild(child);
    throw error;
  }
  return {
    name: "Ottla",
    port,
    bootstrap: `127.0.0.1:${port}`,
    pid: child.pid!,
    dataDirectory: directory,
    output,
    stop: () => endChild(child, 30_000),
    kill: () => killChild(child),
    async [Symbol.asyncDispose]() {
      await (temporary ? killChild(child) : endChild(child, 30_000));
      if (temporary) await rm(directory, { recursive: true, force: true });
    },
  };
}

function commandLineArguments(options: BrokerProcessOptions, directory: string): string[] {
  const settings = Object.entries(options.properties ?? {}).flatMap(([key, value]) => [
    "--set",
    `${key}=${value}`,
  ]);
  return [
    ...(options.nodeFlags ?? []),
    "-C",
    "source",
    commandLine,
    "start",
    "--port",
    String(options.port ?? 0),
    "--data-dir",
    directory,
    ...settings,
    ...(options.args ?? []),
  ];
}
