/** Offsets in transactions (TX13): seen when the marker is, and not before. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ProducerIdentity } from "../coordinator-log.ts";
import type { GroupErrorName } from "../errors.ts";
import { CoordinatorHarness, commitRequest, GROUP } from "./group-harness.ts";
import type { TransactionalOffsetCommitRequest } from "./offset-types.ts";

const PRODUCER = { producerId: 7, producerEpoch: 0 };
const OTHER = { producerId: 8, producerEpoch: 0 };

type Fields = Partial<TransactionalOffsetCommitRequest> & {
  readonly partition?: number;
  readonly metadata?: string;
  readonly topicId?: string;
};

async function commitIn(
  harness: CoordinatorHarness,
  producer: ProducerIdentity,
  offset: number,
  { partition = 0, metadata = "", topicId, ...fields }: Fields = {},
): Promise<GroupErrorName> {
  const { topics } = await harness.coordinator.commitTransactionalOffsets({
    groupId: GROUP,
    ...producer,
    generationId: -1,
    memberId: "",
    groupInstanceId: null,
    topics: [
      {
        name: "topic",
        topicId: topicId ?? null,
        partitions: [
          {
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: -1,
            committedMetadata: metadata,
          },
        ],
      },
    ],
    admit: () => "NONE",
    ...fields,
  });
  return topics[0]!.partitions[0]!.error;
}

/** What the broker does when the transaction ends. */
function end(
  harness: CoordinatorHarness,
  producer: ProducerIdentity,
  commit: boolean,
): Promise<void> {
  const stored = harness.log.appendMarker(0, { ...producer, commit }).then(
    () => true,
    () => false,
  );
  return harness.coordinator.completeTransaction(
    0,
    { producerId: producer.producerId, commit },
    stored,
  );
}

/** OffsetFetch that does not ask for stable offsets. */
async function visible(harness: CoordinatorHarness): Promise<number> {
  const topics = [{ name: "topic", topicId: null, partitionIndexes: [0] }];
  const { groups } = await harness.coordinator.fetchOffsets({
    requireStable: false,
    groups: [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics }],
  });
  return groups[0]!.topics[0]!.partitions[0]!.committedOffset;
}

async function deleteOffset(harness: CoordinatorHarness): Promise<GroupErrorName> {
  const topics = [{ name: "topic", partitions: [{ partitionIndex: 0 }] }];
  const result = await harness.coordinator.deleteOffsets({ groupId: GROUP, topics });
  return result.topics[0]!.partitions[0]!.error;
}

