import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CoordinatorHarness, GROUP, subscription } from "./group-harness.ts";

describe("static members", () => {
  const STATIC = { groupInstanceId: "instance", clientHost: "/10.0.0.1" };

  test("CG10: the same instance comes back under a new id without a rebalance", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, before] = await harness.stable({}, STATIC);
    const after = await harness.join({
      ...STATIC,
      clientId: "other",
      clientHost: "/10.0.0.2",
      sessionTimeoutMs: 20_000,
    }).promise;
    assert.equal(after.error, "NONE");
    assert.equal(after.generationId, 1);
    assert.notEqual(after.memberId, before!.memberId);
    assert.equal(after.leader, leader!.memberId);
    assert.equal(after.skipAssignment, false);
    assert.equal(harness.state, "Stable");
    const described = harness.coordinator.describeGroups([GROUP])[0]!.members;
    const member = described.find(({ memberId }) => memberId === after.memberId)!;
    assert.equal(member.clientId, "other");
    assert.equal(member.clientHost, "/10.0.0.2");
    assert.equal(member.memberAssignment.toString(), before!.memberId);
    const ids = { groupInstanceId: "instance", memberId: before!.memberId };
    assert.equal(harness.heartbeat(ids), "FENCED_INSTANCE_ID");
    assert.equal((await harness.sync(ids).promise).error, "FENCED_INSTANCE_ID");
    assert.equal((await harness.join(ids).promise).error, "FENCED_INSTANCE_ID");
    assert.equal(
      await harness.commit(1, { ...ids, generationIdOrMemberEpoch: 1 }),
      "FENCED_INSTANCE_ID",
    );
    assert.equal((await harness.leave(ids)).members[0]!.error, "FENCED_INSTANCE_ID");
    const now = { groupInstanceId: "instance", memberId: after.memberId };
    assert.equal(harness.heartbeat(now), "NONE");
    assert.equal((await harness.sync(now).promise).assignment.toString(), before!.memberId);
  });

  test("CG10: a static leader is told to skip the assignment, or that another leads", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join(STATIC);
    await harness.advance(3_000);
    await harness.syncAll([join.answer()!]);
    const modern = await harness.join(STATIC).promise;
    assert.equal(modern.skipAssignment, true);
    assert.equal(modern.leader, modern.memberId);
    assert.equal(modern.members.length, 1);
    const old = await harness.join({ ...STATIC, supportsSkippingAssignment: false }).promise;
    assert.equal(old.skipAssignment, false);
    assert.equal(old.leader, modern.memberId);
    assert.deepEqual(old.members, []);
  });

  test("CG10: a static leader of several stays the leader", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stable(STATIC, {});
    const back = await harness.join(STATIC).promise;
    assert.equal(back.leader, back.memberId);
    assert.equal(back.skipAssignment, true);
    assert.equal(back.members.length, 2);
  });

  test("CG10: a session that was restarted by a new id is its own", async () => {
    const harness = await CoordinatorHarness.start();
    const first = { groupInstanceId: "one" };
    const second = { groupInstanceId: "two" };
    const members = await harness.stable(first, second);
    harness.log.hold();
    const back = harness.join(second);
    const leader = harness.join({ memberId: members[0]!.memberId });
    await harness.settle();
    harness.log.release();
    await harness.syncAll([leader.answer()!, back.answer()!]);
    // Only its own heartbeats count from here on, not what happens to others.
    await harness.advance(6_000);
    assert.equal((await harness.join(first).promise).error, "NONE");
    await harness.advance(4_000);
    assert.equal(harness.state, "PreparingRebalance");
  });

  test("CG10: requests of the old member that wait are fenced at once", async () => {
    const harness = await CoordinatorHarness.start();
    const first = harness.join(STATIC);
    await harness.settle();
    const second = harness.join(STATIC);
    await harness.settle();
    assert.equal(first.answer()?.error, "FENCED_INSTANCE_ID");
    await harness.advance(3_000);
    assert.equal(second.answer()?.error, "NONE");
    assert.equal(second.answer()?.members.length, 1);
  });

  test("CG10: coming back while the assignment is under way is a rebalance", async () => {
    const harness = await CoordinatorHarness.start();
    const joins = [harness.join(), harness.join(STATIC)];
    await harness.advance(6_000);
    const waiting = harness.sync({ memberId: joins[1]!.answer()!.memberId });
    const back = harness.join(STATIC);
    await harness.settle();
    assert.equal(waiting.answer()?.error, "FENCED_INSTANCE_ID");
    assert.equal(harness.state, "PreparingRebalance");
    const leader = harness.join({ memberId: joins[0]!.answer()!.memberId });
    await harness.settle();
    assert.equal(back.answer()?.generationId, 2);
    assert.equal(leader.answer()?.generationId, 2);
  });

  test("CG10: a static member that is gone keeps its place until its session ends", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stable({ sessionTimeoutMs: 60_000 }, { ...STATIC, sessionTimeoutMs: 30_000 });
    await harness.advance(29_999);
    assert.equal(harness.state, "Stable");
    await harness.advance(1);
    assert.equal(harness.state, "PreparingRebalance");
  });

  test("CG10: a join phase that times out keeps static members, without them as leader", async () => {
    const harness = await CoordinatorHarness.start();
    const fields = { rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 60_000 };
    const members = await harness.stable({ ...fields, ...STATIC }, fields);
    const protocols = [{ name: "range", metadata: subscription(["other"]) }];
    const rejoin = harness.join({ ...fields, memberId: members[1]!.memberId, protocols });
    await harness.advance(10_000);
    assert.equal(rejoin.answer()?.leader, members[1]!.memberId);
    assert.equal(rejoin.answer()?.members.length, 2);
  });

  test("CG10: an id that cannot be stored is refused, and the member tries again", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join(STATIC);
    await harness.advance(3_000);
    await harness.syncAll([join.answer()!]);
    harness.log.fail({ rejection: "unavailable", count: 1 });
    const refused = await harness.join(STATIC).promise;
    assert.equal(refused.error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.state, "Stable");
    const again = await harness.join(STATIC).promise;
    assert.equal(again.error, "NONE");
    assert.equal(again.generationId, 1);
    await harness.restart();
    const ids = { groupInstanceId: "instance", memberId: again.memberId };
    assert.equal(harness.heartbeat(ids), "NONE");
  });

  test("CG10: a rebalance that overtakes the storing answers with its own generation", async () => {
    const harness = await CoordinatorHarness.start();
    const members = await harness.stable({}, STATIC);
    harness.log.hold();
    const back = harness.join(STATIC);
    const leader = harness.join({ memberId: members[0]!.memberId });
    await harness.settle();
    assert.equal(back.answer()?.generationId, 2);
    assert.equal(leader.answer()?.generationId, 2);
    harness.log.release();
    await harness.settle();
    assert.equal(harness.state, "CompletingRebalance");
  });

  test("CG11: an administrator removes a static member by its instance id", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join(STATIC);
    await harness.advance(3_000);
    await harness.syncAll([join.answer()!]);
    const left = await harness.leave({ groupInstanceId: "instance" });
    assert.equal(left.members[0]!.error, "NONE");
    assert.equal(harness.state, "Empty");
  });
});

test("CG5: a phase that goes on because nobody who stays rejoined is not looked at without a pause, whatever the rebalance timeout", async () => {
  const harness = await CoordinatorHarness.start({ config: { groupInitialRebalanceDelayMs: 100 } });
  const fixed = { rebalanceTimeoutMs: 0, sessionTimeoutMs: 60_000 };
  const [, second] = await harness.stable(
    { ...fixed, groupInstanceId: "stays" },
    { ...fixed, groupInstanceId: "goes" },
  );
  const { clock } = harness;
  const monotonic = clock.monotonic.bind(clock);
  let looks = 0;
  clock.monotonic = () => {
    assert.ok(++looks < 10_000, "the group is looked at again and again");
    return monotonic();
  };
  await harness.leave({ memberId: second!.memberId });
  await harness.advance(50_000);
  assert.equal(harness.state, "PreparingRebalance");
  await harness.advance(60_000);
  assert.equal(harness.state, "Empty");
});
