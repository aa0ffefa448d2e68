import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { CoordinatorHarness, GROUP, joinRequest, pending } from "./group-harness.ts";

describe("restarts", () => {
  test("CG15: members, generation, leader and offsets survive", async () => {
    const harness = await CoordinatorHarness.start();
    const joined = await harness.stableMembers(3);
    const [leader, follower] = joined.map(({ memberId }) => memberId);
    await harness.commit(5, { memberId: leader!, generationIdOrMemberEpoch: 1 });
    const before = harness.coordinator.describeGroups([GROUP]);
    await harness.restart();
    assert.deepEqual(harness.coordinator.describeGroups([GROUP]), before);
    assert.equal(harness.state, "Stable");
    assert.equal(harness.heartbeat({ memberId: follower! }), "NONE");
    assert.equal(await harness.committed(), 5);
    const synced = await harness.sync({ memberId: follower! }).promise;
    assert.equal(synced.assignment.toString(), follower);
    const rejoin = harness.join({ memberId: leader! });
    await harness.settle();
    assert.equal(rejoin.answer(), null);
    assert.equal(harness.state, "PreparingRebalance");
  });

  test("CG15: sessions begin anew, and end", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stableMembers(2);
    await harness.advance(9_000);
    await harness.restart();
    await harness.advance(9_999);
    assert.equal(harness.state, "Stable");
    await harness.advance(1);
    assert.equal(harness.state, "Empty");
  });

  test("CG15: a rebalance that was under way starts over", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const rejoins = [leader!, follower!].map(({ memberId }) => harness.join({ memberId }));
    await harness.settle();
    assert.equal(rejoins[0]!.answer()?.generationId, 2);
    await harness.restart();
    for (const { memberId } of [leader!, follower!]) {
      assert.equal(harness.heartbeat({ memberId, generationId: 2 }), "ILLEGAL_GENERATION");
      const sync = await harness.sync({ memberId, generationId: 2 }).promise;
      assert.equal(sync.error, "ILLEGAL_GENERATION");
    }
    const again = [leader!, follower!].map(({ memberId }) => harness.join({ memberId }));
    await harness.settle();
    assert.deepEqual(
      again.map((join) => join.answer()?.generationId),
      [2, 2],
    );
  });

  test("CG15: an assignment that did not reach the log did not happen", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join();
    await harness.advance(3_000);
    harness.log.hold();
    const sync = harness.sync({ memberId: join.answer()!.memberId });
    await harness.settle();
    assert.equal(sync.answer(), null);
    await harness.restart();
    assert.equal(sync.answer()?.error, "NOT_COORDINATOR");
    assert.equal(harness.state, "Dead");
  });

  test("CG15: a static member keeps its id", async () => {
    const harness = await CoordinatorHarness.start();
    const join = harness.join({ groupInstanceId: "instance" });
    await harness.advance(3_000);
    await harness.syncAll([join.answer()!]);
    await harness.restart();
    const { memberId } = join.answer()!;
    assert.equal(harness.heartbeat({ memberId, groupInstanceId: "instance" }), "NONE");
    const back = await harness.join({ groupInstanceId: "instance" }).promise;
    assert.equal(back.generationId, 1);
  });

  test("CG15: the leader is who led, not who came first", async () => {
    const harness = await CoordinatorHarness.start();
    const fields = { rebalanceTimeoutMs: 9_000, sessionTimeoutMs: 60_000 };
    const absent = { ...fields, groupInstanceId: "instance" };
    const members = await harness.stable(absent, fields);
    const protocols = [{ name: "range", metadata: Buffer.from("changed") }];
    const [first, second] = members.map(({ memberId }) => memberId);
    const rejoin = harness.join({ ...fields, memberId: second!, protocols });
    await harness.advance(9_000);
    await harness.syncAll([rejoin.answer()!]);
    await harness.restart();
    const back = await harness.join({ ...absent, memberId: first! }).promise;
    assert.equal(back.leader, second);
    assert.equal(harness.state, "Stable");
  });

  test("CG4: a group above a lowered maximum rebalances when it is loaded", async () => {
    const harness = await CoordinatorHarness.start();
    const members = await harness.stableMembers(3);
    const smaller = new CoordinatorHarness({ config: { groupMaxSize: 2 } });
    for (const record of harness.log.records(0)) await smaller.log.append(0, [record]);
    await smaller.coordinator.load();
    assert.equal(smaller.state, "PreparingRebalance");
    const rejoins = members.map(({ memberId }) => smaller.join({ memberId }));
    await smaller.advance(0);
    assert.deepEqual(
      rejoins.map((join) => join.answer()?.error),
      ["NONE", "NONE", "GROUP_MAX_SIZE_REACHED"],
    );
  });

  test("CG14: groups are spread over shards and found there again", async () => {
    const harness = await CoordinatorHarness.start({ shards: 50 });
    for (let index = 0; index < 200; index++) await harness.commit(index, { groupId: `g${index}` });
    await harness.restart();
    for (let index = 0; index < 200; index++) {
      assert.equal(await harness.committed(0, "topic", `g${index}`), index);
    }
    const group = "g7";
    const shard = harness.coordinator.shardFor(group);
    assert.ok(harness.log.records(shard).some(({ key }) => key.includes(group)));
  });
});

