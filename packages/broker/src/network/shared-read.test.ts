import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { BufferPool, SystemClock } from "@ottla/platform";
import { Admission } from "./admission.ts";
import type { Connection } from "./connection.ts";
import { Listener, type ListenerOptions } from "./listener.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { withSharedRead } from "./shared-read.ts";

test("a server whose sockets were moved counts them down, and is closed when the last is", async (t) => {
  const moved = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const socket = withSharedRead(accepted, 65_536, () => {});
    assert.notEqual(socket, accepted, "this version of Node has other insides");
    moved.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => moved.delete(socket));
  });
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  for (let round = 0; round < 5; round++) {
    const clients = await Promise.all(Array.from({ length: 20 }, () => client(port)));
    for (const [index, socket] of clients.entries()) {
      socket.write("some bytes");
      if (index % 3 === 0) socket.resetAndDestroy();
      else if (index % 3 === 1) socket.end();
      else socket.destroy();
    }
    while (moved.size > 0 || (await connectionsOf(server)) > 0) await turn();
  }
  const last = await client(port);
  while ((await connectionsOf(server)) === 0) await turn();
  let isClosed = false;
  const closed = once(server, "close").then(() => {
    isClosed = true;
  });
  server.close();
  await turn();
  assert.equal(isClosed, false);
  last.destroy();
  await closed;
});

test("a moved socket knows its peer, and each chunk is that of its own peer", async () => {
  const seen = new Map<string, string[]>();
  const { listener } = await open({
    serve: (connection, frame) => {
      assert.equal(connection.clientHost, "/127.0.0.1");
      const text = frame.toString("latin1", 2);
      const key = text[0]!;
      seen.set(key, [...(seen.get(key) ?? []), text]);
      assert.equal(text, key.repeat(text.length), "bytes of somebody else");
      return [Buffer.from(key)];
    },
  });
  const clients = await Promise.all(Array.from({ length: 8 }, () => client(listener.port)));
  await Promise.all(
    clients.map(async (socket, index) => {
      const letter = String.fromCharCode(97 + index);
      let answered = 0;
      socket.on("data", (chunk: Buffer) => {
        assert.equal(chunk.toString(), letter.repeat(chunk.length));
        answered += chunk.length;
      });
      for (let size = 1; size <= 40; size++) {
        const frame = Buffer.alloc(6 + size * 777, letter);
        frame.writeInt32BE(frame.length - 4);
        frame.writeInt16BE(0, 4);
        socket.write(frame);
      }
      while (answered < 40) await once(socket, "data");
    }),
  );
  assert.equal(seen.size, 8);
  for (const socket of clients) socket.destroy();
  await listener.drain(1_000);
});

test("an idle moved socket is closed, and a limit of connections is one of those that are open", async () => {
  const { listener } = await open({ maxIdleMs: 40, maxConnections: 2 });
  const sockets = await Promise.all([1, 2, 3].map(() => client(listener.port)));
  const closings = sockets.map((socket) => (socket.closed ? null : once(socket, "close")));
  assert.ok(listener.connectionCount <= 2);
  await Promise.all(closings);
  while (listener.connectionCount > 0) await turn();
  const fourth = await client(listener.port);
  if (!fourth.closed) await once(fourth, "close");
  await listener.drain(1_000);
});

interface Wanted extends Partial<ListenerOptions> {
  maxConnections?: number;
  serve?: (connection: Connection, frame: Buffer) => Buffer[];
}

async function open(wanted: Wanted) {
  const { serve = () => [Buffer.from("x")], maxConnections, ...rest } = wanted;
  const clock = new SystemClock();
  const limits = {
    maxConnections: maxConnections ?? Number.POSITIVE_INFINITY,
    connectionsPerSecond: Number.POSITIVE_INFINITY,
    maxFrom: () => Number.POSITIVE_INFINITY,
  };
  const options: ListenerOptions = {
    name: "PLAINTEXT",
    host: "127.0.0.1",
    port: 0,
    limits: {
      maxFrameBytes: 1_000_000,
      budget: new MemoryBudget(10_000_000),
      pool: new BufferPool(1_000_000),
    },
    maxIdleMs: -1,
    admission: new Admission(limits, { windowMs: 1000, windows: 11 }, clock),
    admissionLimits: limits,
    isBetweenBrokers: false,
    clock,
    server: { serve, mayOverlap: () => false, isLent: () => true },
    probe: { connectionOpened: () => {}, connectionClosed: () => {} },
    ...rest,
  };
  const listener = new Listener(options);
  await listener.listen();
  listener.open();
  return { listener };
}

async function client(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.resume();
  return socket;
}

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));

const turn = () => new Promise((resolve) => setImmediate(resolve));
