import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import {
  BatchBuilder,
  baseOffset,
  createTopics,
  type ErrorName,
  errorCode,
  errorName,
  fetch,
  listOffsets,
  produce,
  TRANSACTIONAL_BIT,
} from "@ottla/protocol";
import { CloseConnection } from "../handler.ts";
import { TestBroker, type TestBrokerOptions } from "../test-broker.ts";

test("of a partition produced to twice in a request the last batch counts, and is answered once", async () => {
  await using broker = await withTopic();
  const answer = await broker.ask(produce, 9, to([0, batch("lost")], [0, batch("a", "b")]));
  const [topic] = answer.responses;
  assert.equal(topic!.partitionResponses.length, 1);
  const next = await broker.ask(produce, 9, to([0, batch("c")]));
  assert.equal(next.responses[0]!.partitionResponses[0]!.baseOffset, 2);
});

test("a transactional batch fails every partition of its request and nothing is appended", async () => {
  await using broker = await withTopic();
  const transactional = batch("a");
  transactional.writeInt16BE(TRANSACTIONAL_BIT, 21);
  const request = to([0, batch("b")], [1, transactional]);
  assert.deepEqual(await errors(broker, request), [
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  ]);
  const next = await broker.ask(produce, 9, to([0, batch("c")]));
  assert.equal(next.responses[0]!.partitionResponses[0]!.baseOffset, 0);
});

test("LG2: bytes that cannot be a batch fail the request in words, a bad checksum its partition without", async () => {
  await using broker = await withTopic();
  const impossible = batch("a");
  impossible[16] = 3;
  const all = await broker.ask(produce, 9, to([0, batch("b")], [1, impossible]));
  for (const partition of all.responses[0]!.partitionResponses) {
    assert.equal(errorName(partition.errorCode), "CORRUPT_MESSAGE");
    assert.equal(partition.logStartOffset, -1);
    assert.notEqual(partition.errorMessage, null);
  }
  const corrupt = batch("a");
  corrupt[17]! ^= 1;
  const one = await broker.ask(produce, 9, to([0, batch("b")], [1, corrupt]));
  const [good, bad] = one.responses[0]!.partitionResponses;
  assert.equal(good!.errorCode, 0);
  assert.equal(errorName(bad!.errorCode), "CORRUPT_MESSAGE");
  assert.equal(bad!.errorMessage, null);
});

test("acks other than −1, 0 and 1 are refused, after it is known whether the partition exists", async () => {
  await using broker = await withTopic();
  const request = { ...to([0, batch("a")], [9, batch("b")]), acks: 2 };
  assert.deepEqual(await errors(broker, request), [
    "INVALID_REQUIRED_ACKS",
    "UNKNOWN_TOPIC_OR_PARTITION",
  ]);
});

test("gotcha 9: acks=0 has no answer, and an error with it closes the connection", async () => {
  await using broker = await withTopic();
  const ask = (index: number) => broker.ask(produce, 9, { ...to([index, batch("a")]), acks: 0 });
  await assert.rejects(ask(0), /no response/);
  await assert.rejects(ask(9), CloseConnection);
  const corrupt = batch("a");
  corrupt[17]! ^= 1;
  const refused = { ...to([0, batch("a")], [1, corrupt]), acks: 0 };
  await assert.rejects(broker.ask(produce, 9, refused), CloseConnection);
});

test("each partition is answered in its place, whoever refuses those around it, and metrics are told of those", async (t) => {
  await using broker = await withTopic({ "max.message.bytes": "200" });
  const told = t.mock.method(broker.services.probe, "produceRefused");
  const corrupt = batch("a");
  corrupt[17]! ^= 1;
  const large = batch("x".repeat(200));
  const request = {
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      { name: "none", partitionData: [{ index: 0, records: batch("a") }] },
      ...to([9, batch("a")], [1, corrupt], [0, batch("a", "b")]).topicData,
    ],
  };
  assert.deepEqual(await errors(broker, request), [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "CORRUPT_MESSAGE",
    "NONE",
  ]);
  assert.deepEqual(await errors(broker, to([1, large], [7, large], [0, batch("c")])), [
    "MESSAGE_TOO_LARGE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "NONE",
  ]);
  assert.deepEqual(
    told.mock.calls.map((call) => call.arguments),
    [
      ["t", 1, 0],
      ["t", 1, 0],
      ["t", 1, large.length],
      ["t", 1, 0],
    ],
  );
  const next = await broker.ask(produce, 9, to([1, batch("a")], [0, batch("d")]));
  assert.deepEqual(
    next.responses[0]!.partitionResponses.map(({ index, baseOffset }) => [index, baseOffset]),
    [
      [1, 0],
      [0, 3],
    ],
  );
});

