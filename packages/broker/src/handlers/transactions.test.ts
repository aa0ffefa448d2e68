import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem, SimulatedClock } from "@ottla/platform";
import {
  addPartitionsToTxn,
  BatchBuilder,
  deleteTopics,
  type ErrorName,
  errorName,
  findCoordinator,
  incrementalAlterConfigs,
  initProducerId,
  listOffsets,
  metadata,
  produce,
  writeTxnMarkers,
} from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";
import {
  committedOffset,
  createTopic,
  fetchFrom,
  type Generation,
  readValues,
  TestProducer,
  TOPIC,
} from "../test-producer.ts";

const COMMITTED = 1;
const UNCOMMITTED = 0;
const GENERATIONS: readonly Generation[] = ["old", "new"];

for (const generation of GENERATIONS) {
  test(`TX11: an ${generation} producer's transaction holds committed readers back until it ends`, async () => {
    await using broker = await withTopic();
    const producer = await TestProducer.start(broker, "id", generation);
    if (generation === "old") assert.deepEqual(await producer.add(0, 1), ["NONE", "NONE"]);
    assert.equal(await producer.send(0, ["a", "b"]), "NONE");
    assert.equal(await producer.send(1, ["c"]), "NONE");
    assert.deepEqual(await readValues(broker, 0, COMMITTED), []);
    assert.deepEqual(await readValues(broker, 0, UNCOMMITTED), ["a", "b"]);
    assert.equal(await endOffset(broker, COMMITTED), 0);
    assert.equal(await endOffset(broker, UNCOMMITTED), 2);
    assert.equal(await producer.end(true), "NONE");
    assert.deepEqual(await readValues(broker, 0), ["a", "b"]);
    assert.deepEqual(await readValues(broker, 1), ["c"]);
    // TX9: the marker takes an offset.
    assert.equal(await endOffset(broker, COMMITTED), 3);
  });

  test(`TX11: what an ${generation} producer aborted is told to committed readers in the order of offsets`, async () => {
    await using broker = await withTopic();
    const first = await TestProducer.start(broker, "first", generation);
    const second = await TestProducer.start(broker, "second", generation);
    for (const producer of [first, second]) {
      if (generation === "old") await producer.add(0);
      assert.equal(await producer.send(0, ["lost"]), "NONE");
    }
    assert.equal(await second.end(false), "NONE");
    assert.equal(await first.end(false), "NONE");
    const { abortedTransactions } = await fetchFrom(broker, 0, COMMITTED);
    assert.deepEqual(
      abortedTransactions?.map((one) => [one.producerId, one.firstOffset]),
      [
        [first.producerId, 0],
        [second.producerId, 1],
      ],
    );
    assert.deepEqual(await readValues(broker, 0), []);
    assert.equal((await fetchFrom(broker, 0, UNCOMMITTED)).abortedTransactions, null);
  });

  test(`TX13: offsets in the transaction of an ${generation} producer count when it commits`, async () => {
    await using broker = await withTopic();
    const producer = await TestProducer.start(broker, "id", generation);
    for (const [commits, expected] of [
      [false, -1],
      [true, 7],
    ] as const) {
      if (generation === "old") assert.equal(await producer.addOffsets("g"), "NONE");
      assert.equal(await producer.commitOffset("g", 7), "NONE");
      assert.equal(await committedOffset(broker, "g"), "UNSTABLE_OFFSET_COMMIT");
      assert.equal(await committedOffset(broker, "g", false), -1);
      assert.equal(await producer.end(commits), "NONE");
      assert.equal(await committedOffset(broker, "g"), expected);
    }
  });

  test(`TX4, TX11: batches of several epochs fail the request of an ${generation} producer, and hold no reader back`, async () => {
    await using broker = await withTopic();
    const producer = await TestProducer.start(broker, "id", generation);
    if (generation === "old") assert.deepEqual(await producer.add(0, 1), ["NONE", "NONE"]);
    const later = producer.at(broker);
    later.producerEpoch += 5;
    const batches = [producer.batch(["a"], 0), later.batch(["a"], 0)];
    const partitionData = batches.map((records, index) => ({ index, records }));
    const topicData = [{ name: TOPIC, partitionData }];
    const request = { transactionalId: "id", acks: -1, timeoutMs: 1000, topicData };
    const { responses } = await broker.ask(produce, generation === "old" ? 9 : 12, request);
    const codes = responses[0]!.partitionResponses.map(({ errorCode: code }) => errorName(code));
    await producer.end(false);
    // It ends whatever there is to end.
    await TestProducer.start(broker, "id", generation);
    for (const partition of [0, 1]) {
      const end = await endOffset(broker, UNCOMMITTED, partition);
      assert.equal(await endOffset(broker, COMMITTED, partition), end);
    }
    assert.deepEqual(codes, ["INVALID_PRODUCER_ID_MAPPING", "INVALID_PRODUCER_ID_MAPPING"]);
  });
}

