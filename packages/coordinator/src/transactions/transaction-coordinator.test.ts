/** What the transaction coordinator answers and when, contract by contract. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ID, TransactionHarness } from "./transaction-harness.ts";
import { unborn } from "./transaction-metadata.ts";
import { encodeTransactionRecord } from "./transaction-record.ts";

const ALL = {
  stateFilters: [],
  producerIdFilters: [],
  durationFilterMs: -1,
  transactionalIdPattern: null,
};

/** A harness whose id has this epoch already. */
async function withEpoch(producerEpoch: number, producerId = 7): Promise<TransactionHarness> {
  const harness = await TransactionHarness.start();
  const value = { ...unborn(ID, producerId), producerEpoch, timeoutMs: 60_000 };
  await harness.log.append(0, [encodeTransactionRecord({ transactionalId: ID, value })]);
  await harness.restart();
  return harness;
}

describe("InitProducerId", () => {
  test("TX1: a new id gets a producer id and epoch 0, which are durable before the answer", async () => {
    const harness = await TransactionHarness.start();
    harness.journal.hold();
    let isAnswered = false;
    const init = harness.init().then((result) => {
      isAnswered = true;
      return result;
    });
    await harness.settle();
    assert.equal(isAnswered, false);
    harness.journal.release();
    assert.deepEqual(await init, { error: "NONE", producerId: 100, producerEpoch: 0 });
    assert.deepEqual(harness.storedStates(), ["Empty"]);
  });

  test("TX3: timeouts of 0, below, and above the maximum are refused, as is the empty id", async () => {
    const harness = await TransactionHarness.start();
    for (const transactionTimeoutMs of [0, -1, 900_001]) {
      const { error } = await harness.init({ transactionTimeoutMs });
      assert.equal(error, "INVALID_TRANSACTION_TIMEOUT");
    }
    assert.equal((await harness.init({ transactionTimeoutMs: 900_000 })).error, "NONE");
    assert.equal((await harness.init({ transactionalId: "" })).error, "INVALID_REQUEST");
  });

  test("TX2: each incarnation has an epoch of its own", async () => {
    const harness = await TransactionHarness.start();
    const first = await harness.producer();
    const second = await harness.producer();
    assert.equal(second.producerId, first.producerId);
    assert.equal(second.producerEpoch, 1);
    assert.equal(await harness.add(first, [0]), "PRODUCER_FENCED");
  });

  test("TX2: a transaction of the one before is aborted first, and its producer fenced", async () => {
    const harness = await TransactionHarness.start();
    const first = await harness.producer();
    assert.equal(await harness.produce(first, 0, "lost"), "NONE");
    assert.deepEqual(await harness.init(), {
      error: "CONCURRENT_TRANSACTIONS",
      producerId: -1,
      producerEpoch: -1,
    });
    assert.deepEqual(harness.storedStates(), ["Empty", "Ongoing", "PrepareAbort", "CompleteAbort"]);
    assert.deepEqual(harness.partitions[0]!.entries.at(-1), {
      producerId: first.producerId,
      producerEpoch: 1,
      commit: false,
    });
    assert.equal(await harness.produce(first, 0, "late"), "PRODUCER_FENCED");
    // It looks like one that did not hear of the end of its transaction.
    assert.equal((await harness.end(first, true)).error, "INVALID_TXN_STATE");
    assert.equal((await harness.end(first, true, 0)).error, "PRODUCER_FENCED");
    assert.equal((await harness.producer()).producerEpoch, 2);
    assert.equal((await harness.end(first, true)).error, "PRODUCER_FENCED");
    assert.equal(harness.counts.fenced, 1);
  });

  test("TX2: while the abort is carried out others wait", async () => {
    const harness = await TransactionHarness.start();
    const first = await harness.producer();
    await harness.produce(first, 0, "lost");
    harness.journal.hold();
    const fencing = harness.init();
    await harness.settle();
    assert.equal((await harness.init()).error, "CONCURRENT_TRANSACTIONS");
    harness.journal.release();
    assert.equal((await fencing).error, "CONCURRENT_TRANSACTIONS");
    assert.equal((await harness.init()).error, "NONE");
  });

  test("KIP-360: the current producer goes on with the next epoch, and once more if it did not hear", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    const resumed = await harness.init({ expected: producer });
    assert.deepEqual(resumed, { error: "NONE", producerId: 100, producerEpoch: 1 });
    assert.deepEqual(await harness.init({ expected: producer }), resumed);
    const future = { ...producer, producerEpoch: 5 };
    assert.equal((await harness.init({ expected: future })).error, "PRODUCER_FENCED");
    const other = { producerId: 1, producerEpoch: 0 };
    assert.equal((await harness.init({ expected: other })).error, "PRODUCER_FENCED");
  });

  test("KIP-360: once another producer has come, nobody is told again", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.init({ expected: producer });
    await harness.init();
    assert.equal((await harness.init({ expected: producer })).error, "PRODUCER_FENCED");
  });

  test("KIP-360: a producer that knows an id of old gets a new one when nothing is known here", async () => {
    const harness = await TransactionHarness.start();
    const result = await harness.init({ expected: { producerId: 3, producerEpoch: 9 } });
    assert.deepEqual(result, { error: "NONE", producerId: 100, producerEpoch: 0 });
  });

  test("TX2: when the epochs run out there is a new producer id", async () => {
    const harness = await withEpoch(32_765);
    assert.deepEqual(await harness.init(), { error: "NONE", producerId: 7, producerEpoch: 32_766 });
    const last = { producerId: 7, producerEpoch: 32_766 };
    const rotated = { error: "NONE", producerId: 100, producerEpoch: 0 } as const;
    assert.deepEqual(await harness.init({ expected: last }), rotated);
    // The answer was lost.
    assert.deepEqual(await harness.init({ expected: last }), rotated);
    const stale = { producerId: 7, producerEpoch: 32_765 };
    assert.equal((await harness.init({ expected: stale })).error, "PRODUCER_FENCED");
  });

  test("IP8: without producer ids to be had the client is to try again", async () => {
    const harness = await withEpoch(32_766);
    harness.hasProducerIds = false;
    assert.equal((await harness.init()).error, "COORDINATOR_NOT_AVAILABLE");
    const other = await harness.init({ transactionalId: "other" });
    assert.equal(other.error, "COORDINATOR_NOT_AVAILABLE");
    harness.hasProducerIds = true;
    assert.equal((await harness.init()).error, "NONE");
  });

  test("an append that fails leaves nothing behind", async () => {
    const harness = await TransactionHarness.start();
    harness.journal.fail({ rejection: "unavailable", count: 1 });
    assert.equal((await harness.init()).error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.stateOf(), "TRANSACTIONAL_ID_NOT_FOUND");
    harness.journal.fail({ rejection: "notOwner", count: 1 });
    assert.equal((await harness.init()).error, "NOT_COORDINATOR");
    harness.journal.fail({ rejection: "tooLarge", count: 1 });
    assert.equal((await harness.init()).error, "UNKNOWN_SERVER_ERROR");
    assert.equal((await harness.init()).error, "NONE");
  });
});

