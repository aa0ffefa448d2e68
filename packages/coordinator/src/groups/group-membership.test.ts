import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CoordinatorHarness, GROUP, subscription } from "./group-harness.ts";

describe("joining and syncing", () => {
  test("CG1: a lone member goes through all states, generation by generation", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join();
    await harness.settle();
    assert.equal(harness.state, "PreparingRebalance");
    await harness.advance(3_000);
    assert.equal(harness.state, "CompletingRebalance");
    const joined = await join.promise;
    assert.equal(joined.error, "NONE");
    assert.equal(joined.generationId, 1);
    assert.equal(joined.leader, joined.memberId);
    assert.equal(joined.protocolName, "range");
    assert.deepEqual(
      joined.members.map(({ memberId }) => memberId),
      [joined.memberId],
    );
    await harness.syncAll([joined]);
    assert.equal(harness.state, "Stable");
    assert.equal(harness.completedRebalances, 1);
    const left = await harness.leave({ memberId: joined.memberId });
    assert.equal(left.members[0]!.error, "NONE");
    assert.equal(harness.state, "Empty");
    const again = await harness.stableMembers(1);
    assert.equal(again[0]!.generationId, 3);
    await harness.leave({ memberId: again[0]!.memberId });
    assert.equal((await harness.coordinator.deleteGroups([GROUP]))[0]!.error, "NONE");
    assert.equal(harness.state, "Dead");
  });

  test("CG2: each joiner puts the first rebalance off again, up to the rebalance timeout", async () => {
    const harness = await CoordinatorHarness.start();
    const first = harness.join({ rebalanceTimeoutMs: 8_000 });
    await harness.advance(2_000);
    harness.join({ rebalanceTimeoutMs: 8_000 });
    await harness.advance(3_000);
    harness.join({ rebalanceTimeoutMs: 8_000 });
    await harness.advance(2_000);
    assert.equal(first.answer(), null);
    harness.join({ rebalanceTimeoutMs: 8_000 });
    await harness.advance(1_000);
    assert.equal(first.answer()?.error, "NONE");
    assert.equal(first.answer()?.members.length, 4);
  });

  test("CG3: a member without an id is given one and must come back with it", async () => {
    const harness = await CoordinatorHarness.start();
    const known = { requiresKnownMemberId: true };
    const refused = await harness.join(known).promise;
    assert.equal(refused.error, "MEMBER_ID_REQUIRED");
    assert.match(refused.memberId, /^client-[0-9a-f-]{36}$/);
    const joined = harness.join({ ...known, memberId: refused.memberId });
    await harness.advance(3_000);
    assert.equal(joined.answer()?.memberId, refused.memberId);
  });

  test("CG3: an id that is not used expires with its session", async () => {
    const harness = await CoordinatorHarness.start();
    const known = { requiresKnownMemberId: true };
    const { memberId } = await harness.join(known).promise;
    await harness.advance(10_001);
    assert.equal((await harness.join({ ...known, memberId }).promise).error, "UNKNOWN_MEMBER_ID");
  });

  test("CG3: an id that is pending holds a rebalance up until it expires", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1);
    await harness.join({ requiresKnownMemberId: true }).promise;
    const rejoin = harness.join({ memberId: member!.memberId });
    await harness.advance(9_000);
    assert.equal(rejoin.answer(), null);
    await harness.advance(1_000);
    assert.equal(rejoin.answer()?.generationId, 2);
  });

  test("CG4: sessions outside the limits, an empty group id and foreign protocols are refused", async () => {
    const harness = await CoordinatorHarness.start();
    for (const sessionTimeoutMs of [5_999, 1_800_001]) {
      const { error } = await harness.join({ sessionTimeoutMs }).promise;
      assert.equal(error, "INVALID_SESSION_TIMEOUT");
    }
    assert.equal((await harness.join({ groupId: "" }).promise).error, "INVALID_GROUP_ID");
    assert.equal(
      (await harness.join({ protocols: [] }).promise).error,
      "INCONSISTENT_GROUP_PROTOCOL",
    );
    await harness.stableMembers(1);
    const other = await harness.join({ protocolType: "connect" }).promise;
    assert.equal(other.error, "INCONSISTENT_GROUP_PROTOCOL");
    const protocols = [{ name: "sticky", metadata: Buffer.alloc(0) }];
    assert.equal((await harness.join({ protocols }).promise).error, "INCONSISTENT_GROUP_PROTOCOL");
  });

  test("CG4: past group.max.size nobody gets in", async () => {
    const harness = await CoordinatorHarness.start({ config: { groupMaxSize: 2 } });
    const members = await harness.stableMembers(2);
    assert.equal((await harness.join().promise).error, "GROUP_MAX_SIZE_REACHED");
    const stays = members[1]!.memberId;
    assert.equal((await harness.join({ memberId: stays }).promise).error, "NONE");
  });

  test("CG4: while members gather, the first to come fill the group", async () => {
    const harness = await CoordinatorHarness.start({ config: { groupMaxSize: 2 } });
    const joins = [harness.join(), harness.join(), harness.join()];
    await harness.advance(6_000);
    assert.deepEqual(
      joins.map((request) => request.answer()?.error),
      ["NONE", "NONE", "GROUP_MAX_SIZE_REACHED"],
    );
  });

  test("CG4: a first rebalance that all members left takes new ones", async () => {
    const harness = await CoordinatorHarness.start();
    const first = harness.join({ groupInstanceId: "instance" });
    await harness.settle();
    await harness.leave({ groupInstanceId: "instance" });
    await harness.settle();
    assert.equal(first.answer()?.error, "UNKNOWN_MEMBER_ID");
    assert.equal(harness.state, "PreparingRebalance");
    const second = harness.join();
    await harness.advance(6_000);
    assert.equal(second.answer()?.error, "NONE");
    assert.equal(second.answer()?.members.length, 1);
  });

  test("CG5: the phase ends when all are back, without the laggards when time is up", async () => {
    const harness = await CoordinatorHarness.start();
    const [a, b, c] = await harness.stableMembers(3, { sessionTimeoutMs: 100_000 });
    const first = harness.join({ memberId: a!.memberId, sessionTimeoutMs: 100_000 });
    const second = harness.join({ memberId: b!.memberId, sessionTimeoutMs: 100_000 });
    await harness.advance(59_999);
    assert.equal(first.answer(), null);
    await harness.advance(1);
    assert.equal(first.answer()?.generationId, 2);
    assert.equal(first.answer()?.members.length, 2);
    assert.equal(second.answer()?.members.length, 0);
    const late = await harness.join({ memberId: c!.memberId }).promise;
    assert.equal(late.error, "UNKNOWN_MEMBER_ID");
  });

  test("CG5: the longest rebalance timeout of any member counts", async () => {
    const harness = await CoordinatorHarness.start();
    const joined = await harness.stable(
      { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 60_000 },
      { rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 60_000 },
    );
    const rejoin = harness.join({ memberId: joined[0]!.memberId, rebalanceTimeoutMs: 5_000 });
    await harness.advance(19_999);
    assert.equal(rejoin.answer(), null);
    await harness.advance(1);
    assert.equal(rejoin.answer()?.generationId, 2);
  });

  test("CG6: the same metadata again is no rebalance for a follower, and one for the leader", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const same = await harness.join({ memberId: follower!.memberId }).promise;
    assert.equal(same.generationId, 1);
    assert.equal(same.leader, leader!.memberId);
    assert.deepEqual(same.members, []);
    assert.equal(harness.state, "Stable");
    const changed = harness.join({ memberId: leader!.memberId });
    await harness.settle();
    assert.equal(changed.answer(), null);
    assert.equal(harness.state, "PreparingRebalance");
  });

  test("CG6: changed metadata of a follower is a rebalance", async () => {
    const harness = await CoordinatorHarness.start();
    const [, follower] = await harness.stableMembers(2);
    const protocols = [{ name: "range", metadata: subscription(["other"]) }];
    harness.join({ memberId: follower!.memberId, protocols });
    await harness.settle();
    assert.equal(harness.state, "PreparingRebalance");
  });

  test("CG7: members vote for their first protocol that all support", async () => {
    const harness = await CoordinatorHarness.start();
    const offer = (...names: string[]) => ({
      protocols: names.map((name) => ({ name, metadata: subscription(["topic"]) })),
    });
    const joins = [
      harness.join(offer("only-mine", "range", "sticky")),
      harness.join(offer("sticky", "range")),
      harness.join(offer("sticky", "range")),
    ];
    await harness.advance(6_000);
    for (const join of joins) assert.equal(join.answer()?.protocolName, "sticky");
  });

  test("CG8: followers wait for the leader's sync, whose assignment each gets whole", async () => {
    const harness = await CoordinatorHarness.start();
    const joins = [harness.join(), harness.join(), harness.join()];
    await harness.advance(6_000);
    const [leader, b, c] = joins.map((request) => request.answer()!);
    const waiting = [
      harness.sync({ memberId: b!.memberId }),
      harness.sync({ memberId: c!.memberId }),
    ];
    await harness.settle();
    assert.equal(waiting[0]!.answer(), null);
    const big = Buffer.alloc(70_000, 7);
    const led = harness.sync({
      memberId: leader!.memberId,
      assignments: [{ memberId: b!.memberId, assignment: big }],
    });
    await harness.settle();
    assert.deepEqual(waiting[0]!.answer()?.assignment, big);
    assert.equal(waiting[1]!.answer()?.error, "NONE");
    assert.equal(waiting[1]!.answer()?.assignment.length, 0);
    assert.equal(led.answer()?.assignment.length, 0);
  });

  test("CG8: nobody hears of an assignment before it is durable", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join();
    await harness.advance(3_000);
    harness.log.hold();
    const sync = harness.sync({ memberId: join.answer()!.memberId });
    await harness.settle();
    assert.equal(sync.answer(), null);
    assert.equal(harness.state, "CompletingRebalance");
    harness.log.release();
    await harness.settle();
    assert.equal(sync.answer()?.error, "NONE");
    assert.equal(harness.state, "Stable");
  });

  test("CG8: an assignment that cannot be stored sends everybody back to join", async () => {
    const harness = await CoordinatorHarness.start();
    const joins = [harness.join(), harness.join()];
    await harness.advance(6_000);
    harness.log.fail({ rejection: "unavailable", count: 1 });
    const syncs = joins.map((join) => harness.sync({ memberId: join.answer()!.memberId }));
    await harness.settle();
    for (const sync of syncs) assert.equal(sync.answer()?.error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.state, "PreparingRebalance");
    const rejoins = joins.map((join) => harness.join({ memberId: join.answer()!.memberId }));
    await harness.settle();
    assert.deepEqual(
      rejoins.map((request) => request.answer()?.generationId),
      [2, 2],
    );
  });

  test("a leader that syncs twice does not store twice, and its first request is answered", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join();
    await harness.advance(3_000);
    const { memberId } = join.answer()!;
    harness.log.hold();
    const assign = (text: string) => [{ memberId, assignment: Buffer.from(text) }];
    const first = harness.sync({ memberId, assignments: assign("first") });
    const second = harness.sync({ memberId, assignments: assign("second") });
    await harness.settle();
    assert.equal(first.answer()?.error, "REBALANCE_IN_PROGRESS");
    harness.log.release();
    await harness.settle();
    assert.equal(second.answer()?.assignment.toString(), "first");
    assert.equal(harness.log.records(0).length, 1);
  });

  test("members that never sync are out after a rebalance timeout", async () => {
    const harness = await CoordinatorHarness.start();
    const fields = { rebalanceTimeoutMs: 8_000, sessionTimeoutMs: 100_000 };
    const joins = [harness.join(fields), harness.join(fields)];
    await harness.advance(6_000);
    const follower = harness.sync({ memberId: joins[1]!.answer()!.memberId });
    await harness.advance(8_000);
    assert.equal(follower.answer()?.error, "REBALANCE_IN_PROGRESS");
    const rejoin = await harness.join({ ...fields, memberId: joins[1]!.answer()!.memberId })
      .promise;
    assert.equal(rejoin.generationId, 2);
    assert.equal(rejoin.members.length, 1);
    const gone = await harness.join({ ...fields, memberId: joins[0]!.answer()!.memberId }).promise;
    assert.equal(gone.error, "UNKNOWN_MEMBER_ID");
  });

  test("members with a rebalance timeout of 0 have time to sync all the same", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join({ rebalanceTimeoutMs: 0 });
    await harness.advance(3_000);
    const { memberId } = await join.promise;
    await harness.advance(900);
    const sync = await harness.sync({ memberId, assignments: [] }).promise;
    assert.equal(sync.error, "NONE");
    assert.equal(harness.state, "Stable");
  });

  test("sync refuses other protocols, generations and members", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1);
    const { memberId } = member!;
    const errorOf = async (fields: object) =>
      (await harness.sync({ memberId, ...fields }).promise).error;
    assert.equal(await errorOf({ protocolName: "sticky" }), "INCONSISTENT_GROUP_PROTOCOL");
    assert.equal(await errorOf({ protocolType: "connect" }), "INCONSISTENT_GROUP_PROTOCOL");
    assert.equal(await errorOf({ generationId: 2 }), "ILLEGAL_GENERATION");
    assert.equal(await errorOf({ memberId: "nobody" }), "UNKNOWN_MEMBER_ID");
    assert.equal(await errorOf({ groupId: "no such group" }), "UNKNOWN_MEMBER_ID");
    assert.equal(await errorOf({ groupId: "" }), "INVALID_GROUP_ID");
    assert.equal(await errorOf({ protocolType: "consumer", protocolName: "range" }), "NONE");
  });

  test("a new member that nobody answers for five minutes must start over", async () => {
    const harness = await CoordinatorHarness.start();
    const fields = { rebalanceTimeoutMs: 900_000, sessionTimeoutMs: 1_800_000 };
    await harness.stableMembers(1, fields);
    const newcomer = harness.join(fields);
    await harness.advance(300_000);
    assert.equal(newcomer.answer()?.error, "UNKNOWN_MEMBER_ID");
  });
});