test("TX11: a committed fetch waits for the end of the transaction, and is woken by it", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  assert.equal(await producer.send(0, ["a"]), "NONE");
  const waiting = fetchFrom(broker, 0, COMMITTED, 0, 60_000);
  assert.equal(await producer.end(true), "NONE");
  assert.equal((await waiting).lastStableOffset, 2);
});

test("TX2: another producer of the id fences the first and aborts what it had begun", async () => {
  await using broker = await withTopic();
  const first = await TestProducer.start(broker, "id", "old");
  await first.add(0);
  assert.equal(await first.send(0, ["lost"]), "NONE");
  const second = new TestProducer(broker, "id");
  assert.equal(await second.init(), "CONCURRENT_TRANSACTIONS");
  assert.equal(await second.init(), "NONE");
  assert.equal(second.producerId, first.producerId);
  assert.ok(second.producerEpoch > first.producerEpoch);
  // TX4: the coordinator says fenced, a partition that the epoch is old.
  assert.deepEqual(await first.add(0), ["PRODUCER_FENCED"]);
  assert.equal(await first.send(0, ["late"]), "INVALID_PRODUCER_EPOCH");
  assert.equal(await first.end(true), "PRODUCER_FENCED");
  assert.equal(await first.end(true, 1), "INVALID_PRODUCER_EPOCH");
  assert.deepEqual(await readValues(broker, 0), []);
});

test("TX3: a timeout that is too long or none, and an empty id, are refused", async () => {
  await using broker = await withTopic();
  const producer = new TestProducer(broker, "id");
  for (const timeoutMs of [0, -1, 900_001]) {
    assert.equal(await producer.init(timeoutMs), "INVALID_TRANSACTION_TIMEOUT");
  }
  assert.equal(await producer.init(900_000), "NONE");
  assert.equal(await new TestProducer(broker, "").init(), "INVALID_REQUEST");
});

test("TX4: a producer id that is not the transactional id's is told so, everywhere", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  const other = await TestProducer.start(broker, "other", "old");
  producer.producerId = other.producerId;
  const error = "INVALID_PRODUCER_ID_MAPPING";
  assert.deepEqual(await producer.add(0), [error]);
  assert.equal(await producer.addOffsets("g"), error);
  assert.equal(await producer.send(0, ["a"]), error);
  assert.equal(await producer.send(0, ["a"], 12), error);
  assert.equal(await producer.commitOffset("g", 1), error);
  assert.equal(await producer.end(true), error);
});

test("TX5: one bad partition, and none of them is added", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  assert.deepEqual(await producer.add(0, 9), [
    "OPERATION_NOT_ATTEMPTED",
    "UNKNOWN_TOPIC_OR_PARTITION",
  ]);
  assert.equal(await producer.send(0, ["a"]), "INVALID_TXN_STATE");
});