describe("partitions of a transaction", () => {
  test("TX4: unknown ids and producers, wrong epochs and empty ids are told apart", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    const cases = [
      [{ ...producer, transactionalId: "other" }, "INVALID_PRODUCER_ID_MAPPING"],
      [{ ...producer, producerId: 1 }, "INVALID_PRODUCER_ID_MAPPING"],
      [{ ...producer, producerEpoch: 1 }, "PRODUCER_FENCED"],
      [{ ...producer, transactionalId: "" }, "INVALID_REQUEST"],
    ] as const;
    for (const [stranger, error] of cases) {
      assert.equal(await harness.add(stranger, [0]), error);
      const topics = [{ topic: "data", partitions: [0] }];
      const verified = harness.coordinator.verifyPartitions({ ...stranger, topics });
      assert.deepEqual(verified, { error, missing: [] });
      assert.equal((await harness.end(stranger, true)).error, error);
    }
  });

  test("TX6: a partition that was not added is missing", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    const topics = [
      { topic: "data", partitions: [0, 1] },
      { topic: "more", partitions: [2] },
    ];
    const verify = () => harness.coordinator.verifyPartitions({ ...producer, topics });
    assert.deepEqual(verify(), { error: "NONE", missing: topics });
    await harness.add(producer, [1], 0);
    assert.deepEqual(verify().missing, [
      { topic: "data", partitions: [0] },
      { topic: "more", partitions: [2] },
    ]);
    assert.equal(await harness.produce(producer, 0, "x", 0), "TRANSACTION_ABORTABLE");
    assert.equal(await harness.produce(producer, 1, "x", 0), "NONE");
  });

  test("TX6: partitions of the transaction before are missing from the next", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.add(producer, [0], 0);
    assert.equal((await harness.end(producer, true, 0)).error, "NONE");
    assert.equal(await harness.produce(producer, 0, "x", 0), "TRANSACTION_ABORTABLE");
  });

  test("TX7: partitions add themselves, side by side, and nothing is appended before that is durable", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    harness.journal.hold();
    const produced = [0, 1, 0].map((partition, at) =>
      harness.produce(producer, partition, `${at}`),
    );
    await harness.settle();
    // One record for partition 0, one for both; no data yet.
    assert.equal(harness.journal.held, 2);
    harness.journal.releaseNext(1);
    await harness.settle();
    // Both for partition 0 go on; one that comes now is behind them.
    assert.equal(harness.journal.held, 3);
    produced.push(harness.produce(producer, 0, "3"));
    harness.journal.release();
    assert.deepEqual(await Promise.all(produced), ["NONE", "NONE", "NONE", "NONE"]);
    assert.deepEqual(
      harness.partitions[0]!.entries.map((entry) => "value" in entry && entry.value),
      ["0", "2", "3"],
    );
  });

  test("an addition that fails is answered, and the next is tried anew", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    harness.journal.fail({ rejection: "unavailable", count: 1 });
    assert.equal(await harness.add(producer, [0]), "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.stateOf(), "Empty");
    assert.equal(await harness.add(producer, [0]), "NONE");
    assert.equal(harness.stateOf(), "Ongoing");
    const writes = harness.journal.appends;
    assert.equal(await harness.add(producer, [0]), "NONE");
    assert.equal(harness.journal.appends, writes, "nothing is written for what is there");
  });

  test("nothing is admitted from the moment on in which the end is queued", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.produce(producer, 0, "x");
    harness.journal.hold();
    const ending = harness.end(producer, true);
    const topics = [{ topic: "data", partitions: [0] }];
    const verify = () => harness.coordinator.verifyPartitions({ ...producer, topics }).error;
    assert.equal(verify(), "CONCURRENT_TRANSACTIONS");
    assert.equal(await harness.add(producer, [0]), "CONCURRENT_TRANSACTIONS");
    harness.journal.releaseNext(1);
    await harness.settle();
    // Its epoch is over by now.
    assert.equal(verify(), "PRODUCER_FENCED");
    harness.journal.release();
    assert.equal((await ending).error, "NONE");
  });

  test("TX8: a transaction does not end while partitions are being added", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.add(producer, [0]);
    harness.journal.hold();
    const adding = harness.add(producer, [1]);
    assert.equal((await harness.end(producer, true)).error, "CONCURRENT_TRANSACTIONS");
    assert.equal((await harness.init()).error, "CONCURRENT_TRANSACTIONS");
    harness.journal.release();
    assert.equal(await adding, "NONE");
    assert.equal((await harness.end(producer, true)).error, "NONE");
  });
});