test("gotcha 8: a broker that does not lead a partition names the one that does", async () => {
  await using broker = await withTopic({}, { brokers: 3 });
  const perBroker = await Promise.all(
    [1, 2, 3].map((id) => broker.ask(produce, 10, to([0, batch("a")]), id)),
  );
  const answers = perBroker.map(({ responses }) => responses[0]!.partitionResponses[0]!);
  const leader = answers.findIndex(({ errorCode: code }) => code === 0) + 1;
  assert.notEqual(leader, 0);
  for (const [index, answer] of answers.entries()) {
    if (index + 1 === leader) continue;
    assert.equal(errorName(answer.errorCode), "NOT_LEADER_OR_FOLLOWER");
    assert.equal(answer.currentLeader.leaderId, leader);
    assert.deepEqual(
      perBroker[index]!.nodeEndpoints.map(({ nodeId }) => nodeId),
      [leader],
    );
  }
});

test("a topic that asks for more in-sync replicas than it has takes all of them for enough", async () => {
  await using broker = await withTopic({ "min.insync.replicas": "2" });
  assert.deepEqual(await errors(broker, to([0, batch("a")])), ["NONE"]);
});

test("LG13: a compacted topic whose tombstones stay for ever, as clients write it, is cleaned", async () => {
  await using broker = await withTopic({
    "cleanup.policy": "compact",
    "delete.retention.ms": "9223372036854775807",
    "min.cleanable.dirty.ratio": "0",
    "internal.segment.bytes": "100",
  });
  for (const value of ["1", null, "2", null, "3"]) {
    const builder = new BatchBuilder();
    builder.append(Date.now(), "k", value);
    assert.deepEqual(await errors(broker, to([0, builder.build()])), ["NONE"]);
  }
  await broker.services.engine.maintain();
  const asked = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: "t", partitions: [start(0)] }] };
  const answer = await broker.ask(fetch, 11, asked);
  const { records } = answer.responses[0]!.partitions[0]!;
  assert.equal(baseOffset(Buffer.from(records ?? []), 0), 3, "the second tombstone is the first");
});

test("gotcha 13: partitions that are not there have empty aborted transactions, failed reads none", async () => {
  await using broker = await withTopic();
  const answer = await broker.ask(fetch, 11, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1000,
    topics: [
      { topic: "t", partitions: [start(0), start(9), { ...start(1), partitionMaxBytes: -1 }] },
    ],
  });
  const [read, unknown, failed] = answer.responses[0]!.partitions;
  assert.equal(read!.abortedTransactions, null);
  assert.deepEqual(unknown!.abortedTransactions, []);
  assert.equal(errorName(failed!.errorCode), "UNKNOWN_SERVER_ERROR");
  assert.equal(failed!.abortedTransactions, null);
});

test("LG9: a consumer that lags does not wait for fetch.min.bytes when they are there and do not fit", async () => {
  const clock = new SimulatedClock();
  await using broker = await withTopic({}, { clock });
  const large = batch("x".repeat(700_000));
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await errors(broker, to([0, Buffer.from(large)])), ["NONE"]);
  }
  const sinceMs = clock.monotonic();
  let waitedMs = -1;
  const asked = {
    maxWaitMs: 10_000,
    minBytes: 1_000_000,
    maxBytes: 52_428_800,
    topics: [{ topic: "t", partitions: [{ ...start(0), partitionMaxBytes: 1_048_576 }] }],
  };
  const answering = broker.ask(fetch, 11, asked).then((answer) => {
    waitedMs = clock.monotonic() - sinceMs;
    return answer;
  });
  await clock.advanceAsync(asked.maxWaitMs);
  const { records } = (await answering).responses[0]!.partitions[0]!;
  assert.deepEqual([records!.length, waitedMs], [large.length, 0]);
});