test("TX5: what a request adds to one transaction in several entries is one addition, and each entry is answered", async (t) => {
  await using broker = await withTopic();
  const { transactionalId, producerId, producerEpoch } = await TestProducer.start(
    broker,
    "id",
    "new",
  );
  const added = t.mock.method(broker.services.transactions, "addPartitions");
  const entry = (
    partitions: number[],
    changes: { producerEpoch?: number; verifyOnly?: boolean },
  ) => ({
    transactionalId,
    producerId,
    producerEpoch,
    verifyOnly: false,
    topics: [{ name: TOPIC, partitions }],
    ...changes,
  });
  const ask = async (...transactions: ReturnType<typeof entry>[]) => {
    const answer = await broker.ask(addPartitionsToTxn, 4, { transactions });
    return answer.resultsByTransaction.map(({ topicResults }) =>
      topicResults.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map((one) => [one.partitionIndex, errorName(one.partitionErrorCode)]),
      ),
    );
  };
  const answer = await ask(
    entry([0], {}),
    entry([9], {}),
    entry([1], { producerEpoch: producerEpoch + 1 }),
    entry([1, 0], {}),
  );
  assert.deepEqual(answer, [
    [[0, "NONE"]],
    [[9, "UNKNOWN_TOPIC_OR_PARTITION"]],
    [[1, "PRODUCER_FENCED"]],
    [
      [1, "NONE"],
      [0, "NONE"],
    ],
  ]);
  assert.equal(added.mock.callCount(), 2);
  assert.deepEqual(await ask(entry([0, 1], { verifyOnly: true })), [
    [
      [0, "NONE"],
      [1, "NONE"],
    ],
  ]);
});

test("TX6: before Produce v12 a partition must have been added, and clients are told in their words", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  assert.equal(await producer.send(0, ["a"], 10), "INVALID_TXN_STATE");
  assert.equal(await producer.send(0, ["a"], 11), "TRANSACTION_ABORTABLE");
  assert.equal(await producer.commitOffset("g", 1, 3), "INVALID_TXN_STATE");
  assert.equal(await producer.commitOffset("g", 1, 4), "TRANSACTION_ABORTABLE");
  await producer.add(0);
  assert.equal(await producer.send(0, ["a"], 11), "NONE");
  assert.equal(await producer.send(1, ["a"], 11), "TRANSACTION_ABORTABLE");
  const topics = [{ name: TOPIC, partitions: [0, 1] }];
  const { transactionalId, producerId, producerEpoch } = producer;
  const verifyOnly = { transactionalId, producerId, producerEpoch, verifyOnly: true, topics };
  const answer = await broker.ask(addPartitionsToTxn, 4, { transactions: [verifyOnly] });
  assert.deepEqual(
    answer.resultsByTransaction[0]!.topicResults[0]!.resultsByPartition.map((one) =>
      errorName(one.partitionErrorCode),
    ),
    ["NONE", "TRANSACTION_ABORTABLE"],
  );
});

test("TX6: a partition that is not in the transaction is refused alone, with the words of the version", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  await producer.add(0);
  const records = producer.batch(["a"], 0);
  for (const [version, refusal, words] of [
    [10, "INVALID_TXN_STATE", "Partition was not added to the transaction"],
    [11, "TRANSACTION_ABORTABLE", null],
  ] as const) {
    const answer = await broker.ask(produce, version, {
      transactionalId: "id",
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: TOPIC,
          partitionData: [
            { index: 1, records },
            { index: 9, records },
            { index: 0, records },
          ],
        },
      ],
    });
    assert.deepEqual(
      answer.responses[0]!.partitionResponses.map((one) => [
        one.index,
        errorName(one.errorCode),
        one.baseOffset,
        one.errorMessage,
      ]),
      [
        [1, refusal, -1, words],
        [9, "UNKNOWN_TOPIC_OR_PARTITION", -1, null],
        // The second time it is a repetition.
        [0, "NONE", 0, null],
      ],
    );
  }
});

