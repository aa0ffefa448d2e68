import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { baseSequence, isBatchCrcValid, producerEpoch, producerId } from "@ottla/protocol";
import { BytePool } from "../byte-pool.ts";
import { ProducerBatch, sequenceAfter } from "./batch.ts";
import { PartitionQueue } from "./partition-queue.ts";

function enqueue(queue: PartitionQueue, records: number): ProducerBatch {
  const settings = { compression: "none", compressionLevel: null } as const;
  const batch = new ProducerBatch(
    queue.partition,
    0,
    settings,
    false,
    new BytePool(new SimulatedClock()),
    128,
  );
  for (let i = 0; i < records; i++) batch.append({ topic: "t", value: "v" }, null, 0, null, i);
  queue.waiting.push(batch);
  return batch;
}

function newQueue(): PartitionQueue {
  const queue = new PartitionQueue("t", 0);
  queue.startEpoch(9, 0);
  return queue;
}

test("IP2: sequences wrap from 2^31 − 1 to 0", () => {
  assert.equal(sequenceAfter(0, 5), 5);
  assert.equal(sequenceAfter(2 ** 31 - 1, 1), 0);
  assert.equal(sequenceAfter(2 ** 31 - 3, 10), 7);
  const queue = newQueue();
  queue.nextSequence = 2 ** 31 - 2;
  enqueue(queue, 3);
  enqueue(queue, 2);
  assert.equal(queue.leave(true).baseSequence, 2 ** 31 - 2);
  assert.equal(queue.leave(true).baseSequence, 1);
});

test("batches leave with consecutive sequences and go back to where they belong, whatever the order of answers", () => {
  const queue = newQueue();
  const batches = [2, 3, 1, 4].map((count) => enqueue(queue, count));
  const sent = [queue.leave(true), queue.leave(true), queue.leave(true)];
  assert.deepEqual(
    sent.map((batch) => batch.baseSequence),
    [0, 2, 5],
  );
  queue.putBack(sent[2]!);
  queue.putBack(sent[0]!);
  assert.equal(queue.mayLeave(5), false, "nothing overtakes what has to be sent again");
  queue.putBack(sent[1]!);
  assert.deepEqual(queue.waiting, batches);
  assert.equal(queue.mayLeave(5), true);
  const again = queue.leave(true);
  assert.equal(again, batches[0]);
  assert.equal(again.baseSequence, 0);
  assert.equal(queue.mayLeave(5), false, "retries go one at a time");
  queue.settle(again);
  assert.equal(queue.isFirst(batches[1]!), true);
  assert.equal(queue.isFirst(batches[2]!), false);
});

test("a new epoch starts over at sequence 0 and stamps batches that were built already", () => {
  const queue = newQueue();
  enqueue(queue, 2);
  enqueue(queue, 3);
  const sent = [queue.leave(true), queue.leave(true)];
  for (const batch of sent) batch.bytes();
  for (const batch of sent) queue.putBack(batch);
  queue.needsNewEpoch = true;
  queue.startEpoch(9, 1);
  const [first, second] = [queue.leave(true), queue.leave(true)];
  for (const [batch, sequence] of [
    [first, 0],
    [second, 2],
  ] as const) {
    const bytes = batch.bytes();
    assert.equal(producerId(bytes, 0), 9);
    assert.equal(producerEpoch(bytes, 0), 1);
    assert.equal(baseSequence(bytes, 0), sequence);
    assert.ok(isBatchCrcValid(bytes, 0));
  }
  assert.equal(queue.nextSequence, 5);
});

test("a batch that is too large is split where it was, with the same sequence, and is done when its parts are", () => {
  const queue = newQueue();
  const whole = enqueue(queue, 5);
  enqueue(queue, 2);
  queue.leave(true);
  const behind = queue.leave(true);
  let done = 0;
  whole.onDone.push(() => done++);
  queue.putBackSplit(whole);
  queue.putBack(behind);
  assert.deepEqual(
    queue.waiting.map((batch) => [batch.baseSequence, batch.count]),
    [
      [0, 3],
      [3, 2],
      [5, 2],
    ],
  );
  const first = queue.leave(true);
  assert.equal(queue.mayLeave(5), false, "parts leave one at a time");
  assert.equal(isBatchCrcValid(first.bytes(), 0), true);
  assert.equal(baseSequence(first.bytes(), 0), 0);
  queue.putBackSplit(first);
  assert.deepEqual(
    queue.waiting.map((batch) => [batch.baseSequence, batch.count]),
    [
      [0, 2],
      [2, 1],
      [3, 2],
      [5, 2],
    ],
  );
  assert.equal(
    queue.waiting.slice(0, 3).reduce((sum, { heldBytes }) => sum + heldBytes, 0),
    whole.sizeBytes,
  );
  for (let i = 0; i < 3; i++) {
    assert.equal(done, 0);
    const batch = queue.leave(true);
    queue.settle(batch);
    batch.succeed("t", i, -1);
  }
  assert.equal(done, 1);
  assert.equal(whole.isDone, true);
});

test("until the leader took a first batch of the producer, batches travel one at a time", () => {
  const queue = newQueue();
  for (let i = 0; i < 3; i++) enqueue(queue, 1);
  const first = queue.leave(true);
  assert.equal(queue.mayLeave(5), false);
  queue.settle(first);
  const second = queue.leave(true);
  assert.equal(queue.mayLeave(5), false, "the first one was given up: still unknown");
  queue.acknowledge(second);
  queue.leave(true);
  enqueue(queue, 1);
  assert.equal(queue.mayLeave(5), true);
  queue.startEpoch(9, 1);
  assert.equal(queue.mayLeave(5), true, "a new epoch has to begin at sequence 0");
  queue.startEpoch(10, 0);
  assert.equal(queue.mayLeave(5), false, "another producer");
});
