import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN_TAGS } from "./codec/runtime.ts";
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  MAX_RESPONSE_BYTES,
} from "./frames.ts";
import { produce } from "./messages/00-produce.ts";
import { fetch } from "./messages/01-fetch.ts";
import { metadata } from "./messages/03-metadata.ts";
import { heartbeat } from "./messages/12-heartbeat.ts";
import { apiVersions } from "./messages/18-api-versions.ts";
import { addPartitionsToTxn } from "./messages/24-add-partitions-to-txn.ts";
import { apiByKey } from "./messages/index.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ZERO_UUID } from "./uuid.ts";

const envelope = { correlationId: 7, clientId: "me" };

function frameOf(buffers: readonly Buffer[]): Buffer {
  const whole = Buffer.concat(buffers);
  assert.equal(whole.readInt32BE(0), whole.length - 4);
  return whole.subarray(4);
}

test("a heartbeat v3 request has the bytes of the protocol guide", () => {
  const buffers = encodeRequest(heartbeat, 3, envelope, {
    groupId: "g",
    generationId: 5,
    memberId: "m",
    groupInstanceId: null,
  });
  assert.equal(buffers.length, 1);
  assert.equal(
    buffers[0]!.toString("hex"),
    "00000018" + "000c0003" + "00000007" + "00026d65" + "000167" + "00000005" + "00016d" + "ffff",
  );
});

test("a flexible request carries tagged sections in header and body, and an old client id", () => {
  const buffers = encodeRequest(heartbeat, 4, envelope, {
    groupId: "g",
    generationId: 5,
    memberId: "m",
    groupInstanceId: "i",
  });
  assert.equal(
    buffers[0]!.toString("hex"),
    "00000018" +
      "000c0004" +
      "00000007" +
      "00026d65" +
      "00" +
      "0267" +
      "00000005" +
      "026d" +
      "0269" +
      "00",
  );
});

test("a request reads back, with defaults for what its version lacks", () => {
  const frame = frameOf(
    encodeRequest(heartbeat, 0, envelope, { groupId: "g", generationId: 1, memberId: "m" }),
  );
  const header = decodeRequestHeader(frame, apiByKey);
  assert.deepEqual(
    { ...header },
    { apiKey: 12, apiVersion: 0, correlationId: 7, clientId: "me", bodyOffset: 12 },
  );
  assert.deepEqual(decodeRequest(heartbeat, 0, frame, header.bodyOffset), {
    groupId: "g",
    generationId: 1,
    memberId: "m",
    groupInstanceId: null,
  });
});

test("large records are sent from where they are, small ones with the rest", () => {
  const large = Buffer.alloc(5000, 1);
  const parts = [Buffer.alloc(3000, 2), Buffer.alloc(3000, 3)];
  const partition = (index: number, records: Buffer | Buffer[] | null) => ({
    partitionIndex: index,
    errorCode: 0,
    highWatermark: 9,
    abortedTransactions: null,
    records,
  });
  const buffers = encodeResponse(fetch, 12, 1, {
    throttleTimeMs: 0,
    responses: [
      {
        topic: "t",
        partitions: [
          partition(0, large),
          partition(1, Buffer.from("small")),
          partition(2, parts),
          partition(3, null),
        ],
      },
    ],
  });
  assert.equal(buffers[1], large);
  assert.equal(buffers[3], parts[0]);
  assert.equal(buffers[4], parts[1]);
  assert.equal(buffers.length, 6);
  const { correlationId, body } = decodeResponse(fetch, 12, frameOf(buffers));
  assert.equal(correlationId, 1);
  const { partitions } = body.responses[0]!;
  assert.deepEqual(partitions[0]!.records, large);
  assert.deepEqual(partitions[1]!.records, Buffer.from("small"));
  assert.deepEqual(partitions[2]!.records, Buffer.concat(parts));
  assert.equal(partitions[3]!.records, null);
  assert.deepEqual(partitions[3]!.currentLeader, { leaderId: -1, leaderEpoch: -1 });
  assert.equal(partitions[3]!.logStartOffset, -1);
});

test("ApiVersions answers with a header v0 and a flexible body", () => {
  const frame = frameOf(
    encodeResponse(apiVersions, 3, 9, {
      errorCode: 0,
      apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
      throttleTimeMs: 0,
      finalizedFeaturesEpoch: 3,
    }),
  );
  assert.equal(
    frame.toString("hex"),
    "00000009" +
      "0000" +
      "02" +
      "0012" +
      "0000" +
      "0004" +
      "00" +
      "00000000" +
      "01" +
      "0108" +
      "0000000000000003",
  );
  assert.equal(decodeResponse(apiVersions, 3, frame).body.finalizedFeaturesEpoch, 3);
});

test("a value the version cannot carry is refused, an ignorable one dropped", () => {
  const body = { groupId: "g", generationId: 1, memberId: "m" };
  assert.throws(
    () => encodeRequest(heartbeat, 2, envelope, { ...body, groupInstanceId: "i" }),
    (error) => error instanceof ProtocolError && error.kind === "unsupportedVersion",
  );
  const response = frameOf(encodeResponse(heartbeat, 0, 1, { throttleTimeMs: 5, errorCode: 0 }));
  assert.equal(response.length, 6);
});

test("an unknown API key and a version without schema are told apart", () => {
  const frame = Buffer.alloc(20);
  frame.writeInt16BE(999, 0);
  assert.throws(() => decodeRequestHeader(frame, apiByKey), { kind: "unknownApi" });
  assert.throws(() => decodeRequest(heartbeat, 99, frame, 10), { kind: "unsupportedVersion" });
});

