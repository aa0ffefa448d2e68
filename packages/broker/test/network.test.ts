import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryInUse, startBroker } from "@ottla/broker";
import { InvalidConfig } from "@ottla/metadata";
import { MemoryFileSystem } from "@ottla/platform";
import {
  apiVersions,
  errorCode,
  fetch,
  incrementalAlterConfigs,
  metadata,
  produce,
} from "@ottla/protocol";
import { append, batch, create, Peer, produceBody } from "./peer.ts";

const BROKER = 4;
const layer = (entries: Record<string, string>) => [new Map(Object.entries(entries))];

test("NW: a frame that is empty, negative or too large closes its connection and no other", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: layer({ "socket.request.max.bytes": "1000" }),
  });
  await using healthy = await Peer.connect(broker.port);
  for (const size of [0, -1, 1001, 0x7fff_ffff, -0x8000_0000]) {
    await using hostile = await Peer.connect(broker.port);
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(size);
    hostile.send(prefix);
    assert.equal(await hostile.frame(), null, `size ${size}`);
  }
  const answer = await healthy.ask(metadata, 9, { topics: [] });
  assert.equal(answer.brokers.length, 1);
});

test("NW: an unknown API, an unsupported version and a truncated body close the connection", async () => {
  await using broker = await startBroker({ storage: "memory" });
  const header = (key: number, version: number) => {
    const frame = Buffer.alloc(14);
    frame.writeInt32BE(10);
    frame.writeInt16BE(key, 4);
    frame.writeInt16BE(version, 6);
    frame.writeInt16BE(-1, 12);
    return frame;
  };
  for (const frame of [header(999, 0), header(-1, 0), header(3, 99), header(0, 2), header(3, 1)]) {
    await using peer = await Peer.connect(broker.port);
    peer.send(frame);
    assert.equal(await peer.frame(), null);
  }
});

test("gotcha 1: an unknown version of ApiVersions is answered in v0 with nothing but its own range", async () => {
  await using broker = await startBroker({ storage: "memory" });
  for (const version of [-1, 5, 99]) {
    await using peer = await Peer.connect(broker.port);
    const frame = Buffer.alloc(15);
    frame.writeInt32BE(11);
    frame.writeInt16BE(apiVersions.key, 4);
    frame.writeInt16BE(version, 6);
    frame.writeInt32BE(77, 8);
    frame.writeInt16BE(-1, 12);
    peer.send(version < 0 ? frame.fill(10, 3, 4).subarray(0, 14) : frame);
    const answer = await peer.frame();
    assert.ok(answer !== null);
    assert.equal(answer.readInt32BE(0), 77);
    assert.equal(answer.readInt16BE(4), errorCode("UNSUPPORTED_VERSION"));
    assert.equal(answer.readInt32BE(6), 1, "one API");
    assert.deepEqual(
      [answer.readInt16BE(10), answer.readInt16BE(12), answer.readInt16BE(14)],
      [18, 0, 4],
    );
  }
});

test("gotcha 9: acks=0 has no answer, and an error closes the connection", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "t");
  peer.tell(produce, 9, produceBody("t", 0, batch(["quiet"]), 0));
  const answer = await append(peer, "t", batch(["loud"]));
  assert.equal(answer.baseOffset, 1, "the quiet record came first, and had no response of its own");
  peer.tell(produce, 9, produceBody("t", 7, batch(["nowhere"]), 0));
  assert.equal(await peer.frame(), null);
});

test("gotcha 10: responses leave in the order of their requests, also behind a long poll", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await using producer = await Peer.connect(broker.port);
  await create(peer, "t");
  const polled = peer.tell(fetch, 11, fetchBody("t", 0, 60_000));
  const asked = peer.tell(metadata, 9, { topics: [] });
  await append(producer, "t", batch(["wakes"]));
  assert.equal((await peer.frame())?.readInt32BE(0), polled);
  assert.equal((await peer.frame())?.readInt32BE(0), asked);
});

