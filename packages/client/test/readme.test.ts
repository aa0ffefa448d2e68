/** The README's examples run, in order, against Apache Kafka. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run, startReferenceKafka } from "@ottla/testing";

const directory = join(import.meta.dirname, "..");
const text = await readFile(join(directory, "README.md"), "utf8");
const examples = [...text.matchAll(/^## (.+)\n[^#]*?```ts\n([\s\S]*?)```/gm)];

let broker: Awaited<ReturnType<typeof startReferenceKafka>>;

before(async () => {
  broker = await startReferenceKafka({ heap: "512M" });
});

after(async () => {
  await broker[Symbol.asyncDispose]();
});

test("there are examples", () => {
  assert.deepEqual(
    examples.map(([, title]) => title),
    ["Administer", "Produce", "Consume", "Exactly once"],
  );
});

for (const [, title, code] of examples) {
  test(`the example "${title}" runs`, async () => {
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
