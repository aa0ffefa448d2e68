import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CoordinatorHarness,
  commitRequest,
  GROUP,
  subscription,
  TOPIC_ID,
} from "./group-harness.ts";

const DAY_MS = 86_400_000;
const RETENTION_MS = 7 * DAY_MS;
/** Retention and the scan after it. */
const PAST_RETENTION_MS = RETENTION_MS + 600_000;

const OTHER_ID = "AAAAAAAAAAAAAAAAAAAAAg";

describe("committing", () => {
  test("CG12: offset, leader epoch and metadata come back as they were", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await harness.commit(42, { metadata: "méta", epoch: 5 }), "NONE");
    assert.deepEqual(await harness.fetch(), {
      partitionIndex: 0,
      committedOffset: 42,
      committedLeaderEpoch: 5,
      metadata: "méta",
      error: "NONE",
    });
    assert.equal(await harness.committed(1), -1);
    assert.equal(await harness.committed(0, "topic", "other group"), -1);
  });

  test("CG12: the empty group id and the offsets −1 and −5 are accepted", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await harness.commit(7, { groupId: "" }), "NONE");
    assert.equal(await harness.committed(0, "topic", ""), 7);
    for (const offset of [-1, -5]) {
      assert.equal(await harness.commit(offset), "NONE");
      assert.equal(await harness.committed(), offset);
    }
  });

  test("CG12: without a generation only an empty group takes commits", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await harness.commit(1), "NONE");
    assert.equal(await harness.commit(2, { memberId: "somebody" }), "NONE");
    const [member] = await harness.stableMembers(1);
    assert.equal(await harness.commit(3), "UNKNOWN_MEMBER_ID");
    const { memberId } = member!;
    assert.equal(await harness.commit(3, { memberId }), "ILLEGAL_GENERATION");
    await harness.leave({ memberId });
    assert.equal(await harness.commit(4), "NONE");
    assert.equal(await harness.committed(), 4);
  });

  test("CG12: members commit with their generation, also while others gather, not while they sync", async () => {
    const harness = await CoordinatorHarness.start();
    const [leader, follower] = await harness.stableMembers(2);
    const { memberId } = follower!;
    const as = (generationIdOrMemberEpoch: number) => ({ memberId, generationIdOrMemberEpoch });
    assert.equal(await harness.commit(1, as(1)), "NONE");
    assert.equal(await harness.commit(1, as(0)), "ILLEGAL_GENERATION");
    assert.equal(await harness.commit(1, { ...as(1), memberId: "nobody" }), "UNKNOWN_MEMBER_ID");
    const rejoins = [harness.join({ memberId: leader!.memberId })];
    await harness.settle();
    assert.equal(harness.state, "PreparingRebalance");
    assert.equal(await harness.commit(2, as(1)), "NONE");
    rejoins.push(harness.join({ memberId }));
    await harness.settle();
    assert.equal(harness.state, "CompletingRebalance");
    assert.equal(await harness.commit(3, as(2)), "REBALANCE_IN_PROGRESS");
    assert.equal(await harness.commit(3, as(1)), "ILLEGAL_GENERATION");
    assert.equal(await harness.committed(), 2);
  });

  test("CG12: an unknown group takes no generation, under the name that the version knows", async () => {
    const harness = await CoordinatorHarness.start();
    const fields = { generationIdOrMemberEpoch: 3, memberId: "m" };
    assert.equal(await harness.commit(1, fields), "GROUP_ID_NOT_FOUND");
    const old = { ...fields, knowsGroupIdNotFound: false };
    assert.equal(await harness.commit(1, old), "ILLEGAL_GENERATION");
  });

  test("CG12: partitions are judged one by one", async () => {
    const harness = await CoordinatorHarness.start();
    const partition = (partitionIndex: number, committedMetadata: string | null = null) => ({
      partitionIndex,
      committedOffset: 9,
      committedLeaderEpoch: -1,
      committedMetadata,
    });
    const { topics } = await harness.coordinator.commitOffsets({
      ...commitRequest(0),
      topics: [
        {
          name: "topic",
          topicId: null,
          partitions: [
            partition(0),
            partition(1, "x".repeat(4_096)),
            partition(2, "x".repeat(4_097)),
            partition(3),
            partition(-1),
          ],
        },
        { name: "unknown", topicId: null, partitions: [partition(0)] },
        { name: "", topicId: TOPIC_ID, partitions: [partition(0)] },
        { name: "", topicId: OTHER_ID, partitions: [partition(0)] },
      ],
    });
    assert.deepEqual(
      topics.map((topic) => topic.partitions.map(({ error }) => error)),
      [
        [
          "NONE",
          "NONE",
          "OFFSET_METADATA_TOO_LARGE",
          "UNKNOWN_TOPIC_OR_PARTITION",
          "UNKNOWN_TOPIC_OR_PARTITION",
        ],
        ["UNKNOWN_TOPIC_OR_PARTITION"],
        ["NONE"],
        ["UNKNOWN_TOPIC_ID"],
      ],
    );
    assert.equal(topics[2]!.name, "topic");
    assert.equal(await harness.committed(1), 9);
    assert.equal(await harness.committed(2), -1);
  });

  test("CG12: a commit is answered when it is durable, and not seen before", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    harness.log.hold();
    let answered = false;
    const commit = harness.commit(2).then((error) => {
      answered = true;
      return error;
    });
    const stable = harness.committed();
    await harness.settle();
    assert.equal(answered, false);
    const { groups } = await harness.coordinator.fetchOffsets({
      requireStable: false,
      groups: [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics: null }],
    });
    assert.equal(groups[0]!.topics[0]!.partitions[0]!.committedOffset, 1);
    harness.log.release();
    assert.equal(await commit, "NONE");
    assert.equal(await stable, 2);
  });

  test("a commit that cannot be stored has not happened", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    for (const [rejection, error] of [
      ["unavailable", "COORDINATOR_NOT_AVAILABLE"],
      ["notOwner", "NOT_COORDINATOR"],
      ["tooLarge", "INVALID_COMMIT_OFFSET_SIZE"],
    ] as const) {
      harness.log.fail({ rejection, count: 1 });
      assert.equal(await harness.commit(2), error);
      assert.equal(await harness.committed(), 1);
    }
    assert.equal(harness.warnings.length, 3);
  });

  test("a group id that fits no record is refused before anything is written", async () => {
    const harness = await CoordinatorHarness.start();
    const error = await harness.commit(1, { groupId: "x".repeat(40_000) });
    assert.equal(error, "INVALID_COMMIT_OFFSET_SIZE");
    assert.equal(harness.log.records(0).length, 0);
  });

  test("many commits of one group are on their way together", async () => {
    const harness = await CoordinatorHarness.start();
    harness.log.hold();
    const commits = Array.from({ length: 20 }, (_, offset) => harness.commit(offset));
    await harness.settle();
    assert.equal(harness.log.appends, 20);
    harness.log.release();
    await Promise.all(commits);
    assert.equal(await harness.committed(), 19);
  });

  test("all offsets of a group come with their topics' names and ids", async () => {
    const harness = await CoordinatorHarness.start();
    harness.topics.set("other", { topicId: OTHER_ID, partitions: 1 });
    await harness.commit(1);
    await harness.commit(2, {
      topics: [{ ...commitRequest(2).topics[0]!, name: "other" }],
    });
    const { groups } = await harness.coordinator.fetchOffsets({
      requireStable: false,
      groups: [
        { groupId: GROUP, memberId: null, memberEpoch: -1, topics: null },
        { groupId: "unknown", memberId: null, memberEpoch: -1, topics: null },
        {
          groupId: GROUP,
          memberId: null,
          memberEpoch: -1,
          topics: [
            { name: "", topicId: OTHER_ID, partitionIndexes: [0] },
            { name: "", topicId: "AAAAAAAAAAAAAAAAAAAAAw", partitionIndexes: [0] },
          ],
        },
      ],
    });
    const [all, unknown, byId] = groups;
    assert.deepEqual(
      all!.topics.map(({ name, topicId }) => [name, topicId]),
      [
        ["topic", TOPIC_ID],
        ["other", OTHER_ID],
      ],
    );
    assert.deepEqual(unknown, { groupId: "unknown", error: "NONE", topics: [] });
    assert.equal(byId!.topics[0]!.partitions[0]!.committedOffset, 2);
    assert.equal(byId!.topics[1]!.partitions[0]!.error, "UNKNOWN_TOPIC_ID");
  });
});