describe("the end of a transaction", () => {
  test("TX7: with version 2 every transaction has its epoch, which its marker ends", async () => {
    const harness = await TransactionHarness.start();
    let producer = await harness.producer();
    for (const [index, commit] of [true, false, true].entries()) {
      assert.equal(await harness.produce(producer, 0, `${index}`), "NONE");
      const result = await harness.end(producer, commit);
      assert.deepEqual(result, { error: "NONE", producerId: 100, producerEpoch: index + 1 });
      const marker = { producerId: 100, producerEpoch: index + 1, commit };
      assert.deepEqual(harness.partitions[0]!.entries.at(-1), marker);
      // Asked again, it says the same.
      assert.deepEqual(await harness.end(producer, commit), result);
      assert.equal((await harness.end(producer, !commit)).error, "INVALID_TXN_STATE");
      producer = { ...producer, producerEpoch: result.producerEpoch };
    }
    assert.equal(harness.counts.completed, 3);
  });

  test("TX8: with older rules the epoch stays, and the answer names none", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    assert.equal((await harness.end(producer, true, 0)).error, "INVALID_TXN_STATE");
    assert.equal((await harness.end(producer, false, 0)).error, "INVALID_TXN_STATE");
    for (let round = 0; round < 2; round++) {
      await harness.add(producer, [0], 0);
      await harness.produce(producer, 0, "x", 0);
      const done = { error: "NONE", producerId: -1, producerEpoch: -1 } as const;
      assert.deepEqual(await harness.end(producer, true, 0), done);
      assert.deepEqual(await harness.end(producer, true, 0), done);
      assert.equal((await harness.end(producer, false, 0)).error, "INVALID_TXN_STATE");
    }
    const epochs = harness.partitions[0]!.entries.map((entry) => entry.producerEpoch);
    assert.deepEqual(epochs, [0, 0, 0, 0]);
  });

  test("TX8: with version 2 nothing can be aborted, which bumps the epoch, but not committed", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    assert.equal((await harness.end(producer, true)).error, "INVALID_TXN_STATE");
    const aborted = await harness.end(producer, false);
    assert.deepEqual(aborted, { error: "NONE", producerId: 100, producerEpoch: 1 });
    assert.equal(harness.stateOf(), "CompleteAbort");
    const again = await harness.end({ ...producer, producerEpoch: 1 }, false);
    assert.equal(again.producerEpoch, 2);
  });

  test("TX7: the last epoch of a producer id ends with a new id", async () => {
    const harness = await withEpoch(32_766);
    const last = { transactionalId: ID, producerId: 7, producerEpoch: 32_766 };
    assert.equal(await harness.produce(last, 0, "x"), "NONE");
    const rotated = await harness.end(last, true);
    assert.deepEqual(rotated, { error: "NONE", producerId: 100, producerEpoch: 0 });
    const marker = { producerId: 7, producerEpoch: 32_767, commit: true };
    assert.deepEqual(harness.partitions[0]!.entries.at(-1), marker);
    assert.deepEqual(await harness.end(last, true), rotated);
    await harness.restart();
    assert.deepEqual(await harness.end(last, true), rotated, "also after a restart");
    const next = { transactionalId: ID, producerId: 100, producerEpoch: 0 };
    assert.equal(await harness.produce(next, 0, "y"), "NONE");
  });

  test("a decision that is not stored changes nothing", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.produce(producer, 0, "x");
    harness.journal.fail({ rejection: "unavailable", count: 1 });
    assert.equal((await harness.end(producer, true)).error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.stateOf(), "Ongoing");
    assert.equal((await harness.end(producer, false)).error, "NONE");
  });

  test("the answer does not wait for a partition that cannot take its marker now, the next transaction does", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.produce(producer, 0, "x");
    await harness.produce(producer, 1, "x");
    harness.partitions[1]!.isOffline = true;
    const { error, producerEpoch } = await harness.end(producer, true);
    assert.equal(error, "NONE");
    assert.equal(harness.stateOf(), "PrepareCommit");
    assert.equal(harness.coordinator.gauges().transactionsRetrying, 1);
    const next = { ...producer, producerEpoch };
    assert.equal(await harness.produce(next, 0, "y"), "CONCURRENT_TRANSACTIONS");
    assert.equal((await harness.init()).error, "CONCURRENT_TRANSACTIONS");
    await harness.advance(1_000);
    assert.equal(harness.stateOf(), "PrepareCommit");
    assert.equal(harness.warnings.length, 1, "the same is not told again and again");
    harness.partitions[1]!.isOffline = false;
    await harness.advance(100);
    assert.equal(harness.stateOf(), "CompleteCommit");
    assert.equal(harness.partitions[0]!.entries.length, 2, "no second marker where there is one");
    assert.equal(harness.partitions[1]!.entries.length, 2);
    assert.equal(await harness.produce(next, 0, "y"), "NONE");
  });

  /** A transaction that has ended, whose last record was not stored. */
  async function withoutLastRecord() {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.produce(producer, 0, "x");
    harness.journal.hold();
    const ending = harness.end(producer, true);
    for (let append = 0; append < 2; append++) {
      await harness.settle();
      harness.journal.releaseNext(1);
    }
    assert.equal((await ending).error, "NONE", "nobody waits for the last record");
    assert.equal(harness.stateOf(), "CompleteCommit");
    harness.journal.fail({ rejection: "unavailable", count: 1 });
    harness.journal.release();
    await harness.settle();
    assert.deepEqual(harness.storedStates(), ["Empty", "Ongoing", "PrepareCommit"]);
    return { harness, next: { ...producer, producerEpoch: 1 } };
  }

  test("the last record is tried again until it is stored", async () => {
    const { harness } = await withoutLastRecord();
    harness.journal.fail({ rejection: "unavailable", count: 2 });
    await harness.advance(200);
    assert.equal(harness.storedStates().at(-1), "PrepareCommit");
    await harness.advance(100);
    assert.equal(harness.storedStates().at(-1), "CompleteCommit");
    assert.equal(harness.partitions[0]!.entries.length, 2);
  });

  test("the last record is not written behind something newer", async () => {
    const { harness, next } = await withoutLastRecord();
    assert.equal(await harness.produce(next, 0, "y"), "NONE");
    await harness.advance(1_000);
    assert.equal(harness.storedStates().at(-1), "Ongoing");
    const late = await withoutLastRecord();
    late.harness.journal.hold();
    const adding = late.harness.add(late.next, [1]);
    await late.harness.advance(1_000);
    assert.equal(late.harness.journal.held, 1, "nor behind what is on its way");
    late.harness.journal.release();
    assert.equal(await adding, "NONE");
    await late.harness.advance(1_000);
    assert.equal(late.harness.storedStates().at(-1), "Ongoing");
  });
});