describe("offsets in transactions", () => {
  test("TX13: they are seen once the transaction is committed, also after a restart before and behind it", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await commitIn(harness, PRODUCER, 5), "NONE");
    assert.equal(await visible(harness), -1);
    await harness.restart();
    assert.equal(await visible(harness), -1);
    await end(harness, PRODUCER, true);
    assert.equal(await visible(harness), 5);
    await harness.restart();
    assert.equal(await visible(harness), 5);
  });

  test("TX13: they are gone when it is aborted", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    await commitIn(harness, PRODUCER, 5);
    await end(harness, PRODUCER, false);
    assert.equal(await visible(harness), 1);
    await harness.restart();
    assert.equal(await harness.committed(), 1);
  });

  test("TX13: who asks for stable offsets is told that there are none yet, for those partitions alone", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    await commitIn(harness, PRODUCER, 5);
    assert.deepEqual(await harness.fetch(0), {
      partitionIndex: 0,
      committedOffset: -1,
      committedLeaderEpoch: -1,
      metadata: "",
      error: "UNSTABLE_OFFSET_COMMIT",
    });
    assert.equal((await harness.fetch(1)).error, "NONE");
    const all = await harness.coordinator.fetchOffsets({
      requireStable: true,
      groups: [{ groupId: GROUP, memberId: null, memberEpoch: -1, topics: null }],
    });
    assert.equal(all.groups[0]!.topics[0]!.partitions[0]!.error, "UNSTABLE_OFFSET_COMMIT");
    await end(harness, PRODUCER, true);
    assert.equal(await harness.committed(), 5);
  });

  test("TX13: with several transactions open, a partition is unstable until the last one ends", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    await commitIn(harness, OTHER, 6);
    await end(harness, OTHER, true);
    assert.equal((await harness.fetch()).error, "UNSTABLE_OFFSET_COMMIT");
    assert.equal(await visible(harness), 6);
    await end(harness, PRODUCER, true);
    // The other's was written later.
    assert.equal(await harness.committed(), 6);
  });

  test("TX13: a plain commit that was written later is not undone by the end of the transaction", async () => {
    for (const isRestarted of [false, true]) {
      const harness = await CoordinatorHarness.start();
      await commitIn(harness, PRODUCER, 5);
      await harness.commit(9);
      if (isRestarted) await harness.restart();
      await end(harness, PRODUCER, true);
      assert.equal(await harness.committed(), 9);
      await commitIn(harness, PRODUCER, 3);
      await end(harness, PRODUCER, true);
      assert.equal(await harness.committed(), 3);
    }
  });

  test("the end is applied behind the offsets, however late they are known to be durable", async () => {
    const harness = await CoordinatorHarness.start();
    harness.log.hold();
    const committing = commitIn(harness, PRODUCER, 5);
    const ending = end(harness, PRODUCER, true);
    const fetched = harness.fetch();
    harness.log.release();
    await Promise.all([committing, ending]);
    assert.equal((await fetched).committedOffset, 5);
  });

  test("an end whose marker is not stored changes nothing", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    harness.log.fail({ rejection: "unavailable", count: 1 });
    await end(harness, PRODUCER, true);
    assert.equal((await harness.fetch()).error, "UNSTABLE_OFFSET_COMMIT");
    await end(harness, PRODUCER, true);
    assert.equal(await harness.committed(), 5);
  });

  test("an end that comes before the shard is read waits for it", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    const again = new CoordinatorHarness();
    await again.log.append(0, harness.log.records(0), PRODUCER);
    const ending = end(again, PRODUCER, true);
    await again.coordinator.load();
    await ending;
    assert.equal(await again.committed(), 5);
  });

  test("what the producer may not do is answered for every partition, and nothing is stored", async () => {
    const harness = await CoordinatorHarness.start();
    const admit = () => "INVALID_PRODUCER_EPOCH" as const;
    assert.equal(await commitIn(harness, PRODUCER, 5, { admit }), "INVALID_PRODUCER_EPOCH");
    assert.equal(harness.log.records(0).length, 0);
    await harness.log.appendMarker(0, { producerId: 7, producerEpoch: 2, commit: false });
    assert.equal(await commitIn(harness, PRODUCER, 5), "INVALID_PRODUCER_EPOCH");
    const metadata = "x".repeat(5_000);
    assert.equal(await commitIn(harness, OTHER, 5, { metadata }), "OFFSET_METADATA_TOO_LARGE");
    assert.equal(await commitIn(harness, OTHER, 5, { groupId: "" }), "INVALID_GROUP_ID");
  });

  test("KIP-447: a member is checked when it is named, whatever the group is doing", async () => {
    const harness = await CoordinatorHarness.start();
    assert.equal(await commitIn(harness, PRODUCER, 1, { generationId: 1 }), "ILLEGAL_GENERATION");
    const [member] = await harness.stableMembers(1);
    const { memberId, generationId } = member!;
    const named = { memberId, generationId };
    assert.equal(await commitIn(harness, PRODUCER, 1, named), "NONE");
    assert.equal(await commitIn(harness, PRODUCER, 2), "NONE", "nobody is named");
    const old = { memberId, generationId: 0 };
    assert.equal(await commitIn(harness, PRODUCER, 3, old), "ILLEGAL_GENERATION");
    const stranger = { memberId: "who", generationId };
    assert.equal(await commitIn(harness, PRODUCER, 3, stranger), "UNKNOWN_MEMBER_ID");
    // A second member makes the group rebalance; plain commits stop when the join completes, these do not.
    harness.join();
    await harness.settle();
    assert.equal(harness.state, "PreparingRebalance");
    assert.equal(await commitIn(harness, PRODUCER, 4, named), "NONE");
  });

  test("CG13: deleting an offset deletes what is pending for it", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    assert.equal(await deleteOffset(harness), "NONE");
    assert.equal(harness.log.records(0).at(-1)!.value, null, "there is a tombstone");
    await end(harness, PRODUCER, true);
    assert.equal(await harness.committed(), -1);
    await harness.restart();
    assert.equal(await harness.committed(), -1);
  });

  test("CG13: deleting a group deletes what is pending in it, and each partition once", async () => {
    const harness = await CoordinatorHarness.start();
    await harness.commit(1);
    await commitIn(harness, PRODUCER, 5);
    await commitIn(harness, PRODUCER, 6, { partition: 1 });
    const before = harness.log.records(0).length;
    const [deleted] = await harness.coordinator.deleteGroups([GROUP]);
    assert.equal(deleted!.error, "NONE");
    assert.equal(harness.log.records(0).length - before, 3, "two offsets and the group");
    await end(harness, PRODUCER, true);
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.state, "Dead");
  });

  test("CG13: an offset does not expire, nor its group, while a transaction has one pending", async () => {
    const harness = await CoordinatorHarness.start({ config: { offsetsRetentionMinutes: 10 } });
    await harness.commit(1);
    await commitIn(harness, PRODUCER, 5);
    await harness.advance(3_600_000);
    assert.equal(await visible(harness), 1);
    await end(harness, PRODUCER, false);
    await harness.advance(3_600_000);
    assert.equal(await visible(harness), -1);
    assert.equal(harness.state, "Dead");
  });

  test("CG13: a group of which nothing is known but a pending offset is kept", async () => {
    const harness = await CoordinatorHarness.start({ config: { offsetsRetentionMinutes: 10 } });
    await commitIn(harness, PRODUCER, 5);
    await harness.advance(3_600_000);
    assert.equal(harness.state, "Empty");
    await end(harness, PRODUCER, true);
    assert.equal(await harness.committed(), 5);
  });

  test("CG13: offsets of a deleted topic are deleted, pending ones too", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    const topicId = harness.topics.get("topic")!.topicId;
    harness.topics.delete("topic");
    await harness.coordinator.onTopicsDeleted([{ name: "topic", topicId }]);
    await end(harness, PRODUCER, true);
    harness.topics.set("topic", { topicId: "AAAAAAAAAAAAAAAAAAAAAg", partitions: 3 });
    assert.equal(await harness.committed(), -1);
    assert.equal(harness.log.records(0).at(-1)!.value, null, "there is a tombstone");
  });

  for (const [fate, topicId] of [
    ["deleted", null],
    ["replaced", "AAAAAAAAAAAAAAAAAAAAAg"],
  ] as const) {
    const what = `CG13: an offset of a topic that is ${fate} before it is queued is refused`;

    /** Holds the group's shard with the deletion of another group, and replaces the topic meanwhile. */
    async function whileWaiting(
      harness: CoordinatorHarness,
      commit: () => Promise<GroupErrorName>,
    ): Promise<GroupErrorName> {
      await harness.commit(1, { groupId: "other" });
      harness.log.hold();
      const deleting = harness.coordinator.deleteGroups(["other"]);
      const committing = commit();
      await harness.settle();
      const known = harness.topics.get("topic")!;
      harness.topics.delete("topic");
      if (topicId !== null) harness.topics.set("topic", { ...known, topicId });
      harness.log.release();
      await deleting;
      return committing;
    }

    test(what, async () => {
      const harness = await CoordinatorHarness.start();
      const error = await whileWaiting(harness, () => harness.commit(5));
      assert.equal(error, "UNKNOWN_TOPIC_OR_PARTITION");
      assert.equal(harness.coordinator.gauges().numGroups, 0);
    });

    test(`${what}, in a transaction too`, async () => {
      const harness = await CoordinatorHarness.start();
      const error = await whileWaiting(harness, () => commitIn(harness, PRODUCER, 5));
      assert.equal(error, "UNKNOWN_TOPIC_OR_PARTITION");
      assert.equal(harness.coordinator.gauges().numGroups, 0);
    });

    test(`${what}, whenever its id was looked up`, async () => {
      const harness = await CoordinatorHarness.start();
      const known = harness.topics.get("topic")!;
      harness.topics.delete("topic");
      if (topicId !== null) harness.topics.set("topic", { ...known, topicId });
      const error = await commitIn(harness, PRODUCER, 5, { topicId: known.topicId });
      assert.equal(error, "UNKNOWN_TOPIC_OR_PARTITION");
      assert.equal(harness.coordinator.gauges().numGroups, 0);
    });
  }

  test("a plain commit while a transaction is open is seen at once", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    await harness.coordinator.commitOffsets(commitRequest(9));
    assert.equal(await visible(harness), 9);
  });

  test("a marker in a partition that the topic has got since the start ends nothing", async () => {
    const harness = await CoordinatorHarness.start();
    await commitIn(harness, PRODUCER, 5);
    const { coordinator, log } = harness;
    const end = { producerId: PRODUCER.producerId, commit: true };
    await coordinator.completeTransaction(log.shards, end, Promise.resolve(true));
    assert.equal(await visible(harness), -1);
  });
});

test("markers that keep coming do not keep a shard shut", async () => {
  const harness = await CoordinatorHarness.start();
  await harness.commit(1);
  const { coordinator, clock } = harness;
  let isOver = false;
  // Of two that end transactions in turn there is always one whose marker is on its way.
  const endAgainAndAgain = async (producerId: number) => {
    while (!isOver) {
      const stored = new Promise<boolean>((resolve) => {
        clock.schedule(10, () => resolve(true));
      });
      await coordinator.completeTransaction(0, { producerId, commit: true }, stored);
    }
  };
  void endAgainAndAgain(1);
  await harness.advance(5);
  void endAgainAndAgain(2);
  const deleted = coordinator.deleteGroups(["other"]);
  let committed: string | null = null;
  void harness.commit(2).then((error) => {
    committed = error;
  });
  await harness.advance(10_000);
  isOver = true;
  assert.equal(committed, "NONE");
  assert.deepEqual(await deleted, [{ groupId: "other", error: "GROUP_ID_NOT_FOUND" }]);
});
