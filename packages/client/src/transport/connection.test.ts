import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { SimulatedClock, SystemClock } from "@ottla/platform";
import {
  type Api,
  apiVersions,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  heartbeat,
  metadata,
  saslAuthenticate,
  saslHandshake,
} from "@ottla/protocol";
import { BytePool } from "../byte-pool.ts";
import {
  ConnectionError,
  MalformedResponseError,
  TimeoutError,
  UnsupportedError,
} from "../errors.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { FrameReader } from "./frame-reader.ts";

const options: ConnectionOptions = {
  clock: new SystemClock(),
  clientId: "test",
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 5_000,
  memory: new BytePool(new SimulatedClock()),
  maxResponseBytes: 10_000,
  tls: null,
  sasl: null,
  dial: null,
};

type Received = { apiKey: number; apiVersion: number; correlationId: number; body: Buffer };

/** A peer that answers ApiVersions by itself and leaves every other request to `onRequest`. */
async function withPeer(
  onRequest: (request: Received, socket: Socket) => void,
  run: (port: number) => Promise<void>,
  onVersions?: (request: Received, socket: Socket) => boolean,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader(1 << 20, new BytePool(new SimulatedClock()), (frame) => {
      const apis = new Map<number, Api>(
        [apiVersions, heartbeat, metadata, saslHandshake, saslAuthenticate].map((a) => [a.key, a]),
      );
      const decoded = decodeRequestHeader(frame, (key) => apis.get(key));
      const header = { ...decoded, body: Buffer.from(frame.subarray(decoded.bodyOffset)) };
      if (header.apiKey !== apiVersions.key) onRequest(header, socket);
      else if (onVersions?.(header, socket) !== true) answerVersions(header, socket);
    });
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run((server.address() as { port: number }).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function answerVersions({ apiVersion, correlationId }: Received, socket: Socket): void {
  const apiKeys = [
    { apiKey: 18, minVersion: 0, maxVersion: 4 },
    { apiKey: 12, minVersion: 0, maxVersion: 2 },
    { apiKey: 17, minVersion: 0, maxVersion: 1 },
    { apiKey: 36, minVersion: 0, maxVersion: 2 },
    { apiKey: 3, minVersion: 100, maxVersion: 101 },
  ];
  socket.write(
    Buffer.concat(
      encodeResponse(apiVersions, apiVersion, correlationId, {
        errorCode: 0,
        apiKeys,
        finalizedFeatures: [
          { name: "transaction.version", maxVersionLevel: 2, minVersionLevel: 0 },
        ],
      }),
    ),
  );
}

function answer(
  { apiVersion, correlationId }: Received,
  errorCode = 0,
  throttleTimeMs = 0,
): Buffer {
  return Buffer.concat(
    encodeResponse(heartbeat, apiVersion, correlationId, { errorCode, throttleTimeMs }),
  );
}

const beat = { groupId: "g", generationId: 1, memberId: "m" };

test("pipelined requests are answered in order, in the newest version both sides speak", async () => {
  const held: Received[] = [];
  await withPeer(
    (request, socket) => {
      held.push(request);
      if (held.length < 3) return;
      socket.write(Buffer.concat(held.map((each, i) => answer(each, i))));
    },
    async (port) => {
      const connection = await Connection.open("127.0.0.1", port, options);
      const answers = await Promise.all([1, 2, 3].map(() => connection.request(heartbeat, beat)));
      assert.deepEqual(
        answers.map(({ errorCode }) => errorCode),
        [0, 1, 2],
      );
      assert.deepEqual(
        held.map(({ apiVersion }) => apiVersion),
        [2, 2, 2],
      );
      assert.equal(connection.versions.features.get("transaction.version"), 2);
      await assert.rejects(connection.request(metadata, { topics: null }), UnsupportedError);
      await connection.close();
      await assert.rejects(connection.request(heartbeat, beat), ConnectionError);
    },
  );
});

test("KIP-511: a broker that does not know the ApiVersions version is asked again in one it names", async () => {
  const asked: number[] = [];
  await withPeer(
    () => {},
    async (port) => {
      const connection = await Connection.open("127.0.0.1", port, options);
      assert.deepEqual(asked, [4, 2]);
      assert.equal(connection.versions.find(heartbeat), 2);
      await connection.close();
    },
    (request, socket) => {
      asked.push(request.apiVersion);
      if (request.apiVersion <= 2) return false;
      const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 2 }];
      const body = { errorCode: 35, apiKeys };
      socket.write(Buffer.concat(encodeResponse(apiVersions, 0, request.correlationId, body)));
      return true;
    },
  );
});

test("a request without an answer in time fails with a timeout, what is behind it with the connection", async () => {
  await withPeer(
    () => {},
    async (port) => {
      const connection = await Connection.open("127.0.0.1", port, options);
      const first = connection.request(heartbeat, beat, { timeoutMs: 20 });
      const second = connection.request(heartbeat, beat);
      await assert.rejects(first, TimeoutError);
      await assert.rejects(second, ConnectionError);
      assert.equal(connection.isOpen, false);
    },
  );
});

test("a lost connection fails what is in flight, and a broken stream closes it", async () => {
  let onRequest = (_: Received, socket: Socket): unknown => socket.destroy();
  await withPeer(
    (request, socket) => onRequest(request, socket),
    async (port) => {
      const lost = await Connection.open("127.0.0.1", port, options);
      await assert.rejects(lost.request(heartbeat, beat), ConnectionError);
      onRequest = (request, socket) =>
        socket.write(answer({ ...request, correlationId: request.correlationId + 1 }));
      const confused = await Connection.open("127.0.0.1", port, options);
      await assert.rejects(confused.request(heartbeat, beat), MalformedResponseError);
      assert.equal(confused.isOpen, false);
      onRequest = (_, socket) => socket.write(Buffer.from("7fffffff", "hex"));
      const flooded = await Connection.open("127.0.0.1", port, options);
      await assert.rejects(flooded.request(heartbeat, beat), ConnectionError);
    },
  );
});