describe("the coordinator's own doing", () => {
  test("TX14: a transaction that takes too long is aborted with the next epoch", async () => {
    const harness = await TransactionHarness.start();
    const { producerId, producerEpoch } = await harness.init({ transactionTimeoutMs: 15_000 });
    const producer = { transactionalId: ID, producerId, producerEpoch };
    await harness.produce(producer, 0, "slow");
    await harness.advance(15_000);
    assert.equal(harness.stateOf(), "Ongoing");
    await harness.advance(5_000);
    assert.equal(harness.stateOf(), "CompleteAbort");
    assert.equal(harness.counts.timedOut, 1);
    assert.equal(await harness.produce(producer, 0, "late"), "PRODUCER_FENCED");
    const marker = { producerId, producerEpoch: 1, commit: false };
    assert.deepEqual(harness.partitions[0]!.entries.at(-1), marker);
  });

  test("TX14: the time of a transaction begins with its first partition, not with its id", async () => {
    const harness = await TransactionHarness.start();
    const { producerId, producerEpoch } = await harness.init({ transactionTimeoutMs: 15_000 });
    const producer = { transactionalId: ID, producerId, producerEpoch };
    await harness.advance(60_000);
    await harness.produce(producer, 0, "x");
    await harness.advance(10_000);
    await harness.produce(producer, 1, "y");
    await harness.advance(5_000);
    assert.equal(harness.stateOf(), "Ongoing");
    await harness.advance(10_000);
    assert.equal(harness.stateOf(), "CompleteAbort");
  });

  test("TX14: an abort that fails is tried again by the next scan", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.produce(producer, 0, "slow");
    harness.journal.fail({ rejection: "unavailable", count: 2 });
    await harness.advance(80_000);
    assert.equal(harness.stateOf(), "Ongoing");
    await harness.advance(10_000);
    assert.equal(harness.stateOf(), "CompleteAbort");
  });

  test("TX15: an id that nobody uses is forgotten, with a tombstone", async () => {
    const harness = await TransactionHarness.start({
      config: { transactionalIdExpirationMs: 7_200_000 },
    });
    const idle = await harness.producer("idle");
    const busy = await harness.producer("busy");
    await harness.advance(3_600_000);
    await harness.end(busy, false);
    await harness.advance(3_600_000);
    assert.equal(harness.stateOf("idle"), "TRANSACTIONAL_ID_NOT_FOUND");
    assert.equal(harness.stateOf("busy"), "CompleteAbort");
    assert.deepEqual(harness.storedStates("idle"), ["Empty", null]);
    assert.equal(harness.counts.expired, 1);
    assert.equal(await harness.add(idle, [0]), "INVALID_PRODUCER_ID_MAPPING");
    await harness.restart();
    assert.equal(harness.stateOf("idle"), "TRANSACTIONAL_ID_NOT_FOUND");
  });

  test("TX15: more ids than the tombstones of a batch are forgotten all", async () => {
    const harness = await TransactionHarness.start({
      config: { transactionalIdExpirationMs: 1_000 },
    });
    for (let index = 0; index < 100; index++) await harness.producer(`idle ${index}`);
    harness.log.maxBatchBytes = 200;
    await harness.advance(3_600_000);
    assert.equal(harness.counts.expired, 100);
    assert.equal(harness.stateOf("idle 99"), "TRANSACTIONAL_ID_NOT_FOUND");
  });

  test("TX15: what takes part in a transaction stays, and so does what could not be forgotten", async () => {
    const harness = await TransactionHarness.start({
      config: {
        transactionalIdExpirationMs: 1_000,
        transactionAbortTimedOutTransactionCleanupIntervalMs: 1_000_000_000,
      },
    });
    const producer = await harness.producer("open");
    await harness.add(producer, [0]);
    await harness.producer("idle");
    harness.journal.fail({ rejection: "unavailable", count: 1 });
    await harness.advance(3_600_000);
    assert.equal(harness.stateOf("open"), "Ongoing");
    assert.equal(harness.stateOf("idle"), "Empty");
    await harness.advance(3_600_000);
    assert.equal(harness.stateOf("idle"), "TRANSACTIONAL_ID_NOT_FOUND");
  });

  for (const commit of [true, false]) {
    test(`TX16: a ${commit ? "commit" : "abort"} that was decided is finished after a crash at any point`, async () => {
      // Prepare, two markers, Complete.
      for (let kept = 0; kept <= 4; kept++) {
        const harness = await TransactionHarness.start();
        const producer = await harness.producer();
        await harness.produce(producer, 0, "x");
        await harness.produce(producer, 1, "x");
        harness.journal.hold();
        void harness.end(producer, commit);
        for (let step = 0; step < kept; step++) {
          await harness.settle();
          harness.journal.releaseNext(1);
        }
        await harness.settle();
        await harness.restart();
        await harness.settle();
        const outcome = commit ? "CompleteCommit" : "CompleteAbort";
        assert.equal(harness.stateOf(), kept === 0 ? "Ongoing" : outcome);
        await harness.advance(120_000);
        for (const partition of harness.partitions.slice(0, 2)) {
          const markers = partition.entries.filter((entry) => "commit" in entry);
          assert.deepEqual(
            markers.map((marker) => marker.commit),
            [kept === 0 ? false : commit],
          );
        }
      }
    });
  }

  test("requests for shards that are still read, and after the end, are turned away", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.coordinator.close();
    assert.equal(await harness.add(producer, [0]), "COORDINATOR_NOT_AVAILABLE");
    assert.equal((await harness.init()).error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.stateOf(), "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.coordinator.listTransactions(ALL).error, "COORDINATOR_NOT_AVAILABLE");
    await harness.coordinator.close();
  });
});

