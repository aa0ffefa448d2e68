import assert from "node:assert/strict";
import { test } from "node:test";
import {
  apiVersions,
  decodeResponse,
  encodeRequest,
  errorCode,
  heartbeat,
  metadata,
} from "@ottla/protocol";
import { Dispatcher } from "./dispatcher.ts";
import { CloseConnection, handler } from "./handler.ts";
import { TestBroker } from "./test-broker.ts";

const SIZE_PREFIX = 4;
const NO_TAGS = 0;

/** A request without client id for an API and version that the codec would refuse to encode; flexible ones begin `body` with their tags. */
function header(apiKey: number, version: number, body = Buffer.alloc(0)): Buffer {
  const frame = Buffer.alloc(10);
  frame.writeInt16BE(apiKey, 0);
  frame.writeInt16BE(version, 2);
  frame.writeInt32BE(77, 4);
  frame.writeInt16BE(-1, 8);
  return Buffer.concat([frame, body]);
}

test("gotcha 1: an unknown version of ApiVersions is answered in v0 with nothing but its own range", async () => {
  await using broker = await TestBroker.start();
  const response = await broker.serve(
    header(apiVersions.key, 99, Buffer.from([NO_TAGS, 0xff, 0xff])),
  );
  const { correlationId, body } = decodeResponse(apiVersions, 0, response!.subarray(SIZE_PREFIX));
  assert.equal(correlationId, 77);
  assert.equal(body.errorCode, errorCode("UNSUPPORTED_VERSION"));
  const { min, max } = apiVersions.versions;
  assert.deepEqual(body.apiKeys, [{ apiKey: 18, minVersion: min, maxVersion: max }]);
});

test("gotcha 5: an unknown API, another unknown version and a body that ends early close the connection", async () => {
  await using broker = await TestBroker.start();
  await assert.rejects(broker.serve(header(9999, 0)));
  await assert.rejects(
    broker.serve(header(metadata.key, 99, Buffer.from([NO_TAGS]))),
    CloseConnection,
  );
  await assert.rejects(broker.serve(header(metadata.key, 1)));
  assert.deepEqual(broker.failed, [], "what a client got wrong is no failure of ours");
});

test("a handler that throws closes the connection and is reported", async () => {
  const cause = new Error("broken");
  for (const handle of [() => Promise.reject(cause), () => assert.fail(cause)]) {
    const served = [handler({ api: heartbeat, handle })];
    await using broker = await TestBroker.start({}, { served });
    const body = { groupId: "g", generationId: 1, memberId: "m" };
    await assert.rejects(broker.ask(heartbeat, 3, body), cause);
    assert.equal(broker.failed[0]?.cause, cause);
    assert.equal(broker.failed[0]?.clientId, "test");
    assert.equal(broker.served.length, 0);
  }
});

test("what was served is counted with the bytes of both directions", async () => {
  await using broker = await TestBroker.start();
  const envelope = { correlationId: 1, clientId: "test" };
  const frame = Buffer.concat(encodeRequest(metadata, 9, envelope, { topics: [] }));
  const request = frame.subarray(SIZE_PREFIX);
  const response = await broker.serve(request);
  const [served] = broker.served;
  assert.equal(served?.apiKey, metadata.key);
  assert.equal(served?.version, 9);
  assert.equal(served?.requestBytes, request.length);
  assert.equal(served?.responseBytes, response!.length);
});

test("an answer that comes later and cannot be encoded is reported once, and nobody waits for it any more", async () => {
  await using broker = await TestBroker.start();
  let waiting = 0;
  let failures = 0;
  const probe = {
    ...broker.services.probe,
    requestsWaiting: (_: number, change: number) => {
      waiting += change;
    },
    requestFailed: () => {
      failures++;
    },
  };
  const answer = { errorCode: "no number" as unknown as number };
  const served = [handler({ api: heartbeat, handle: () => Promise.resolve(answer) })];
  const services = { ...broker.services, probe };
  const [asked] = services.cluster.brokers;
  const dispatcher = new Dispatcher(served, asked!, services, { isStrict: true });
  const body = { groupId: "g", generationId: 1, memberId: "m" };
  const frame = Buffer.concat(
    encodeRequest(heartbeat, 3, { correlationId: 1, clientId: "test" }, body),
  ).subarray(SIZE_PREFIX);
  const { connection } = broker;
  await assert.rejects(async () => await dispatcher.serve(connection, frame, { onWritten: null }));
  assert.deepEqual({ waiting, failures }, { waiting: 0, failures: 1 });
});