test("an aborted request stops waiting and leaves the connection to the others", async () => {
  const held: Received[] = [];
  await withPeer(
    (request, socket) => {
      held.push(request);
      if (held.length === 2) socket.write(Buffer.concat(held.map((each) => answer(each, 7))));
    },
    async (port) => {
      const connection = await Connection.open("127.0.0.1", port, options);
      const controller = new AbortController();
      const first = connection.request(heartbeat, beat, { signal: controller.signal });
      controller.abort(new Error("no longer wanted"));
      await assert.rejects(first, /no longer wanted/);
      assert.equal((await connection.request(heartbeat, beat)).errorCode, 7);
      await connection.close();
    },
  );
});

test("KIP-219: while the broker throttles, requests wait on this side", async () => {
  const clock = new SystemClock();
  const sentAt: number[] = [];
  await withPeer(
    (request, socket) => {
      sentAt.push(clock.monotonic());
      socket.write(answer(request, 0, sentAt.length === 1 ? 40 : 0));
    },
    async (port) => {
      const connection = await Connection.open("127.0.0.1", port, options);
      await connection.request(heartbeat, beat);
      await Promise.all([connection.request(heartbeat, beat), connection.request(heartbeat, beat)]);
      assert.ok(sentAt[1]! - sentAt[0]! >= 35, `${sentAt}`);
      assert.ok(sentAt[2]! >= sentAt[1]!);
      await connection.close();
    },
  );
});

test("nobody there fails with the address in the error", async () => {
  await assert.rejects(Connection.open("127.0.0.1", 1, options), (error: unknown) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.port, 1);
    return true;
  });
});

test("a SASL mechanism's conversation is carried before anything else, and a refusal is told", async () => {
  const heard: string[] = [];
  let refusal = 0;
  await withPeer(
    ({ apiKey, apiVersion, correlationId, body }, socket) => {
      if (apiKey === saslHandshake.key) {
        const response = { errorCode: refusal, mechanisms: ["OTHER"] };
        socket.write(
          Buffer.concat(encodeResponse(saslHandshake, apiVersion, correlationId, response)),
        );
        return;
      }
      const { authBytes } = decodeRequest(saslAuthenticate, apiVersion, body, 0);
      heard.push(String(authBytes));
      const isWrong = String(authBytes) === "wrong";
      const response = {
        errorCode: isWrong ? 58 : 0,
        errorMessage: isWrong ? "no such user" : null,
        authBytes: Buffer.from(`challenge ${heard.length}`),
      };
      socket.write(
        Buffer.concat(encodeResponse(saslAuthenticate, apiVersion, correlationId, response)),
      );
    },
    async (port) => {
      const mechanism = (first: string) => ({
        name: "TEST",
        start: () => ({
          first: () => Buffer.from(first),
          next: (challenge: Buffer) =>
            String(challenge) === "challenge 1" ? Buffer.from("second") : null,
        }),
      });
      const open = (first: string) =>
        Connection.open("127.0.0.1", port, { ...options, sasl: mechanism(first) });
      await (await open("first")).close();
      assert.deepEqual(heard, ["first", "second"]);
      await assert.rejects(open("wrong"), /SASL_AUTHENTICATION_FAILED: no such user/);
      refusal = 33;
      await assert.rejects(open("first"), /the broker offers OTHER, not SASL TEST/);
    },
  );
});

test("KIP-368: a session that ends is renewed first, and requests wait meanwhile or fail with the connection", async () => {
  const heard: number[] = [];
  const waiting: Promise<{ errorCode: number }>[] = [];
  const connected = Promise.withResolvers<Connection>();
  const isFailed = Promise.withResolvers<void>();
  let sessions = 0;
  await withPeer(
    async (request, socket) => {
      const { apiKey, apiVersion, correlationId } = request;
      heard.push(apiKey);
      if (apiKey === heartbeat.key) {
        socket.write(answer(request, 7));
        return;
      }
      if (apiKey === saslHandshake.key) {
        sessions++;
        // In the middle of a renewal: nothing but its own requests may come now.
        if (sessions > 1) waiting.push((await connected.promise).request(heartbeat, beat));
        if (sessions === 3) isFailed.resolve();
        const response = { errorCode: sessions === 3 ? 33 : 0, mechanisms: [] };
        socket.write(
          Buffer.concat(encodeResponse(saslHandshake, apiVersion, correlationId, response)),
        );
        return;
      }
      const response = {
        errorCode: 0,
        errorMessage: null,
        authBytes: Buffer.alloc(0),
        sessionLifetimeMs: 30,
      };
      socket.write(
        Buffer.concat(encodeResponse(saslAuthenticate, apiVersion, correlationId, response)),
      );
    },
    async (port) => {
      const sasl = {
        name: "TEST",
        start: () => ({ first: () => Buffer.from("token"), next: () => null }),
      };
      const connection = await Connection.open("127.0.0.1", port, { ...options, sasl });
      connected.resolve(connection);
      // Keeps the process alive: the timers of a connection do not.
      const alive = setInterval(() => {}, 1_000);
      await isFailed.promise;
      await connection.closed;
      clearInterval(alive);
      assert.equal((await waiting[0]!).errorCode, 7);
      await assert.rejects(waiting[1]!, ConnectionError);
      assert.deepEqual(heard, [17, 36, 17, 36, 12, 17]);
    },
  );
});