test("TX6, AD5: a broker that is told not to verify appends all the same", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  assert.equal(await producer.send(0, ["a"]), "INVALID_TXN_STATE");
  const name = "transaction.partition.verification.enable";
  const configs = [{ name, configOperation: 0, value: "false" }];
  const resources = [{ resourceType: 4, resourceName: "", configs }];
  const { responses } = await broker.ask(incrementalAlterConfigs, 1, {
    resources,
    validateOnly: false,
  });
  assert.equal(responses[0]!.errorCode, 0);
  assert.equal(await producer.send(0, ["a"]), "NONE");
  assert.equal(await endOffset(broker, COMMITTED), 0);
});

test("TX7: since Produce v12 partitions add themselves, and each transaction has an epoch of its own", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  const epoch = producer.producerEpoch;
  assert.equal(await producer.send(0, ["a"]), "NONE");
  const late = producer.batch(["late"], 1);
  assert.equal(await producer.end(true), "NONE");
  assert.equal(producer.producerEpoch, epoch + 1);
  assert.equal(await producer.sendBatch(0, late, 12), "INVALID_PRODUCER_EPOCH");
  // IP3: the first batch of an epoch has sequence 0, also where nothing is known of the producer.
  assert.equal(
    await producer.sendBatch(1, producer.batch(["a"], 3), 12),
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
  );
  assert.equal(await producer.send(1, ["a"]), "NONE");
});

test("TX7: batches sent in a row stay in a row while their partitions are being added", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  const sends: Promise<ErrorName>[] = [];
  for (let sequence = 0; sequence < 10; sequence++) {
    for (const partition of [0, 1]) {
      const batch = producer.batch([String(sequence)], sequence);
      sends.push(producer.sendBatch(partition, batch, 12));
    }
  }
  assert.deepEqual(new Set(await Promise.all(sends)), new Set(["NONE"]));
  assert.equal(await producer.end(true), "NONE");
  const expected = Array.from({ length: 10 }, (_, index) => String(index));
  for (const partition of [0, 1]) assert.deepEqual(await readValues(broker, partition), expected);
});

test("TX8: ending again is answered the same, ending otherwise is refused; new producers may abort nothing", async () => {
  await using broker = await withTopic();
  const old = await TestProducer.start(broker, "old", "old");
  assert.equal(await old.end(true), "INVALID_TXN_STATE");
  assert.equal(await old.end(false), "INVALID_TXN_STATE");
  await old.add(0);
  await old.send(0, ["a"]);
  assert.equal(await old.end(true), "NONE");
  assert.equal(await old.end(true), "NONE");
  assert.equal(await old.end(false), "INVALID_TXN_STATE");
  const producer = await TestProducer.start(broker, "new");
  assert.equal(await producer.end(true), "INVALID_TXN_STATE");
  const epoch = producer.producerEpoch;
  assert.equal(await producer.end(false), "NONE");
  assert.equal(producer.producerEpoch, epoch + 1);
});

test("TX10: in an open transaction its producer writes nothing that is not part of it", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  assert.equal(await producer.send(0, ["a"]), "NONE");
  const { producerId, producerEpoch } = producer;
  const plain = new BatchBuilder({ producerId, producerEpoch, baseSequence: 1 });
  plain.append(1_700_000_000_000, null, "plain");
  assert.equal(await producer.sendBatch(0, plain.build(), 12), "INVALID_TXN_STATE");
  const control = new BatchBuilder({
    producerId,
    producerEpoch,
    isTransactional: true,
    isControl: true,
  });
  control.append(1_700_000_000_000, Buffer.from([0, 0, 0, 1]), Buffer.alloc(6));
  assert.equal(await producer.sendBatch(0, control.build(), 12), "INVALID_RECORD");
});

