/** What members say of themselves is bounded, all groups together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CoordinatorHarness } from "./group-harness.ts";

const LIMIT_BYTES = 10_000;

/** Fields of a join that says so much. */
function saying(bytes: number, fields: { memberId?: string; groupId?: string } = {}) {
  return { ...fields, protocols: [{ name: "range", metadata: Buffer.alloc(bytes) }] };
}

async function isRefused(harness: CoordinatorHarness, bytes: number): Promise<boolean> {
  const join = harness.join({ ...saying(bytes), groupId: `another-${bytes}` });
  await harness.settle();
  const error = join.answer()?.error;
  assert.ok(error === undefined || error === "COORDINATOR_NOT_AVAILABLE", error);
  return error !== undefined;
}

test("NW: who says more than there is room for is turned away, and no group is made for it", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  assert.equal(await isRefused(harness, 10_000), true);
  assert.equal(harness.coordinator.gauges().numGroups, 0);
  const [member] = await harness.stable(saying(6_000));
  assert.equal(await isRefused(harness, 6_001), true);
  assert.equal(await isRefused(harness, 2_000), false);
  assert.equal(await isRefused(harness, 2_001), true);
  // What is said again takes no more room, and what takes the place of it only the difference.
  const { memberId } = member!;
  for (const [bytes, isAccepted] of [
    [6_000, true],
    [7_000, true],
    [8_000, false],
  ] as const) {
    const rejoin = harness.join(saying(bytes, { memberId }));
    await harness.settle();
    assert.equal(rejoin.answer()?.error, isAccepted ? "NONE" : "COORDINATOR_NOT_AVAILABLE");
  }
});

test("NW: what a member said makes room when it leaves, falls silent or is replaced", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  const [first] = await harness.stable(saying(9_000));
  assert.equal(await isRefused(harness, 1_001), true);
  await harness.leave({ memberId: first!.memberId });
  await harness.stable(saying(8_000));
  assert.equal(await isRefused(harness, 2_001), true);
  await harness.advance(60_000);
  const fixed = { ...saying(4_000), groupInstanceId: "fixed" };
  await harness.stable(fixed);
  harness.join(fixed);
  await harness.settle();
  assert.equal(await isRefused(harness, 5_500), false);
});

test("NW: what members said is counted again after a start, and forgotten with the log", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  await harness.stable(saying(9_000));
  await harness.restart();
  assert.equal(await isRefused(harness, 1_002), true);
  harness.log.lose();
  assert.equal(await isRefused(harness, 9_001), false);
  assert.equal(await isRefused(harness, 1_003), true);
});
