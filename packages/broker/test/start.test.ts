import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { type BrokerOptions, ForeignDirectory, startBroker } from "@ottla/broker";
import { MemoryFileSystem } from "@ottla/platform";

const DIRECTORY = "/data";
const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

for (const [key, first, second] of [
  ["node.id", "1", "2"],
  ["cluster.id", "AAAAAAAAAAAAAAAAAAAAbQ", "AAAAAAAAAAAAAAAAAAAAcQ"],
] as const) {
  test(`a directory of another ${key} is refused and left as it is`, async () => {
    const fileSystem = new MemoryFileSystem();
    const start = (value: string) => startOn(fileSystem, { layers: [new Map([[key, value]])] });
    await (await start(first)).close();
    await assert.rejects(start(second), (error) => {
      assert.ok(error instanceof ForeignDirectory);
      assert.equal(error.message, `/data belongs to ${key} ${first}; configured is ${second}`);
      return true;
    });
    await (await start(first)).close();
  });
}

test("a start on Apache Kafka's directory is refused, and leaves nothing there that Kafka would not start with", async () => {
  const fileSystem = new MemoryFileSystem();
  const write = (path: string, text: string) =>
    fileSystem.writeFileAtomic(`${DIRECTORY}/${path}`, Buffer.from(text));
  await fileSystem.makeDirectory(`${DIRECTORY}/orders-0`);
  await write("meta.properties", "version=1\ncluster.id=5L6g3nShT-eMCtK--X86sw\nnode.id=1\n");
  await write("orders-0/partition.metadata", "version: 0\ntopic_id: 5L6g3nShT-eMCtK--X86sg\n");
  await assert.rejects(startOn(fileSystem), /checkpoint is missing/);
  const entries = await fileSystem.list(DIRECTORY);
  const folders = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assert.deepEqual(folders, ["orders-0"]);
});

for (const host of ["::1", "127.0.0.1", "localhost"]) {
  const isMissing = host === "::1" && !hasIPv6;
  test(`bootstrap of a broker on ${host} is an address at which it listens`, {
    skip: isMissing && "this machine has no IPv6",
  }, async () => {
    await using broker = await startBroker({ host, port: 0, storage: "memory" });
    const { hostname, port } = new URL(`kafka://${broker.bootstrap}`);
    const socket = connect(Number(port), hostname.replace(/^\[(.*)\]$/, "$1"));
    await once(socket, "connect");
    socket.destroy();
  });
}

test("a broker on all addresses says where it sends clients, unless it was told", async () => {
  const warnings: string[] = [];
  const start = (properties: Readonly<Record<string, string>>) =>
    startBroker({
      storage: "memory",
      layers: [new Map(Object.entries({ listeners: "PLAINTEXT://0.0.0.0:0", ...properties }))],
      report: (line) => warnings.push(line),
    });
  await (await start({ "advertised.listeners": "PLAINTEXT://example.test:9092" })).close();
  assert.deepEqual(warnings, []);
  await (await start({})).close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /all addresses and sends clients to 127\.0\.0\.1/);
});

function startOn(fileSystem: MemoryFileSystem, options: BrokerOptions = {}) {
  return startBroker({ fileSystem, dataDirectory: DIRECTORY, ...options });
}
