import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerError, isBrokerError } from "../broker-error.ts";
import { CODES, GAP } from "./acknowledgements.ts";
import { type SharePartition, ShareSession } from "./share-session.ts";

const zero: SharePartition = { topicId: "T", topic: "t", partition: 0 };
const one: SharePartition = { topicId: "T", topic: "t", partition: 1 };
const fine = () => null;

/** A session after its first fetch of `partitions`. */
function begun(...partitions: SharePartition[]): ShareSession {
  const session = new ShareSession();
  session.buildFetch(partitions);
  session.onAnswer(fine);
  return session;
}

test("KIP-932: requests are numbered from 0; partitions are named once, and told when they go", () => {
  const session = new ShareSession();
  const first = session.buildFetch([zero, one]);
  assert.equal(first.epoch, 0);
  assert.deepEqual(
    first.partitions.map(({ partition }) => partition),
    [0, 1],
  );
  session.onAnswer(fine);
  const second = session.buildFetch([zero]);
  assert.equal(second.epoch, 1);
  assert.deepEqual(second.partitions, []);
  assert.deepEqual(second.forgotten, [one]);
  session.onAnswer(fine);
  assert.deepEqual(session.buildFetch([zero]).forgotten, []);
});

test("what was decided is sent once, gaps included, and reported by partition", () => {
  const session = begun(zero, one);
  session.onAcquired(zero, [5, 6, 8], [7]);
  assert.ok(session.hasUndecided);
  assert.ok(session.decide(zero, 5, CODES.accept));
  assert.ok(session.decide(zero, 6, CODES.reject));
  assert.ok(!session.decide(zero, 9, CODES.accept), "never acquired");
  const { partitions } = session.buildFetch([zero, one]);
  assert.deepEqual(partitions, [
    {
      ...zero,
      acknowledgementBatches: [
        { firstOffset: 5, lastOffset: 7, acknowledgeTypes: [CODES.accept, CODES.reject, GAP] },
      ],
    },
  ]);
  const error = brokerError(121, "test");
  assert.deepEqual(
    session.onAnswer(() => error),
    [{ topic: "t", partition: 0, offsets: [5, 6], error }],
  );
  assert.ok(!session.decide(zero, 5, CODES.accept), "said already");
  assert.ok(session.hasUndecided, "offset 8");
  session.decideAll(CODES.accept);
  assert.ok(!session.hasUndecided);
  assert.equal(session.buildAcknowledge()?.partitions[0]?.acknowledgementBatches.length, 1);
  session.onAnswer(fine);
  assert.equal(session.buildAcknowledge(), null);
});

test("KIP-1222: renewals do not travel with fetches, and leave the record to be acknowledged", () => {
  const session = begun(zero);
  session.onAcquired(zero, [1], []);
  session.decide(zero, 1, CODES.renew);
  assert.ok(session.hasRenewals);
  assert.deepEqual(session.buildFetch([zero]).partitions, []);
  session.onAnswer(fine);
  const renewal = session.buildAcknowledge();
  assert.equal(renewal?.isRenewal, true);
  session.onAnswer(fine);
  assert.ok(!session.hasUndecided, "no hurry");
  assert.ok(session.decide(zero, 1, CODES.accept));
  assert.equal(session.buildAcknowledge()?.isRenewal, false);
});

test("a session that is lost takes its records along: what was decided failed, and it begins anew", () => {
  const session = begun(zero);
  session.onAcquired(zero, [1, 2, 3], []);
  session.decide(zero, 1, CODES.accept);
  session.buildFetch([zero]);
  session.decide(zero, 2, CODES.release);
  const { generation } = session;
  const [result, ...others] = session.onFailure(null);
  assert.deepEqual(result!.offsets, [1, 2]);
  assert.ok(isBrokerError(result!.error, "SHARE_SESSION_NOT_FOUND"));
  assert.deepEqual(others, []);
  assert.notEqual(session.generation, generation);
  assert.ok(!session.decide(zero, 3, CODES.accept));
  const again = session.buildFetch([zero]);
  assert.equal(again.epoch, 0);
  assert.equal(again.partitions.length, 1);
});

test("the last request says what is decided; a session that never began needs none", () => {
  assert.equal(new ShareSession().buildClose(), null);
  const session = begun(zero);
  session.onAcquired(zero, [1, 2], []);
  session.decide(zero, 2, CODES.accept);
  const last = session.buildClose();
  assert.equal(last?.epoch, -1);
  assert.deepEqual(last?.partitions[0]?.acknowledgementBatches, [
    { firstOffset: 2, lastOffset: 2, acknowledgeTypes: [CODES.accept] },
  ]);
});