describe("TX17: describing and listing", () => {
  test("an id is described with its partitions", async () => {
    const harness = await TransactionHarness.start();
    const producer = await harness.producer();
    await harness.add(producer, [2, 0]);
    const [open, unknown, empty] = harness.coordinator.describeTransactions([ID, "none", ""]);
    assert.deepEqual(open, {
      transactionalId: ID,
      error: "NONE",
      transactionState: "Ongoing",
      transactionTimeoutMs: 60_000,
      transactionStartTimeMs: harness.clock.now(),
      producerId: 100,
      producerEpoch: 0,
      topics: [{ topic: "data", partitions: [2, 0] }],
    });
    assert.equal(unknown!.error, "TRANSACTIONAL_ID_NOT_FOUND");
    assert.equal(empty!.error, "INVALID_REQUEST");
  });

  test("lists are filtered by state, producer, duration and pattern", async () => {
    const harness = await TransactionHarness.start({ shards: 3 });
    const open = await harness.producer("app-1");
    await harness.add(open, [0]);
    await harness.advance(5_000);
    const young = await harness.producer("app-2");
    await harness.add(young, [0]);
    await harness.producer("other");
    const list = (filter: Partial<Parameters<typeof harness.coordinator.listTransactions>[0]>) =>
      harness.coordinator
        .listTransactions({ ...ALL, ...filter })
        .transactions.map(({ transactionalId }) => transactionalId)
        .sort();
    assert.deepEqual(list({}), ["app-1", "app-2", "other"]);
    assert.deepEqual(list({ stateFilters: ["Ongoing", "Nonsense"] }), ["app-1", "app-2"]);
    assert.deepEqual(list({ stateFilters: ["Nonsense"] }), []);
    assert.deepEqual(list({ producerIdFilters: [young.producerId] }), ["app-2"]);
    // As Kafka has it, what never began has been going on for ever.
    assert.deepEqual(list({ durationFilterMs: 4_999 }), ["app-1", "other"]);
    assert.deepEqual(list({ durationFilterMs: 5_000 }), ["other"]);
    assert.deepEqual(list({ transactionalIdPattern: "app" }), []);
    assert.deepEqual(list({ transactionalIdPattern: "app-1|other" }), ["app-1", "other"]);
    assert.deepEqual(list({ transactionalIdPattern: "" }), ["app-1", "app-2", "other"]);
    const odd = harness.coordinator.listTransactions({ ...ALL, stateFilters: ["ongoing"] });
    assert.deepEqual(odd.unknownStateFilters, ["ongoing"]);
    for (const transactionalIdPattern of ["(", "a)(b"]) {
      const { error } = harness.coordinator.listTransactions({ ...ALL, transactionalIdPattern });
      assert.equal(error, "INVALID_REGULAR_EXPRESSION");
    }
  });

  test("gauges count ids by what goes on with them", async () => {
    const harness = await TransactionHarness.start();
    await harness.add(await harness.producer("a"), [0]);
    await harness.producer("b");
    assert.deepEqual(harness.coordinator.gauges(), {
      transactionalIds: 2,
      transactionsOngoing: 1,
      transactionsPrepared: 0,
      transactionsRetrying: 0,
    });
  });
});
