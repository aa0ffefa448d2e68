/** The first commands of the README do what they say. */
import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import type { BrokerServer } from "@ottla/testing";
import { run, spawnChild, waitFor } from "@ottla/testing";
import { RUN_MAIN, startBroker, temporaryDirectory } from "./ottla.ts";

let broker: BrokerServer;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

before(async () => {
  broker = await startBroker();
  directory = await temporaryDirectory();
  const program = join(directory.path, "ottla");
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" ${RUN_MAIN.join(" ")} "$@"\n`);
  await chmod(program, 0o755);
});

after(async () => {
  await broker[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const environment = () => ({
  PATH: `${directory.path}${delimiter}${process.env.PATH}`,
  OTTLA_BOOTSTRAP_SERVER: broker.bootstrap,
});

async function commands(): Promise<readonly string[]> {
  const readme = await readFile(join(import.meta.dirname, "../README.md"), "utf8");
  const [, block] = /```console\n([\s\S]*?)```/.exec(readme) ?? [];
  assert.ok(block !== undefined);
  return [...block.matchAll(/^\$ (.*?)(?: +#.*)?$/gm)].map(([, line]) => line!);
}

/** Runs what goes on by itself until it has said something, and interrupts it. */
async function runAndInterrupt(line: string): Promise<string> {
  const child = spawnChild("sh", ["-c", `exec ${line}`], { env: environment() });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const hasSpoken = () => (output !== "" || child.exitCode !== null ? true : null);
  await waitFor(hasSpoken, { what: `output of ${line}` });
  child.kill("SIGINT");
  assert.equal(await ended, 0, line);
  return output;
}

test("every command of the first block succeeds, one after the other", async () => {
  const outputs = new Map<string, string>();
  for (const line of await commands()) {
    if (line === "ottla start") {
      const place = `--port 0 --data-dir ${join(directory.path, "data")}`;
      outputs.set(line, await runAndInterrupt(`${line} ${place}`));
    } else if (line.endsWith("--follow")) {
      outputs.set(line, await runAndInterrupt(line));
    } else {
      const { code, stdout, stderr } = await run("sh", ["-c", line], { env: environment() });
      assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
      outputs.set(line, stdout);
    }
  }
  const said = (start: string) =>
    [...outputs].find(([line]) => line.startsWith(start))?.[1] ?? assert.fail(start);
  assert.match(said("ottla start"), /listening on 127\.0\.0\.1:\d+/);
  assert.deepEqual(said("ottla consume orders --show key").trimEnd().split("\n").sort(), [
    "a\tfirst",
    "b\tsecond",
  ]);
  assert.match(said("ottla group describe billing"), /^State: +Empty$/m);
  assert.match(said("ottla group reset billing"), /^orders +\d +/m);
  assert.match(said("ottla config alter"), /^altered topic:orders: retention\.ms=86400000$/m);
});
