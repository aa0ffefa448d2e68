/** `__consumer_offsets` deleted under a running broker: what was in it is gone, from memory too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CoordinatorHarness, commitRequest, GROUP } from "./group-harness.ts";

const PRODUCER = { producerId: 7, producerEpoch: 0 };

async function commitInTransaction(harness: CoordinatorHarness): Promise<string> {
  const [topic] = commitRequest(9).topics;
  const { topics } = await harness.coordinator.commitTransactionalOffsets({
    groupId: GROUP,
    ...PRODUCER,
    generationId: -1,
    memberId: "",
    groupInstanceId: null,
    topics: [{ ...topic!, topicId: null }],
    admit: () => "NONE",
  });
  return topics[0]!.partitions[0]!.error;
}

/** The end of the transaction, with its marker in whatever log there is now. */
function commitTransaction(harness: CoordinatorHarness): Promise<void> {
  const stored = harness.log.appendMarker(0, { ...PRODUCER, commit: true }).then(() => true);
  return harness.coordinator.completeTransaction(0, { ...PRODUCER, commit: true }, stored);
}

describe("a log that is gone", () => {
  test("CG14: offsets and groups go with it, and what comes then survives the next start", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1);
    await harness.commit(1, { groupId: "other" });
    harness.log.lose();
    assert.equal(await harness.committed(0, "topic", "other"), -1);
    assert.equal(harness.heartbeat({ memberId: member!.memberId }), "UNKNOWN_MEMBER_ID");
    assert.equal(harness.coordinator.gauges().numGroups, 0);
    await harness.commit(2, { groupId: "other" });
    const [rejoined] = await harness.stableMembers(1);
    assert.equal(rejoined!.generationId, 1);
    await harness.restart();
    assert.equal(await harness.committed(0, "topic", "other"), 2);
    assert.equal(harness.state, "Stable");
  });

  test("CG14: who waits for the group to gather looks for its coordinator again", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1, { groupId: "other" });
    const join = harness.join();
    await harness.settle();
    harness.log.lose();
    await harness.coordinator.onTopicsDeleted([{ name: "__consumer_offsets", topicId: "id" }]);
    assert.equal((await join.promise).error, "NOT_COORDINATOR");
  });

  test("CG14: what is on its way to it did not happen, nor what was decided before", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    const [leader] = await harness.stableMembers(1);
    harness.log.hold();
    const as = { memberId: leader!.memberId, generationIdOrMemberEpoch: 1 };
    const commit = harness.commit(2, as);
    harness.log.lose();
    const leaving = harness.leave({ memberId: leader!.memberId });
    harness.log.release();
    assert.equal(await commit, "NOT_COORDINATOR");
    assert.equal((await leaving).members[0]!.error, "UNKNOWN_MEMBER_ID");
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.log.records(0).length, 0);
  });

  test("CG14: a group that changes by itself does not take its state to the next log", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stableMembers(1);
    harness.log.lose();
    // The member's session ends, and the empty generation would be stored.
    await harness.advance(20_000);
    assert.equal(harness.log.records(0).length, 0);
    assert.equal(harness.coordinator.gauges().numGroups, 0);
  });

  test("TX13: offsets pending in it are neither unstable nor committed later", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await commitInTransaction(harness), "NONE");
    assert.equal((await harness.fetch()).error, "UNSTABLE_OFFSET_COMMIT");
    harness.log.lose();
    assert.equal((await harness.fetch()).error, "NONE");
    await commitTransaction(harness);
    assert.equal(await harness.committed(), -1);
    assert.equal(await commitInTransaction(harness), "NONE");
    await commitTransaction(harness);
    assert.equal(await harness.committed(), 9);
  });
});
