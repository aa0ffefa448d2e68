/** The package as users install it: packed, installed without a network beside nothing else, its types compiled, its code run. */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type BrokerServer,
  buildPackages,
  nodeOfVersion,
  packPackages,
  run,
  runOrThrow,
  startBrokerProcess,
  type Tarball,
} from "@ottla/testing";

const source = join(import.meta.dirname, "..");
const modules = join(source, "../../node_modules");
const manifest = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as {
  readonly engines: { readonly node: string };
};
/** The client and all that it depends on: npm would ask its registry for anything that is missing here. */
const names = ["@ottla/platform", "@ottla/protocol", "@ottla/security", "@ottla/client"];

/** Plain JavaScript without `await using`, which the lowest Node does not know. */
const program = `
import { Client, orThrow } from "@ottla/client";

const [bootstrapServers, topic] = process.argv.slice(2);
const client = new Client({ bootstrapServers });
orThrow(await client.admin.createTopics([{ name: topic, partitions: 1 }]));

const producer = client.producer({ compression: "zstd" });
await producer.sendMany(["first", "second", "third"].map((value) => ({ topic, value })));
await producer.close();

const consumer = client.consumer({ groupId: topic, autoOffsetReset: "earliest" });
consumer.subscribe([topic]);
const values = [];
while (values.length < 3) {
  for (const batch of await consumer.poll()) {
    for (const record of batch) values.push(record.valueText());
  }
}
await consumer.close();
await client.close();
console.log(JSON.stringify({ values, resolved: import.meta.resolve("@ottla/client") }));
`;

describe("the published client", () => {
  let project: string;
  let tarballs: Tarball[];
  let broker: BrokerServer;

  before(async () => {
    project = await mkdtemp(join(tmpdir(), "ottla-published-"));
    await buildPackages();
    tarballs = await packPackages(names, project);
    await writeFile(
      join(project, "package.json"),
      JSON.stringify({ private: true, type: "module" }),
    );
    const files = tarballs.map(({ file }) => file);
    const cache = join(project, "empty-cache");
    await runOrThrow("npm", ["install", "--offline", "--cache", cache, "--no-audit", ...files], {
      cwd: project,
    });
    broker = await startBrokerProcess({
      properties: { "group.initial.rebalance.delay.ms": "0" },
    });
  });

  after(async () => {
    await broker?.[Symbol.asyncDispose]();
    await rm(project, { recursive: true });
  });

  test("has what it needs and nothing else", () => {
    assert.equal(tarballs.length, names.length);
    for (const { contents } of tarballs) {
      const others = contents.filter((path) => !/^dist\/.*\.(js|d\.ts)$/.test(path));
      assert.deepEqual(others.toSorted(), ["LICENSE", "README.md", "package.json"]);
      assert.ok(contents.includes("dist/index.js") && contents.includes("dist/index.d.ts"));
      assert.ok(!contents.some((path) => /\btest/.test(path)));
    }
  });

  test("has types that hold on their own", async () => {
    const directory = join(project, "types");
    await mkdir(directory);
    // What must compile, and what must not.
    const readme = await readFile(join(source, "README.md"), "utf8");
    const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
    assert.ok(examples.length > 0);
    for (const [index, code] of examples.entries()) {
      await writeFile(join(directory, `example-${index}.ts`), code);
    }
    await cp(join(source, "test/types.ts"), join(directory, "types.ts"));
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      module: "nodenext",
      target: "es2024",
      lib: ["esnext"],
      types: ["node"],
      typeRoots: [join(modules, "@types")],
    };
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    const compiler = join(modules, "typescript/bin/tsc");
    const result = await run(process.execPath, [compiler, "-p", directory]);
    assert.equal(result.stdout, "");
    assert.equal(result.code, 0);
  });

  const lowest = /^>=(\d+\.\d+\.\d+)$/.exec(manifest.engines.node)![1]!;
  const runtimes = [
    {
      name: `the Node of this repository (${process.version})`,
      path: async () => process.execPath,
    },
    { name: `the lowest Node it promises (v${lowest})`, path: () => nodeOfVersion(lowest) },
  ];
  for (const [index, { name, path }] of runtimes.entries()) {
    test(`writes and reads on ${name}`, async () => {
      await writeFile(join(project, "program.js"), program);
      const args = [join(project, "program.js"), broker.bootstrap, `published-${index}`];
      const result = await run(await path(), args, { timeoutMs: 60_000 });
      assert.equal(result.stderr, "");
      const { values, resolved } = JSON.parse(result.stdout);
      assert.deepEqual(values, ["first", "second", "third"]);
      assert.ok(resolved.endsWith("/node_modules/@ottla/client/dist/index.js"), resolved);
    });
  }
});
