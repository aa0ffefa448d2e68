/** The README's examples run, in order, against every broker. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "@ottla/testing";
import { type Broker, forEachBroker } from "./broker.ts";

const directory = join(import.meta.dirname, "..");
const text = await readFile(join(directory, "README.md"), "utf8");
const examples = [...text.matchAll(/^## (.+)\n[^#]*?```ts\n([\s\S]*?)```/gm)];

test("there are examples", () => {
  assert.deepEqual(
    examples.map(([, title]) => title),
    ["Administer", "Produce", "Consume", "Share a queue", "Exactly once"],
  );
});

forEachBroker((target) => {
  let broker: Broker;

  before(async () => {
    broker = await target.start();
  });

  after(async () => {
    await broker[Symbol.asyncDispose]();
  });

  for (const [, title, code] of examples) {
    const skip =
      title === "Exactly once"
        ? target.skipTransactions
        : title === "Share a queue" && target.skipNewGroups;
    test(`the example "${title}" runs`, { skip }, async () => {
      const source = code!.replaceAll("localhost:9092", broker.bootstrap);
      const result = await run(
        process.execPath,
        ["-C", "source", "--input-type=module-typescript", "-e", source],
        { cwd: directory, timeoutMs: 60_000 },
      );
      assert.equal(result.code, 0, result.stdout + result.stderr);
      assert.equal(result.stderr, "");
    });
  }
});