describe("loading and closing", () => {
  test("while a shard loads its groups are told to wait", async () => {
    const harness = new CoordinatorHarness();
    const error = "COORDINATOR_LOAD_IN_PROGRESS";
    const { coordinator } = harness;
    assert.equal((await harness.join().promise).error, error);
    assert.equal((await harness.sync().promise).error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.heartbeat({}), "NONE");
    assert.equal((await harness.leave({ memberId: "m" })).error, error);
    assert.equal(await harness.commit(1), error);
    const fetched = await coordinator.fetchOffsets({
      requireStable: true,
      groups: [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics: null }],
    });
    assert.equal(fetched.groups[0]!.error, error);
    assert.equal((await coordinator.deleteOffsets({ groupId: GROUP, topics: [] })).error, error);
    assert.equal((await coordinator.deleteGroups([GROUP]))[0]!.error, error);
    assert.equal(coordinator.listGroups({ statesFilter: [], typesFilter: [] }).error, error);
    const described = coordinator.describeGroups([GROUP])[0]!;
    assert.deepEqual([described.error, described.groupState], [error, ""]);
    await coordinator.load();
    assert.equal(await harness.commit(1), "NONE");
  });

  test("a topic deleted while its shard loads loses its offsets too", async () => {
    const first = await CoordinatorHarness.start();
    await first.commit(1);
    const { topicId } = first.topics.get("topic")!;
    first.log.crash();
    await first.coordinator.close();
    const harness = new CoordinatorHarness();
    for (const record of first.log.records(0)) await harness.log.append(0, [record]);
    const cleaned = harness.coordinator.onTopicsDeleted([{ name: "topic", topicId }]);
    await harness.coordinator.load();
    await cleaned;
    assert.equal(await harness.committed(), -1);
  });

  test("a shard with a corrupt record is out of service, the others work", async () => {
    const harness = new CoordinatorHarness({ shards: 2 });
    const bad = { key: Buffer.from("000200ff", "hex"), value: Buffer.from("00", "hex") };
    await harness.log.append(0, [bad]);
    await assert.rejects(harness.coordinator.load(), AggregateError);
    const names = ["a", "b", "c", "d"];
    const isIn = (shard: number) => (name: string) => harness.coordinator.shardFor(name) === shard;
    const broken = { groupId: names.find(isIn(0))! };
    assert.equal(await harness.commit(1, broken), "COORDINATOR_NOT_AVAILABLE");
    assert.equal(await harness.commit(1, { groupId: names.find(isIn(1))! }), "NONE");
    assert.equal(harness.warnings.length, 1);
  });

  test("closing answers all that waits, and everything afterwards", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const join = harness.join({ memberId: leader!.memberId });
    const other = harness.join({ groupId: "other" });
    await harness.advance(3_000);
    const sync = harness.sync({ groupId: "other", memberId: "?" });
    harness.log.hold();
    const commit = pending(
      harness.commit(1, { memberId: follower!.memberId, generationIdOrMemberEpoch: 1 }),
    );
    const closing = harness.coordinator.close();
    harness.log.release();
    await closing;
    await harness.settle();
    assert.equal(join.answer()?.error, "NOT_COORDINATOR");
    assert.equal(other.answer()?.error, "NONE");
    assert.equal(sync.answer()?.error, "UNKNOWN_MEMBER_ID");
    assert.equal(commit.answer(), "NONE");
    assert.equal((await harness.join().promise).error, "COORDINATOR_NOT_AVAILABLE");
    assert.equal(await harness.commit(1), "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.heartbeat({}), "COORDINATOR_NOT_AVAILABLE");
    assert.equal(harness.clock.timerCount, 0);
    await harness.coordinator.close();
  });

  test("timers do not grow with the number of groups", async () => {
    const harness = await CoordinatorHarness.start({ shards: 50 });
    const idle = harness.clock.timerCount;
    const joins = Array.from({ length: 1_000 }, (_, index) =>
      harness.join({ groupId: `g${index}` }),
    );
    await harness.advance(3_000);
    const synced = joins.map((join, index) =>
      harness.sync({ groupId: `g${index}`, memberId: join.answer()!.memberId }),
    );
    await harness.settle();
    assert.equal(synced.at(-1)!.answer()?.error, "NONE");
    assert.equal(harness.clock.timerCount, idle + 1);
    await harness.advance(10_000);
    assert.equal(harness.coordinator.gauges().numGroupsEmpty, 1_000);
    assert.equal(harness.clock.timerCount, idle);
  });
});