test("NW: pipelined produces keep their order", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await Peer.connect(broker.port);
  await create(peer, "t");
  const ids = Array.from({ length: 200 }, (_, index) =>
    peer.tell(produce, 9, produceBody("t", 0, batch([`${index}`]))),
  );
  for (const id of ids) assert.equal((await peer.frame())?.readInt32BE(0), id);
  const answer = await append(peer, "t", batch(["last"]));
  assert.equal(answer.baseOffset, 200);
});

test("NW: a peer that does not read what it asks for stops being served until it does", async () => {
  await using broker = await startBroker({ storage: "memory", metricsPort: 0 });
  await using slow = await Peer.connect(broker.port);
  await using other = await Peer.connect(broker.port);
  await create(other, "t");
  await append(other, "t", batch(["x".repeat(900_000)]));
  slow.pause();
  const ids = Array.from({ length: 100 }, () => slow.tell(fetch, 11, fetchBody("t", 0, 0)));
  for (let turn = 0; turn < 50; turn++) await other.ask(metadata, 9, { topics: [] });
  const served = await fetchesServed(broker.metricsPort!);
  assert.ok(served > 0 && served < 60, `${served} of 100 answers were made for nobody`);
  slow.resume();
  for (const id of ids) assert.equal((await slow.frame())?.readInt32BE(0), id);
  assert.equal(await fetchesServed(broker.metricsPort!), 100);
});

async function fetchesServed(metricsPort: number): Promise<number> {
  const text = await (await globalThis.fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const line =
    /^kafka_network_requestmetrics_requests_total\{request="Fetch",version="11"\} (\d+)$/m;
  return Number(line.exec(text)?.[1] ?? 0);
}

test("NW: one more connection than max.connections allows is served when another has gone", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: layer({ "max.connections": "2" }),
  });
  await using first = await Peer.connect(broker.port);
  await using second = await Peer.connect(broker.port);
  await second.ask(metadata, 9, { topics: [] });
  await using third = await Peer.connect(broker.port);
  const served = await waitingForPlace(third, first);
  await second[Symbol.asyncDispose]();
  await served.now;
});

test("NW: a listener may have a limit of its own", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: layer({ "listener.name.plaintext.max.connections": "1" }),
  });
  await using only = await Peer.connect(broker.port);
  await only.ask(metadata, 9, { topics: [] });
  await using waiting = await Peer.connect(broker.port);
  const served = await waitingForPlace(waiting, only);
  await alter(only, "listener.name.plaintext.max.connections", "2");
  await served.now;
});

test("NW: an address may have a limit of its own, by name too, and a host that nobody knows stops the start", async () => {
  await using broker = await startBroker({
    storage: "memory",
    layers: layer({
      "max.connections.per.ip": "0",
      "max.connections.per.ip.overrides": "localhost:2,10.0.0.1:5",
    }),
  });
  await using first = await Peer.connect(broker.port);
  await using second = await Peer.connect(broker.port);
  await second.ask(metadata, 9, { topics: [] });
  await refusedConnection(broker.port);
  await first.ask(metadata, 9, { topics: [] });
  // A label too long for any name: no server is asked.
  const layers = layer({ "max.connections.per.ip.overrides": `${"x".repeat(64)}.invalid:2` });
  await assert.rejects(startBroker({ storage: "memory", layers }), InvalidConfig);
});

test("AD5: under a lower max.connections the longest silent are closed, under a higher one those who wait are served", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using silent = await Peer.connect(broker.port);
  await silent.ask(metadata, 9, { topics: [] });
  await using admin = await Peer.connect(broker.port);
  await alter(admin, "max.connections", "1");
  assert.equal(await silent.frame(), null);
  await using waiting = await Peer.connect(broker.port);
  const served = await waitingForPlace(waiting, admin);
  await alter(admin, "max.connections", "2");
  await served.now;
});