test("ApiVersions of a future version yields its header without a look at the body", () => {
  const frame = Buffer.from("00120063" + "00000001" + "ffff" + "00" + "deadbeef", "hex");
  const header = decodeRequestHeader(frame, apiByKey);
  assert.equal(header.apiVersion, 99);
  assert.equal(header.clientId, null);
});

test("unknown tagged fields survive a round trip", () => {
  const frame = Buffer.from(
    "0267" + "00000005" + "026d" + "00" + "01" + "63" + "03" + "aabbcc",
    "hex",
  );
  const request = decodeRequest(heartbeat, 4, frame, 0);
  assert.equal(Object.keys(request).length, 4);
  const unknown = (request as Record<symbol, unknown>)[UNKNOWN_TAGS];
  assert.deepEqual(unknown, [{ tag: 0x63, data: Buffer.from("aabbcc", "hex") }]);
  const again = Buffer.concat(encodeRequest(heartbeat, 4, envelope, request));
  assert.deepEqual(again.subarray(-frame.length), frame);
});

test("Kafka's tolerances: trailing bytes, bad UTF-8, lengths below -1, tags twice or out of order", () => {
  const trailing = Buffer.from("0001ff" + "00000005" + "00016d" + "fffe" + "1234", "hex");
  const request = decodeRequest(heartbeat, 3, trailing, 0);
  assert.equal(request.groupId, "\ufffd");
  assert.equal(request.groupInstanceId, null);
  const tags = Buffer.from(
    "0267" + "00000005" + "026d" + "00" + "03" + "630101" + "0a00" + "630102",
    "hex",
  );
  assert.equal(decodeRequest(heartbeat, 4, tags, 0).memberId, "m");
});

test("counts and lengths beyond the frame are refused before anything is allocated", () => {
  const array = Buffer.from("7fffffff" + "00", "hex");
  assert.throws(() => decodeRequest(metadata, 1, array, 0), { kind: "tooLarge" });
  const text = Buffer.from("7fff" + "00", "hex");
  assert.throws(() => decodeRequest(heartbeat, 0, text, 0), { kind: "truncated" });
  const varint = Buffer.from("ffffffffff01", "hex");
  assert.throws(() => decodeRequest(heartbeat, 4, varint, 0), { kind: "malformed" });
});

test("NW: elements of nested arrays are bounded together", () => {
  // Transactional id, producer id, epoch, then topics of 900,000 partitions each.
  const head = Buffer.concat([Buffer.alloc(2 + 8 + 2), Buffer.from("00000005", "hex")]);
  const topic = Buffer.alloc(2 + 4 + 900_000 * 4);
  topic.writeInt32BE(900_000, 2);
  const frame = Buffer.concat([head, topic, topic, topic, topic, topic]);
  assert.throws(() => decodeRequest(addPartitionsToTxn, 0, frame, 0), { kind: "tooLarge" });
});

test("NW: a response is bounded, and what is beyond takes no memory", () => {
  const topic = { errorCode: 0, name: "x".repeat(30_000), partitions: [] };
  const response = (count: number) =>
    encodeResponse(metadata, 9, 1, {
      brokers: [],
      controllerId: 0,
      topics: new Array(count).fill(topic),
    });
  const { arrayBuffers } = process.memoryUsage();
  assert.throws(
    () => response(4_500),
    (cause: unknown) => cause instanceof ProtocolError && cause.kind === "tooLarge",
  );
  assert.ok(process.memoryUsage().arrayBuffers - arrayBuffers < MAX_RESPONSE_BYTES);
  assert.ok(response(4_400)[0]!.length > 0.9 * MAX_RESPONSE_BYTES);
});

test("null where the version does not allow it is refused in both directions", () => {
  const nullId = Buffer.from("ffff" + "00000005" + "00016d", "hex");
  assert.throws(() => decodeRequest(heartbeat, 0, nullId, 0), { kind: "malformed" });
  assert.throws(() => encodeRequest(metadata, 0, envelope, { topics: null }), {
    kind: "malformed",
  });
});

test("64-bit integers clamp at their ends and pass through exactly below 2^53", () => {
  for (const value of [
    0,
    -1,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 63,
    -(2 ** 63),
  ]) {
    const frame = frameOf(
      encodeResponse(apiVersions, 3, 1, {
        errorCode: 0,
        apiKeys: [],
        throttleTimeMs: 0,
        finalizedFeaturesEpoch: value,
      }),
    );
    assert.equal(decodeResponse(apiVersions, 3, frame).body.finalizedFeaturesEpoch, value);
    const wire = BigInt.asIntN(64, frame.readBigInt64BE(frame.length - 8));
    const exact = BigInt(value);
    if (value !== -1) assert.equal(wire, exact === 2n ** 63n ? exact - 1n : exact);
  }
});

test("topic ids replace names from Produce v13 on", () => {
  const id = "AAECAwQFBgcICQoLDA0ODw";
  const frame = frameOf(
    encodeRequest(produce, 13, envelope, {
      acks: -1,
      timeoutMs: 30,
      topicData: [{ topicId: id, partitionData: [{ index: 0, records: Buffer.from("abc") }] }],
    }),
  );
  const { bodyOffset } = decodeRequestHeader(frame, apiByKey);
  const [topic] = decodeRequest(produce, 13, frame, bodyOffset).topicData;
  assert.equal(topic!.topicId, id);
  assert.equal(topic!.name, "");
  const old = frameOf(
    encodeRequest(produce, 12, envelope, {
      acks: -1,
      timeoutMs: 30,
      topicData: [{ name: "t", partitionData: [] }],
    }),
  );
  const oldBody = decodeRequest(produce, 12, old, decodeRequestHeader(old, apiByKey).bodyOffset);
  assert.equal(oldBody.topicData[0]!.topicId, ZERO_UUID);
});
