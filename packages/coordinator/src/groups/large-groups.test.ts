/** Clean-up of groups whose tombstones do not fit one batch of the log. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CoordinatorHarness, commitRequest } from "./group-harness.ts";

/** Retention and the scan after it. */
const PAST_RETENTION_MS = 7 * 86_400_000 + 600_000;
const OFFSETS = 1_000;
const LARGE = "large group";
/** An offset of the small group has a key of 20 bytes, one of the large group one of 26. */
const BETWEEN_THE_KEYS = 22;

/** A group with many offsets, a bound on batches that is far below their tombstones, and a small group behind it. */
async function start(maxBatchBytes: number): Promise<CoordinatorHarness> {
  const harness = await CoordinatorHarness.start();
  harness.topics.set("topic", { topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitions: OFFSETS });
  const [topic] = commitRequest(1).topics;
  const partitions = Array.from({ length: OFFSETS }, (_, partitionIndex) => ({
    ...topic!.partitions[0]!,
    partitionIndex,
  }));
  await harness.commit(1, { groupId: LARGE, topics: [{ ...topic!, partitions }] });
  await harness.commit(1, { groupId: "small" });
  harness.log.maxBatchBytes = maxBatchBytes;
  return harness;
}

describe("more tombstones than a batch may hold", () => {
  test("CG13: offsets expire all the same, and those of the groups behind them", async () => {
    const harness = await start(2_000);
    await harness.advance(PAST_RETENTION_MS);
    assert.equal(harness.coordinator.gauges().numGroups, 0);
    assert.deepEqual(harness.warnings, []);
    assert.ok(harness.log.appends < 300, `${harness.log.appends} appends`);
    await harness.restart();
    assert.equal(harness.coordinator.gauges().numGroups, 0);
  });

  test("CG13: a tombstone that does not fit by itself keeps nobody else's", async () => {
    const harness = await start(BETWEEN_THE_KEYS);
    await harness.advance(PAST_RETENTION_MS);
    assert.equal(await harness.committed(0, "topic", "small"), -1);
    assert.equal(await harness.committed(0, "topic", LARGE), 1);
    assert.match(harness.warnings[0]!, /^1000 tombstones of shard 0/);
    harness.log.maxBatchBytes = 2_000;
    await harness.advance(600_000);
    assert.equal(harness.coordinator.gauges().numGroups, 0);
  });

  test("CG13: DeleteGroups deletes the group", async () => {
    const harness = await start(2_000);
    const deleted = await harness.coordinator.deleteGroups([LARGE]);
    assert.deepEqual(deleted, [{ groupId: LARGE, error: "NONE" }]);
    assert.equal(await harness.committed(0, "topic", LARGE), -1);
    assert.equal(await harness.committed(0, "topic", "small"), 1);
  });

  test("CG13: what DeleteGroups could not delete is told, and can be deleted later", async () => {
    const harness = await start(10);
    const deleteGroup = () => harness.coordinator.deleteGroups([LARGE]);
    assert.deepEqual(await deleteGroup(), [{ groupId: LARGE, error: "UNKNOWN_SERVER_ERROR" }]);
    assert.equal(await harness.committed(0, "topic", LARGE), 1);
    harness.log.maxBatchBytes = 2_000;
    assert.deepEqual(await deleteGroup(), [{ groupId: LARGE, error: "NONE" }]);
    assert.equal(harness.coordinator.gauges().numGroups, 1);
  });
});

test("a group whose members all fall silent at once is empty", async () => {
  const harness = await CoordinatorHarness.start();
  // One member after the other, each with a look at all others, would hold up everybody for many seconds.
  await harness.stableMembers(40_000);
  await harness.restart();
  await harness.advance(11_000);
  assert.equal(harness.state, "Empty");
});