describe("staying and leaving", () => {
  test("CG9: heartbeats tell of rebalances, old generations and lost membership", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const { memberId } = follower!;
    assert.equal(harness.heartbeat({ memberId }), "NONE");
    assert.equal(harness.heartbeat({ memberId, generationId: 0 }), "ILLEGAL_GENERATION");
    assert.equal(harness.heartbeat({ memberId: "nobody" }), "UNKNOWN_MEMBER_ID");
    assert.equal(harness.heartbeat({ groupId: "no such group" }), "UNKNOWN_MEMBER_ID");
    assert.equal(harness.heartbeat({ groupId: "" }), "INVALID_GROUP_ID");
    harness.join({ memberId: leader!.memberId });
    await harness.settle();
    assert.equal(harness.heartbeat({ memberId }), "REBALANCE_IN_PROGRESS");
  });

  test("CG9: silence ends a session; heartbeats, syncs, joins and commits keep it", async () => {
    const harness = await CoordinatorHarness.start();
    const members = await harness.stableMembers(5, { rebalanceTimeoutMs: 300_000 });
    const [silent, beating, syncing, joining, committing] = members.map(({ memberId }) => memberId);
    for (let elapsed = 0; elapsed < 30_000; elapsed += 5_000) {
      await harness.advance(5_000);
      if (elapsed === 5_000) break;
      harness.heartbeat({ memberId: beating! });
      await harness.sync({ memberId: syncing! }).promise;
      await harness.join({ memberId: joining!, rebalanceTimeoutMs: 300_000 }).promise;
      await harness.commit(1, { memberId: committing!, generationIdOrMemberEpoch: 1 });
    }
    assert.equal(harness.state, "PreparingRebalance");
    const left = harness.coordinator.describeGroups([GROUP])[0]!.members.map((m) => m.memberId);
    assert.equal(left.includes(silent!), false);
    for (const id of [beating!, syncing!, joining!, committing!]) assert.ok(left.includes(id), id);
  });

  test("CG11: a batch of members leaves, each with an answer of its own", async () => {
    const harness = await CoordinatorHarness.start();
    const [a, b, c] = await harness.stableMembers(3);
    const pendingId = (await harness.join({ requiresKnownMemberId: true }).promise).memberId;
    const { error, members } = await harness.leave(
      { memberId: a!.memberId },
      { memberId: b!.memberId },
      { memberId: "nobody" },
      { memberId: pendingId },
      { groupInstanceId: "nobody's" },
    );
    assert.equal(error, "NONE");
    assert.deepEqual(
      members.map((member) => member.error),
      ["NONE", "NONE", "UNKNOWN_MEMBER_ID", "NONE", "UNKNOWN_MEMBER_ID"],
    );
    const rejoin = await harness.join({ memberId: c!.memberId }).promise;
    assert.equal(rejoin.members.length, 1);
    assert.equal(rejoin.leader, c!.memberId);
    const unknown = await harness.coordinator.leaveGroup({
      groupId: "no such group",
      members: [{ memberId: "x", groupInstanceId: null, reason: null }],
    });
    assert.equal(unknown.members[0]!.error, "UNKNOWN_MEMBER_ID");
  });

  test("CG11: who is removed while it waits for its assignment is told", async () => {
    const harness = await CoordinatorHarness.start();
    const joins = [harness.join(), harness.join()];
    await harness.advance(6_000);
    const { memberId } = joins[1]!.answer()!;
    const sync = harness.sync({ memberId });
    await harness.leave({ memberId });
    await harness.settle();
    assert.equal(sync.answer()?.error, "UNKNOWN_MEMBER_ID");
  });

  test("CG11: who rejoined and then leaves is not waited for", async () => {
    const harness = await CoordinatorHarness.start();
    const members = await harness.stableMembers(3);
    const [a, b, c] = members.map(({ memberId }) => memberId);
    harness.join({ memberId: a! });
    await harness.leave({ memberId: a! });
    const rejoins = [harness.join({ memberId: b! }), harness.join({ memberId: c! })];
    await harness.settle();
    assert.equal(rejoins[1]!.answer()?.generationId, 2);
    assert.equal(rejoins[0]!.answer()?.members.length, 2);
  });

  test("CG11: who leaves while others wait for it does not keep them waiting", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const rejoin = harness.join({ memberId: leader!.memberId });
    await harness.leave({ memberId: follower!.memberId });
    await harness.settle();
    assert.equal(rejoin.answer()?.generationId, 2);
  });
});