test("LG9: a partition that is not there does not keep a fetch from waiting for the others", async () => {
  const clock = new SimulatedClock();
  await using broker = await withTopic({}, { clock });
  for (const [version, others] of [
    [11, [{ topic: "t", partitions: [start(0), start(9)] }]],
    [
      11,
      [
        { topic: "t", partitions: [start(0)] },
        { topic: "gone", partitions: [start(0)] },
      ],
    ],
  ] as const) {
    const sinceMs = clock.monotonic();
    let waitedMs = -1;
    const asked = { maxWaitMs: 500, minBytes: 1, maxBytes: 1_000_000, topics: [...others] };
    const answering = broker.ask(fetch, version, asked).then((answer) => {
      waitedMs = clock.monotonic() - sinceMs;
      return answer;
    });
    await clock.advanceAsync(asked.maxWaitMs);
    const codes = (await answering).responses.flatMap(({ partitions }) =>
      partitions.map(({ errorCode: code }) => errorName(code)),
    );
    assert.deepEqual(codes, ["NONE", "UNKNOWN_TOPIC_OR_PARTITION"]);
    assert.equal(waitedMs, 500);
  }
});

test("LG9: a fetch does not wait for more bytes than it takes", async () => {
  const clock = new SimulatedClock();
  await using broker = await withTopic({}, { clock });
  assert.deepEqual(await errors(broker, to([0, batch("x".repeat(2_000))])), ["NONE"]);
  const sinceMs = clock.monotonic();
  let waitedMs = -1;
  const asked = {
    maxWaitMs: 500,
    minBytes: 5_000,
    maxBytes: 1_000,
    topics: [{ topic: "t", partitions: [start(0)] }],
  };
  const answering = broker.ask(fetch, 11, asked).then((answer) => {
    waitedMs = clock.monotonic() - sinceMs;
    return answer;
  });
  await clock.advanceAsync(asked.maxWaitMs);
  const { records } = (await answering).responses[0]!.partitions[0]!;
  assert.ok(records!.length > 2_000);
  assert.equal(waitedMs, 0);
});

test("ListOffsets answers a partition named twice once, and fails as a whole for an unknown isolation level", async () => {
  await using broker = await withTopic();
  const twice = { name: "t", partitions: [at(0), at(1), at(0)] };
  const answer = await broker.ask(listOffsets, 7, { replicaId: -1, topics: [twice] });
  assert.deepEqual(
    answer.topics[0]!.partitions.map(({ partitionIndex, errorCode: code }) => [
      partitionIndex,
      errorName(code),
    ]),
    [
      [0, "INVALID_REQUEST"],
      [1, "NONE"],
    ],
  );
  const unknown = await broker.ask(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 9,
    topics: [{ name: "t", partitions: [at(0)] }],
  });
  const code = unknown.topics[0]!.partitions[0]!.errorCode;
  assert.equal(code, errorCode("UNKNOWN_SERVER_ERROR"));
});

/** A broker with the topic `t` of two partitions. */
async function withTopic(
  configs: Readonly<Record<string, string>> = {},
  options: TestBrokerOptions = {},
): Promise<TestBroker> {
  const broker = await TestBroker.start({}, options);
  const answer = await broker.ask(createTopics, 5, {
    timeoutMs: 1000,
    topics: [
      {
        name: "t",
        numPartitions: 2,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
  });
  assert.equal(answer.topics[0]!.errorCode, 0);
  return broker;
}

function to(...partitions: [index: number, records: Buffer][]) {
  return {
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      { name: "t", partitionData: partitions.map(([index, records]) => ({ index, records })) },
    ],
  };
}

async function errors(broker: TestBroker, request: ReturnType<typeof to>): Promise<ErrorName[]> {
  const { responses } = await broker.ask(produce, 9, request);
  return responses.flatMap(({ partitionResponses }) =>
    partitionResponses.map((partition) => errorName(partition.errorCode)),
  );
}

function batch(...values: readonly string[]): Buffer {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(0, null, value);
  return builder.build();
}

function start(partition: number) {
  return { partition, fetchOffset: 0, partitionMaxBytes: 1000 };
}

function at(partitionIndex: number) {
  return { partitionIndex, timestamp: -1 };
}