test("AD5: a dynamic max.connections holds after a restart too, and until it is taken back", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using broker = await startBroker({ storage: "memory", fileSystem });
    await using first = await Peer.connect(broker.port);
    await alter(first, "max.connections", "1");
    await using second = await Peer.connect(broker.port);
    await waitingForPlace(second, first);
  }
  await using broker = await startBroker({ storage: "memory", fileSystem });
  await using first = await Peer.connect(broker.port);
  await first.ask(metadata, 9, { topics: [] });
  await using second = await Peer.connect(broker.port);
  const served = await waitingForPlace(second, first);
  await alter(first, "max.connections", null);
  await served.now;
});

for (const [name, value] of [
  ["max.connections.per.ip", "2"],
  ["max.connections.per.ip.overrides", "127.0.0.1:2"],
] as const) {
  test(`AD5: a dynamic ${name} holds for the next connection, after a restart too, and until it is taken back`, async () => {
    const fileSystem = new MemoryFileSystem();
    {
      await using broker = await startBroker({ storage: "memory", fileSystem });
      await using first = await Peer.connect(broker.port);
      await using second = await Peer.connect(broker.port);
      await second.ask(metadata, 9, { topics: [] });
      await alter(first, name, value);
      await refusedConnection(broker.port);
    }
    await using broker = await startBroker({ storage: "memory", fileSystem });
    await using first = await Peer.connect(broker.port);
    await using second = await Peer.connect(broker.port);
    await second.ask(metadata, 9, { topics: [] });
    await refusedConnection(broker.port);
    await alter(first, name, null);
    await using third = await Peer.connect(broker.port);
    await third.ask(metadata, 9, { topics: [] });
  });
}

/** Asks for something on a connection that is not served yet, and makes sure of that while another is. */
async function waitingForPlace(waiting: Peer, served: Peer): Promise<{ now: Promise<void> }> {
  let isServed = false;
  const now = waiting.ask(metadata, 9, { topics: [] }).then(() => {
    isServed = true;
  });
  // Who is closed while waiting says so where it is awaited.
  now.catch(() => {});
  for (let round = 0; round < 20; round++) await served.ask(metadata, 9, { topics: [] });
  assert.equal(isServed, false, "served although there is no place");
  return { now };
}

/** Sets or takes back a config of all brokers. */
async function alter(peer: Peer, name: string, value: string | null): Promise<void> {
  const configs = [{ name, configOperation: value === null ? 1 : 0, value }];
  const { responses } = await peer.ask(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: BROKER, resourceName: "", configs }],
    validateOnly: false,
  });
  assert.equal(responses[0]?.errorCode, 0, responses[0]?.errorMessage ?? "");
}

/** Resolves when the broker has closed a new connection. */
async function refusedConnection(port: number): Promise<void> {
  await using peer = await Peer.connect(port);
  await assert.rejects(peer.ask(metadata, 9, { topics: [] }), /the connection was closed/);
}

test("NW: closing answers a waiting fetch, and a second broker on the same directory is refused", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "ottla-broker-test-"));
  try {
    const broker = await startBroker({ dataDirectory });
    await assert.rejects(startBroker({ dataDirectory }), DirectoryInUse);
    await using peer = await Peer.connect(broker.port);
    await create(peer, "t");
    await append(peer, "t", batch(["kept"]));
    peer.tell(fetch, 11, fetchBody("t", 1, 60_000));
    await broker.close();
    await using again = await startBroker({ dataDirectory });
    await using reader = await Peer.connect(again.port);
    const answer = await reader.ask(fetch, 11, fetchBody("t", 0, 0));
    assert.equal(answer.responses[0]?.partitions[0]?.highWatermark, 1);
    assert.equal(again.clusterId, broker.clusterId);
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
});

function fetchBody(topic: string, fetchOffset: number, maxWaitMs: number) {
  return {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 50_000_000,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 10_000_000 }] }],
    forgottenTopicsData: [],
  };
}