describe("looking around", () => {
  test("groups are described with metadata when stable", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1);
    const [group] = harness.coordinator.describeGroups([GROUP]);
    assert.equal(group!.protocolType, "consumer");
    assert.equal(group!.protocolData, "range");
    const [described] = group!.members;
    assert.equal(described!.memberId, member!.memberId);
    assert.equal(described!.clientId, "client");
    assert.equal(described!.clientHost, "/127.0.0.1");
    assert.deepEqual(described!.memberMetadata, joinRequest().protocols[0]!.metadata);
    assert.equal(described!.memberAssignment.toString(), member!.memberId);
    harness.join({ memberId: member!.memberId });
    await harness.settle();
    const [joining] = harness.coordinator.describeGroups([GROUP]);
    assert.equal(joining!.groupState, "CompletingRebalance");
    assert.equal(joining!.protocolData, "");
    assert.equal(joining!.members[0]!.memberMetadata.length, 0);
    const [unknown] = harness.coordinator.describeGroups(["unknown"]);
    assert.equal(unknown!.error, "GROUP_ID_NOT_FOUND");
    assert.equal(unknown!.groupState, "Dead");
    assert.equal(unknown!.errorMessage, "Group unknown not found.");
  });

  test("groups are listed by state and type, in any case of letters", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stableMembers(1);
    await harness.commit(1, { groupId: "simple" });
    const list = (statesFilter: string[], typesFilter: string[] = []) => {
      const { error, groups } = harness.coordinator.listGroups({ statesFilter, typesFilter });
      assert.equal(error, "NONE");
      return groups.map(({ groupId }) => groupId).sort();
    };
    assert.deepEqual(list([]), [GROUP, "simple"]);
    assert.deepEqual(list(["sTABLE"]), [GROUP]);
    assert.deepEqual(list(["empty", "Dead"]), ["simple"]);
    assert.deepEqual(list([], ["CLASSIC", "share"]), [GROUP, "simple"]);
    assert.deepEqual(list([], ["consumer"]), []);
    const { groups } = harness.coordinator.listGroups({ statesFilter: ["empty"], typesFilter: [] });
    assert.deepEqual(groups, [
      { groupId: "simple", protocolType: "", groupState: "Empty", groupType: "classic" },
    ]);
  });

  test("gauges count groups by state, and offsets", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stableMembers(1);
    await harness.commit(1, { groupId: "simple" });
    assert.deepEqual(harness.coordinator.gauges(), {
      numGroups: 2,
      numGroupsEmpty: 1,
      numGroupsPreparingRebalance: 0,
      numGroupsCompletingRebalance: 0,
      numGroupsStable: 1,
      numGroupsDead: 0,
      numOffsets: 1,
    });
  });

  test("requests may reuse their buffers once they are answered or parked", async () => {
    const harness = await CoordinatorHarness.start();
    const metadata = Buffer.from("mine");
    const join = harness.join({ protocols: [{ name: "range", metadata }] });
    metadata.fill(0);
    await harness.advance(3_000);
    const { memberId, members } = join.answer()!;
    assert.equal(members[0]!.metadata.toString(), "mine");
    const assignment = Buffer.from("yours");
    const sync = harness.sync({ memberId, assignments: [{ memberId, assignment }] });
    assignment.fill(0);
    await harness.settle();
    assert.equal(sync.answer()?.assignment.toString(), "yours");
  });

  test("a member id begins with the client id, or the instance id, whatever their length", async () => {
    const harness = await CoordinatorHarness.start();
    const clientId = "c".repeat(32_767);
    const long = await harness.join({ clientId, requiresKnownMemberId: true }).promise;
    assert.ok(long.memberId.startsWith("ccc") && long.memberId.length < 32_767);
    const join = harness.join({ groupId: "static", groupInstanceId: "instance" });
    await harness.advance(3_000);
    assert.match(join.answer()!.memberId, /^instance-[0-9a-f-]{36}$/);
  });

  test("the clock of a coordinator may jump without ending sessions", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.stableMembers(1);
    harness.clock.setWallClock(new SimulatedClock().now() + 86_400_000);
    await harness.advance(5_000);
    assert.equal(harness.state, "Stable");
  });
});