test("TX13, CG13: an offset of a topic that is replaced while the transaction is added to is refused", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  const { transactions, topics, store } = broker.services;
  const addPartitions = transactions.addPartitions.bind(transactions);
  transactions.addPartitions = async (request) => {
    const error = await addPartitions(request);
    await topics.delete(store.image.topic(TOPIC)!.topicId);
    await createTopic(broker);
    return error;
  };
  assert.equal(await producer.commitOffset("g", 7), "UNKNOWN_TOPIC_OR_PARTITION");
  transactions.addPartitions = addPartitions;
  assert.equal(await producer.commitOffset("g", 8), "NONE");
  assert.equal(await producer.end(true), "NONE");
  assert.equal(await committedOffset(broker, "g"), 8);
});

test("TX13: the first offsets of all, in a transaction that ends before their topic is there, are not left pending", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "old");
  assert.equal(await producer.addOffsets("g"), "NONE");
  const { topics } = broker.services;
  const creating = Promise.withResolvers<void>();
  const ensure = topics.ensure.bind(topics);
  topics.ensure = (name) => creating.promise.then(() => ensure(name));
  const committing = producer.commitOffset("g", 7);
  assert.equal(await producer.end(false), "NONE");
  creating.resolve();
  const committed = await committing;
  assert.equal(await committedOffset(broker, "g"), -1, `the commit was told ${committed}`);
});

test("TX13, CG14: with __consumer_offsets its offsets go, pending ones too, and later ones are kept", async () => {
  const fileSystem = new MemoryFileSystem();
  {
    await using broker = await TestBroker.start({}, { fileSystem });
    await createTopic(broker);
    const producer = await TestProducer.start(broker, "id");
    assert.equal(await producer.commitOffset("g", 7), "NONE");
    assert.equal(await committedOffset(broker, "g"), "UNSTABLE_OFFSET_COMMIT");
    const name = "__consumer_offsets";
    const answer = await broker.ask(deleteTopics, 5, { topicNames: [name], timeoutMs: 1000 });
    assert.equal(errorName(answer.responses[0]!.errorCode), "NONE");
    assert.equal(await committedOffset(broker, "g"), -1);
    assert.equal(await producer.end(true), "NONE");
    assert.equal(await committedOffset(broker, "g"), -1);
    assert.equal(await producer.commitOffset("g", 8), "NONE");
    assert.equal(await producer.end(true), "NONE");
    assert.equal(await committedOffset(broker, "g"), 8);
  }
  await using broker = await TestBroker.start({}, { fileSystem });
  assert.equal(await committedOffset(broker, "g"), 8);
});

test("TX14: a transaction open for longer than its timeout is aborted, and its producer fenced", async () => {
  const clock = new SimulatedClock();
  await using broker = await withTopic({}, clock);
  const producer = await TestProducer.start(broker, "id", "old", 5_000);
  await producer.add(0);
  await producer.send(0, ["lost"]);
  await clock.advanceAsync(4_000);
  assert.equal(await endOffset(broker, COMMITTED), 0);
  await clock.advanceAsync(20_000);
  assert.equal(await endOffset(broker, COMMITTED), 2);
  assert.equal(await producer.end(true), "PRODUCER_FENCED");
  assert.deepEqual(await readValues(broker, 0), []);
});

test("TX15: a transactional id that nobody uses is forgotten", async () => {
  const clock = new SimulatedClock();
  const properties = {
    "transactional.id.expiration.ms": "60000",
    "transaction.remove.expired.transaction.cleanup.interval.ms": "60000",
  };
  await using broker = await withTopic(properties, clock);
  const producer = await TestProducer.start(broker, "id", "old");
  await clock.advanceAsync(180_000);
  assert.deepEqual(await producer.add(0), ["INVALID_PRODUCER_ID_MAPPING"]);
  assert.equal(await producer.init(), "NONE");
});

