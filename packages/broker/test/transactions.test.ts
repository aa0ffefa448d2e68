import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Broker, startBroker } from "@ottla/broker";
import {
  describeProducers,
  describeTransactions,
  errorName,
  listTransactions,
  writeTxnMarkers,
} from "@ottla/protocol";
import {
  type Asked,
  committedOffset,
  createTopic,
  fetchFrom,
  readValues,
  TestProducer,
  TOPIC,
} from "../src/test-producer.ts";
import { Peer } from "./peer.ts";

const COMMITTED = 1;

test("TX12, TX1: aborted, open and committed transactions are the same after a restart", async () => {
  await using directory = await TemporaryDirectory.create();
  const identity = { producerId: -1, producerEpoch: -1 };
  let before: TestProducer;
  {
    await using broker = await startBroker({ dataDirectory: directory.path });
    await using peer = await peerOf(broker);
    await createTopic(peer);
    const done = await starting(peer, "done");
    await sent(done, ["lost"]);
    assert.equal(await done.end(false), "NONE");
    await sent(done, ["kept"]);
    assert.equal(await done.end(true), "NONE");
    before = await starting(peer, "open");
    await sent(before, ["first"]);
    assert.equal(await before.commitOffset("g", 5), "NONE");
    identity.producerId = before.producerId;
    identity.producerEpoch = before.producerEpoch;
  }
  {
    await using broker = await startBroker({ dataDirectory: directory.path });
    await using peer = await peerOf(broker);
    assert.deepEqual(await loaded(peer, () => readValues(peer, 0)), ["kept"]);
    const { abortedTransactions, lastStableOffset } = await fetchFrom(peer, 0, COMMITTED);
    assert.equal(abortedTransactions?.length, 1);
    assert.equal(lastStableOffset, 4);
    assert.equal(await committedOffset(peer, "g"), "UNSTABLE_OFFSET_COMMIT");
    const producer = before.at(peer);
    assert.deepEqual(
      { ...identity },
      {
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
      },
    );
    await sent(producer, ["second"]);
    assert.equal(await producer.end(true), "NONE");
    assert.deepEqual(await readValues(peer, 0), ["kept", "first", "second"]);
    assert.equal(await committedOffset(peer, "g"), 5);
  }
  {
    await using broker = await startBroker({ dataDirectory: directory.path });
    await using peer = await peerOf(broker);
    assert.deepEqual(await readValues(peer, 0), ["kept", "first", "second"]);
    // IP8: no id is given twice.
    const another = await starting(peer, "another");
    assert.ok(another.producerId > identity.producerId);
  }
});

test("TX17: a transaction that hangs is found, and ended without its coordinator", async () => {
  const layers = [new Map([["transaction.partition.verification.enable", "false"]])];
  await using broker = await startBroker({ storage: "memory", layers });
  await using peer = await peerOf(broker);
  await createTopic(peer);
  const producer = await TestProducer.start(peer, "id", "old");
  // Late data of a transaction that is over, as before brokers verified.
  assert.equal(await producer.send(0, ["hangs"]), "NONE");
  const describe = async () => {
    const topics = [{ name: TOPIC, partitionIndexes: [0] }];
    const answer = await peer.ask(describeProducers, 0, { topics });
    return answer.topics[0]!.partitions[0]!.activeProducers[0]!;
  };
  const hanging = await describe();
  assert.equal(hanging.currentTxnStartOffset, 0);
  const ids = { transactionalIds: ["id"] };
  const [described] = (await peer.ask(describeTransactions, 0, ids)).transactionStates;
  assert.deepEqual([described!.transactionState, described!.topics], ["Empty", []]);
  assert.deepEqual(await readValues(peer, 0), []);
  const answer = await peer.ask(writeTxnMarkers, 1, {
    markers: [
      {
        producerId: hanging.producerId,
        producerEpoch: hanging.producerEpoch,
        transactionResult: false,
        topics: [
          { name: TOPIC, partitionIndexes: [0, 9] },
          { name: "none", partitionIndexes: [0] },
        ],
        coordinatorEpoch: hanging.coordinatorEpoch,
      },
    ],
  });
  assert.deepEqual(
    answer.markers[0]!.topics.map(({ partitions }) =>
      partitions.map(({ errorCode: code }) => errorName(code)),
    ),
    [["NONE", "UNKNOWN_TOPIC_OR_PARTITION"], ["UNKNOWN_TOPIC_OR_PARTITION"]],
  );
  assert.equal((await describe()).currentTxnStartOffset, -1);
  assert.equal((await fetchFrom(peer, 0, COMMITTED)).lastStableOffset, 2);
});

test("TX17: transactions are described and listed, by state, producer, duration and pattern", async () => {
  await using broker = await startBroker({ storage: "memory" });
  await using peer = await peerOf(broker);
  await createTopic(peer);
  const open = await starting(peer, "open");
  await sent(open, ["a"]);
  assert.equal(await open.commitOffset("g", 1), "NONE");
  const idle = await starting(peer, "idle");
  const { transactionStates } = await peer.ask(describeTransactions, 0, {
    transactionalIds: ["open", "nobody", ""],
  });
  const [described, nobody, nameless] = transactionStates;
  assert.equal(described!.transactionState, "Ongoing");
  assert.deepEqual(
    described!.topics.map(({ topic }) => topic),
    [TOPIC, "__consumer_offsets"],
  );
  assert.equal(errorName(nobody!.errorCode), "TRANSACTIONAL_ID_NOT_FOUND");
  assert.equal(errorName(nameless!.errorCode), "INVALID_REQUEST");
  const list = async (change: object) => {
    const all = {
      stateFilters: [],
      producerIdFilters: [],
      durationFilter: -1,
      transactionalIdPattern: null,
    };
    const answer = await peer.ask(listTransactions, 2, { ...all, ...change });
    const ids = answer.transactionStates.map(({ transactionalId }) => transactionalId).sort();
    return { ids, error: errorName(answer.errorCode), unknown: answer.unknownStateFilters };
  };
  const found = (...ids: string[]) => ({ ids, error: "NONE", unknown: [] });
  assert.deepEqual(await list({}), found("idle", "open"));
  assert.deepEqual(await list({ stateFilters: ["Ongoing"] }), found("open"));
  assert.deepEqual(await list({ producerIdFilters: [idle.producerId] }), found("idle"));
  assert.deepEqual(await list({ transactionalIdPattern: "op.*" }), found("open"));
  assert.deepEqual((await list({ stateFilters: ["Nonsense"] })).unknown, ["Nonsense"]);
  assert.equal((await list({ transactionalIdPattern: "(" })).error, "INVALID_REGULAR_EXPRESSION");
});

async function peerOf(broker: Broker): Promise<Peer> {
  return await Peer.connect(broker.port);
}

async function sent(producer: TestProducer, values: readonly string[]): Promise<void> {
  assert.equal(await producer.send(0, values), "NONE");
}

/** Asks until the coordinator has read its shard. */
async function starting(broker: Asked, id: string): Promise<TestProducer> {
  const producer = new TestProducer(broker, id);
  for (;;) {
    const error = await producer.init();
    if (error === "NONE") return producer;
    assert.equal(error, "COORDINATOR_LOAD_IN_PROGRESS");
  }
}

/** The answer once both coordinators have read their shards. */
async function loaded<T>(broker: Asked, answer: () => Promise<T>): Promise<T> {
  await starting(broker, "loaded");
  return await answer();
}

class TemporaryDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TemporaryDirectory> {
    return new TemporaryDirectory(await mkdtemp(join(tmpdir(), "ottla-transactions-")));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}