describe("deleting and expiring", () => {
  test("CG13: DeleteGroups takes a group with its offsets, unless somebody is in it", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1);
    await harness.commit(5, { memberId: member!.memberId, generationIdOrMemberEpoch: 1 });
    const deleteAll = () => harness.coordinator.deleteGroups([GROUP, "unknown"]);
    assert.deepEqual(await deleteAll(), [
      { groupId: GROUP, error: "NON_EMPTY_GROUP" },
      { groupId: "unknown", error: "GROUP_ID_NOT_FOUND" },
    ]);
    await harness.leave({ memberId: member!.memberId });
    assert.equal((await deleteAll())[0]!.error, "NONE");
    assert.equal(await harness.committed(), -1);
    assert.equal((await deleteAll())[0]!.error, "GROUP_ID_NOT_FOUND");
    await harness.restart();
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.coordinator.gauges().numGroups, 0);
  });

  test("CG13: of two that delete a group at once one finds it, however many offsets it has", async () => {
    const harness = await CoordinatorHarness.start();
    harness.topics.set("topic", { topicId: TOPIC_ID, partitions: 2_500 });
    const partitions = Array.from({ length: 2_500 }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: 1,
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }));
    await harness.commit(1, { topics: [{ name: "topic", topicId: null, partitions }] });
    const deletions = await Promise.all([
      harness.coordinator.deleteGroups([GROUP]),
      harness.coordinator.deleteGroups([GROUP]),
    ]);
    assert.deepEqual(
      deletions.map(([deletion]) => deletion!.error),
      ["NONE", "GROUP_ID_NOT_FOUND"],
    );
  });

  test("CG13: what joins or commits while its group is being deleted finds a new one", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(5);
    harness.log.hold();
    const deletion = harness.coordinator.deleteGroups([GROUP]);
    const join = harness.join();
    const commit = harness.commit(6, { groupId: "other" });
    await harness.settle();
    harness.log.release();
    assert.equal((await deletion)[0]!.error, "NONE");
    assert.equal(await commit, "NONE");
    await harness.advance(3_000);
    assert.equal(join.answer()?.error, "NONE");
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.state, "CompletingRebalance");
  });

  test("CG13: OffsetDelete spares topics that members subscribe to", async () => {
    const harness = await CoordinatorHarness.start();
    harness.topics.set("other", { topicId: OTHER_ID, partitions: 1 });
    const protocols = [{ name: "range", metadata: subscription(["other"]) }];
    const [member] = await harness.stableMembers(1, { protocols });
    const as = { memberId: member!.memberId, generationIdOrMemberEpoch: 1 };
    await harness.commit(1, as);
    await harness.commit(1, {
      ...as,
      topics: [{ ...commitRequest(1).topics[0]!, name: "other" }],
    });
    const partitions = [{ partitionIndex: 0 }];
    const { error, topics } = await harness.coordinator.deleteOffsets({
      groupId: GROUP,
      topics: [
        { name: "topic", partitions },
        { name: "other", partitions },
        { name: "unknown", partitions },
        { name: "topic", partitions: [{ partitionIndex: -1 }] },
      ],
    });
    assert.equal(error, "NONE");
    assert.deepEqual(
      topics.map((topic) => topic.partitions[0]!.error),
      [
        "NONE",
        "GROUP_SUBSCRIBED_TO_TOPIC",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "UNKNOWN_TOPIC_OR_PARTITION",
      ],
    );
    assert.equal(await harness.committed(0, "topic"), -1);
    assert.equal(await harness.committed(0, "other"), 1);
  });

  test("CG13: OffsetDelete needs the group, and an empty one when it is not of consumers", async () => {
    const harness = await CoordinatorHarness.start();
    const request = {
      groupId: GROUP,
      topics: [{ name: "topic", partitions: [{ partitionIndex: 0 }] }],
    };
    assert.equal((await harness.coordinator.deleteOffsets(request)).error, "GROUP_ID_NOT_FOUND");
    const joined = await harness.stableMembers(1, { protocolType: "connect" });
    assert.equal((await harness.coordinator.deleteOffsets(request)).error, "NON_EMPTY_GROUP");
    await harness.leave({ memberId: joined[0]!.memberId });
    assert.equal((await harness.coordinator.deleteOffsets(request)).error, "NONE");
  });

  test("CG13: a subscription that does not parse protects all topics", async () => {
    const harness = await CoordinatorHarness.start();
    const protocols = [{ name: "range", metadata: Buffer.from("junk") }];
    const [member] = await harness.stableMembers(1, { protocols });
    await harness.commit(1, { memberId: member!.memberId, generationIdOrMemberEpoch: 1 });
    const request = {
      groupId: GROUP,
      topics: [{ name: "topic", partitions: [{ partitionIndex: 0 }] }],
    };
    const { topics } = await harness.coordinator.deleteOffsets(request);
    assert.equal(topics[0]!.partitions[0]!.error, "GROUP_SUBSCRIBED_TO_TOPIC");
  });

  test("CG13: offsets of consumers in no group expire a retention after their commit", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    await harness.advance(DAY_MS);
    await harness.commit(2, {
      topics: [
        {
          name: "topic",
          topicId: null,
          partitions: [{ ...commitRequest(2).topics[0]!.partitions[0]!, partitionIndex: 1 }],
        },
      ],
    });
    await harness.advance(PAST_RETENTION_MS - DAY_MS);
    assert.equal(await harness.committed(0), -1);
    assert.equal(await harness.committed(1), 2);
    await harness.advance(DAY_MS);
    assert.equal(await harness.committed(1), -1);
    assert.equal(harness.state, "Dead");
    await harness.restart();
    assert.equal(harness.coordinator.gauges().numGroups, 0);
  });

  test("CG13: offsets of a group expire a retention after it became empty, then the group goes", async () => {
    const harness = await CoordinatorHarness.start();
    const [member] = await harness.stableMembers(1, { sessionTimeoutMs: 1_800_000 });
    const { memberId } = member!;
    await harness.commit(1, { memberId, generationIdOrMemberEpoch: 1 });
    for (let day = 0; day < 10 * 96; day++) {
      await harness.advance(DAY_MS / 96);
      assert.equal(harness.heartbeat({ memberId }), "NONE");
    }
    assert.equal(await harness.committed(), 1);
    await harness.leave({ memberId });
    await harness.advance(RETENTION_MS - 600_000);
    assert.equal(await harness.committed(), 1);
    await harness.advance(1_200_000);
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.state, "Dead");
  });

  test("CG13: a topic that nobody in a stable group reads any more expires by its commit", async () => {
    const harness = await CoordinatorHarness.start();
    harness.topics.set("other", { topicId: OTHER_ID, partitions: 1 });
    const protocols = [{ name: "range", metadata: subscription(["other"]) }];
    const [member] = await harness.stableMembers(1, { protocols, sessionTimeoutMs: 1_800_000 });
    const as = { memberId: member!.memberId, generationIdOrMemberEpoch: 1 };
    await harness.commit(1, as);
    await harness.commit(2, {
      ...as,
      topics: [{ ...commitRequest(2).topics[0]!, name: "other" }],
    });
    for (let elapsed = 0; elapsed < PAST_RETENTION_MS; elapsed += 1_200_000) {
      await harness.advance(1_200_000);
      harness.heartbeat({ memberId: as.memberId });
    }
    assert.equal(await harness.committed(0, "topic"), -1);
    assert.equal(await harness.committed(0, "other"), 2);
    assert.equal(harness.state, "Stable");
  });

  test("CG13: a retention that the client asked for goes before the broker's", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1, { retentionTimeMs: DAY_MS });
    await harness.advance(DAY_MS - 600_000);
    assert.equal(await harness.committed(), 1);
    await harness.advance(1_200_000);
    assert.equal(await harness.committed(), -1);
  });

  test("CG13: expiry never takes an offset whose commit is on its way", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    await harness.advance(RETENTION_MS - 1);
    harness.log.hold();
    const commit = harness.commit(2);
    await harness.advance(600_000);
    harness.log.release();
    assert.equal(await commit, "NONE");
    await harness.settle();
    assert.equal(await harness.committed(), 2);
    await harness.restart();
    assert.equal(await harness.committed(), 2);
  });

  test("CG13: a scan that cannot write is made good by the next", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    harness.log.fail({ rejection: "unavailable", count: 1 });
    await harness.advance(PAST_RETENTION_MS);
    assert.equal(harness.warnings.length, 1);
    await harness.advance(600_000);
    assert.equal(await harness.committed(), -1);
  });

  for (const retentionTimeMs of [-1, DAY_MS]) {
    test(`CG13: an offset whose topic went before a crash goes at the start, retention ${retentionTimeMs}`, async () => {
      const harness = await CoordinatorHarness.start();
      await harness.commit(1, { retentionTimeMs });
      await harness.commit(2, { groupId: "other" });
      const known = harness.topics.get("topic")!;
      harness.topics.delete("topic");
      await harness.restart();
      await harness.settle();
      assert.equal(harness.coordinator.gauges().numOffsets, 0);
      harness.topics.set("topic", { ...known, topicId: OTHER_ID });
      assert.equal(await harness.commit(3, { groupId: "other" }), "NONE");
      await harness.restart();
      assert.equal(await harness.committed(), -1);
      assert.equal(await harness.committed(0, "topic", "other"), 3);
    });
  }

  test("CG13: deleting a topic deletes its offsets, not those of a new topic of its name", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    harness.topics.set("topic", { topicId: OTHER_ID, partitions: 3 });
    // Not deleted yet, but as good as gone.
    assert.equal(await harness.committed(), -1);
    const deleted = [{ name: "topic", topicId: TOPIC_ID }];
    await harness.coordinator.onTopicsDeleted(deleted);
    assert.equal(harness.log.records(0).length, 2);
    await harness.commit(2);
    await harness.coordinator.onTopicsDeleted(deleted);
    assert.equal(await harness.committed(), 2);
  });
});
