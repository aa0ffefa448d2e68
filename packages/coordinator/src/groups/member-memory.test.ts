/** What members say of themselves is bounded, all groups together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CoordinatorHarness } from "./group-harness.ts";

/** What members cost besides what they say is little beside this. */
const LIMIT_BYTES = 1_000_000;

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
  assert.equal(await isRefused(harness, 1_000_000), true);
  assert.equal(harness.coordinator.gauges().numGroups, 0);
  const [member] = await harness.stable(saying(600_000));
  assert.equal(await isRefused(harness, 400_000), true);
  assert.equal(await isRefused(harness, 200_000), false);
  assert.equal(await isRefused(harness, 200_001), true);
  // What is said again takes no more room, and what takes the place of it only the difference.
  const { memberId } = member!;
  for (const [bytes, isAccepted] of [
    [600_000, true],
    [700_000, true],
    [800_000, false],
  ] as const) {
    const rejoin = harness.join(saying(bytes, { memberId }));
    await harness.settle();
    assert.equal(rejoin.answer()?.error, isAccepted ? "NONE" : "COORDINATOR_NOT_AVAILABLE");
  }
});

test("NW: what a member said makes room when it leaves, falls silent or is replaced", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  const [first] = await harness.stable(saying(900_000));
  assert.equal(await isRefused(harness, 100_000), true);
  await harness.leave({ memberId: first!.memberId });
  await harness.stable(saying(800_000));
  assert.equal(await isRefused(harness, 200_001), true);
  await harness.advance(60_000);
  const fixed = { ...saying(400_000), groupInstanceId: "fixed" };
  await harness.stable(fixed);
  harness.join(fixed);
  await harness.settle();
  assert.equal(await isRefused(harness, 550_000), false);
});

test("NW: what members said is counted again after a start, and forgotten with the log", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  await harness.stable(saying(900_000));
  await harness.restart();
  assert.equal(await isRefused(harness, 100_002), true);
  harness.log.lose();
  assert.equal(await isRefused(harness, 900_001), false);
  assert.equal(await isRefused(harness, 100_003), true);
});

test("NW: of groups that were only asked to be joined the oldest are forgotten, no others", async () => {
  const harness = await CoordinatorHarness.start({ begunGroups: 10 });
  const groupId = (index: number) => `group-${index}`;
  const [member] = await harness.stable({ groupId: groupId(0) });
  await harness.commit(7, { groupId: groupId(1) });
  const ask = async (index: number, memberId = "") => {
    const join = harness.join({ groupId: groupId(index), memberId, requiresKnownMemberId: true });
    await harness.settle();
    return join.answer();
  };
  const ids: string[] = [];
  for (let index = 2; index <= 12; index++) {
    const answer = await ask(index);
    assert.equal(answer!.error, "MEMBER_ID_REQUIRED");
    ids[index] = answer!.memberId;
  }
  assert.equal(harness.coordinator.gauges().numGroups, 12);
  assert.equal((await ask(2, ids[2]))!.error, "UNKNOWN_MEMBER_ID");
  assert.equal(await ask(3, ids[3]), null, "it waits for others");
  const { memberId } = member!;
  assert.equal(harness.heartbeat({ groupId: groupId(0), memberId }), "NONE");
  assert.equal(await harness.committed(0, "topic", groupId(1)), 7);
});

test("NW: what members are called is counted with what they say", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  let heldBytes = 0;
  for (let index = 0; index < 300; index++) {
    const clientId = `${index}`.padEnd(32_000, "c");
    const groupInstanceId = `${index}`.padEnd(32_000, "i");
    const join = harness.join({ clientId, groupInstanceId });
    await harness.settle();
    if (join.answer()?.error !== "COORDINATOR_NOT_AVAILABLE") heldBytes += 64_000;
  }
  assert.ok(heldBytes <= LIMIT_BYTES, `${heldBytes} bytes`);
});

test("NW: ids that are handed out are counted", async () => {
  const harness = await CoordinatorHarness.start({ memberBytes: LIMIT_BYTES });
  let heldBytes = 0;
  for (let index = 0; index < 300; index++) {
    const join = harness.join({
      groupId: `group-${index % 3}`,
      clientId: "c".repeat(8_000),
      requiresKnownMemberId: true,
    });
    await harness.settle();
    const { error, memberId } = join.answer()!;
    if (error === "MEMBER_ID_REQUIRED") heldBytes += memberId.length;
  }
  assert.ok(heldBytes <= LIMIT_BYTES, `${heldBytes} bytes`);
  await harness.advance(60_000);
  const join = harness.join({ protocols: [{ name: "range", metadata: Buffer.alloc(990_000) }] });
  await harness.settle();
  assert.equal(join.answer(), null, "what expired takes no room");
});

test("NW: what groups are called that were only asked to be joined is bounded", async () => {
  const harness = await CoordinatorHarness.start();
  for (let index = 0; index < 1_000; index++) {
    const groupId = `${index}`.padEnd(32_000, "g");
    harness.join({ groupId, clientId: "c", requiresKnownMemberId: true });
    await harness.settle();
  }
  const characters = harness.coordinator.gauges().numGroups * 32_000;
  assert.ok(characters > 10_000_000 && characters < 17_000_000, `${characters} characters`);
});