test("TX9: a client's marker of a later coordinator does not keep those of the broker out", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id", "new");
  assert.equal(await producer.send(0, ["a"]), "NONE");
  const mark = async (coordinatorEpoch: number) => {
    const { producerId, producerEpoch } = producer;
    const topics = [{ name: TOPIC, partitionIndexes: [0] }];
    const answer = await broker.ask(writeTxnMarkers, 1, {
      markers: [{ producerId, producerEpoch, transactionResult: false, topics, coordinatorEpoch }],
    });
    return errorName(answer.markers[0]!.topics[0]!.partitions[0]!.errorCode);
  };
  assert.equal(await mark(0x7fff_ffff), "NONE");
  for (const value of ["b", "c"]) {
    assert.equal(await producer.send(0, [value]), "NONE");
    assert.equal(await producer.send(1, [value]), "NONE");
    assert.equal(await producer.end(true), "NONE");
  }
  assert.deepEqual(await readValues(broker, 0), ["b", "c"]);
  assert.deepEqual(await readValues(broker, 1), ["b", "c"]);
  assert.equal(await mark(1), "TRANSACTION_COORDINATOR_FENCED");
});

test("transactional batches without a transactional id, or of two producers, fail their request", async () => {
  await using broker = await withTopic();
  const producer = await TestProducer.start(broker, "id");
  const other = await TestProducer.start(broker, "other");
  const ask = async (transactionalId: string | null, ...batches: Buffer[]) => {
    const partitionData = batches.map((records, index) => ({ index, records }));
    const topicData = [{ name: TOPIC, partitionData }];
    const request = { transactionalId, acks: -1, timeoutMs: 1000, topicData };
    const { responses } = await broker.ask(produce, 12, request);
    return responses[0]!.partitionResponses.map(({ errorCode: code }) => errorName(code));
  };
  assert.deepEqual(await ask(null, producer.batch(["a"], 0)), [
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  ]);
  assert.deepEqual(await ask("id", producer.batch(["a"], 0), other.batch(["a"], 0)), [
    "INVALID_PRODUCER_ID_MAPPING",
    "INVALID_PRODUCER_ID_MAPPING",
  ]);
});

test("the coordinator of a transactional id is the leader of its partition, and no other broker answers for it", async () => {
  await using broker = await TestBroker.start({}, { brokers: 3 });
  const { coordinators } = await broker.ask(findCoordinator, 4, {
    keyType: 1,
    coordinatorKeys: ["a", "b", "c", "d"],
  });
  const { topics } = await broker.ask(metadata, 9, { topics: [{ name: "__transaction_state" }] });
  assert.equal(topics[0]!.isInternal, true);
  assert.ok(new Set(coordinators.map(({ nodeId }) => nodeId)).size > 1);
  for (const { key, nodeId, errorCode: code } of coordinators) {
    assert.equal(code, 0);
    for (const brokerId of [1, 2, 3]) {
      const body = { transactionalId: key, transactionTimeoutMs: 1000 };
      const answer = await broker.ask(initProducerId, 4, body, brokerId);
      const expected = brokerId === nodeId ? "NONE" : "NOT_COORDINATOR";
      assert.equal(errorName(answer.errorCode), expected);
    }
  }
});

test("TX3: an empty transactional id is invalid, whichever broker is asked", async () => {
  await using broker = await TestBroker.start({}, { brokers: 3 });
  for (const brokerId of [1, 2, 3]) {
    const body = { transactionalId: "", transactionTimeoutMs: 1000 };
    const { errorCode: code } = await broker.ask(initProducerId, 4, body, brokerId);
    assert.equal(errorName(code), "INVALID_REQUEST");
  }
});

async function withTopic(
  properties: Readonly<Record<string, string>> = {},
  clock?: SimulatedClock,
): Promise<TestBroker> {
  const broker = await TestBroker.start(properties, clock === undefined ? {} : { clock });
  await createTopic(broker);
  return broker;
}

async function endOffset(
  broker: TestBroker,
  isolationLevel: 0 | 1,
  partitionIndex = 0,
): Promise<number> {
  const { topics } = await broker.ask(listOffsets, 7, {
    replicaId: -1,
    isolationLevel,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex, timestamp: -1 }] }],
  });
  return topics[0]!.partitions[0]!.offset;
}
