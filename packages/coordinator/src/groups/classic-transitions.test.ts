/** Every state × event of a classic group: what it becomes and what is answered. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import type { ClassicGroupEvent, ClassicGroupInputs } from "./classic-events.ts";
import { ClassicGroup } from "./classic-group.ts";
import { PENDING_MEMBERS_MAX } from "./classic-joining.ts";
import { ClassicMember } from "./classic-member.ts";
import { TRANSITIONS } from "./classic-transitions.ts";
import { joinRequest, syncRequest } from "./group-harness.ts";
import type { ClassicGroupState, JoinGroupResult, SyncGroupResult } from "./group-types.ts";
import { MemberMemory } from "./member-memory.ts";
import type { GroupMetadata } from "./records/group-metadata.ts";

const LEADER = "a";
const FOLLOWER = "b";
const WAITS = "waits";
const EMPTY = Buffer.alloc(0);

/** The state afterwards, and the answer: an error name, WAITS for a parked request, null where there is none to give. */
type Expected = readonly [ClassicGroupState, string | null];

/**
 * The group has a leader and a follower, except when it is empty. PreparingRebalance: the leader has rejoined, the follower has
 * not. CompletingRebalance: nobody has synced. The events are about the follower, join is about a third member.
 */
const EXPECTED: Record<ClassicGroupState, Record<ClassicGroupEvent, Expected>> = {
  Empty: {
    join: ["PreparingRebalance", WAITS],
    rejoin: ["Empty", "UNKNOWN_MEMBER_ID"],
    sync: ["Empty", "UNKNOWN_MEMBER_ID"],
    heartbeat: ["Empty", "UNKNOWN_MEMBER_ID"],
    leave: ["Empty", "UNKNOWN_MEMBER_ID"],
    commit: ["Empty", "UNKNOWN_MEMBER_ID"],
    transactionalCommit: ["Empty", "UNKNOWN_MEMBER_ID"],
    memberExpired: ["Empty", null],
    pendingExpired: ["Empty", null],
    joinDue: ["Empty", null],
    syncDue: ["Empty", null],
    stored: ["Empty", null],
    storeFailed: ["Empty", null],
    loaded: ["Empty", null],
    unload: ["Dead", null],
  },
  PreparingRebalance: {
    join: ["PreparingRebalance", WAITS],
    rejoin: ["CompletingRebalance", "NONE"],
    sync: ["PreparingRebalance", "REBALANCE_IN_PROGRESS"],
    heartbeat: ["PreparingRebalance", "REBALANCE_IN_PROGRESS"],
    leave: ["CompletingRebalance", "NONE"],
    commit: ["PreparingRebalance", "NONE"],
    transactionalCommit: ["PreparingRebalance", "NONE"],
    memberExpired: ["CompletingRebalance", null],
    pendingExpired: ["PreparingRebalance", null],
    joinDue: ["CompletingRebalance", null],
    syncDue: ["PreparingRebalance", null],
    stored: ["PreparingRebalance", null],
    storeFailed: ["PreparingRebalance", null],
    loaded: ["PreparingRebalance", null],
    unload: ["Dead", null],
  },
  CompletingRebalance: {
    join: ["PreparingRebalance", WAITS],
    rejoin: ["CompletingRebalance", "NONE"],
    sync: ["CompletingRebalance", WAITS],
    heartbeat: ["CompletingRebalance", "NONE"],
    leave: ["PreparingRebalance", "NONE"],
    commit: ["CompletingRebalance", "REBALANCE_IN_PROGRESS"],
    transactionalCommit: ["CompletingRebalance", "NONE"],
    memberExpired: ["PreparingRebalance", null],
    pendingExpired: ["CompletingRebalance", null],
    joinDue: ["CompletingRebalance", null],
    // Nobody synced, so nobody is left.
    syncDue: ["Empty", null],
    stored: ["Stable", null],
    storeFailed: ["PreparingRebalance", null],
    loaded: ["CompletingRebalance", null],
    unload: ["Dead", null],
  },
  Stable: {
    join: ["PreparingRebalance", WAITS],
    rejoin: ["Stable", "NONE"],
    sync: ["Stable", "NONE"],
    heartbeat: ["Stable", "NONE"],
    leave: ["PreparingRebalance", "NONE"],
    commit: ["Stable", "NONE"],
    transactionalCommit: ["Stable", "NONE"],
    memberExpired: ["PreparingRebalance", null],
    pendingExpired: ["Stable", null],
    joinDue: ["Stable", null],
    syncDue: ["Stable", null],
    stored: ["Stable", null],
    storeFailed: ["Stable", null],
    loaded: ["Stable", null],
    unload: ["Dead", null],
  },
  Dead: {
    join: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    rejoin: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    sync: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    heartbeat: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    leave: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    commit: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    transactionalCommit: ["Dead", "COORDINATOR_NOT_AVAILABLE"],
    memberExpired: ["Dead", null],
    pendingExpired: ["Dead", null],
    joinDue: ["Dead", null],
    syncDue: ["Dead", null],
    stored: ["Dead", null],
    storeFailed: ["Dead", null],
    loaded: ["Dead", null],
    unload: ["Dead", null],
  },
};

type Answer = JoinGroupResult | SyncGroupResult;

function ignoreAnswer(): void {}

function newGroup(clock = new SimulatedClock()): ClassicGroup {
  return new ClassicGroup("group", {
    clock,
    initialRebalanceDelayMs: 3_000,
    maxSize: 10,
    memberMemory: new MemberMemory(),
  });
}

/** A group of leader and follower (none when Empty) in a state, as EXPECTED describes it. */
function groupIn(state: ClassicGroupState): ClassicGroup {
  const group = newGroup();
  if (state === "Empty") return group;
  for (const newMemberId of [LEADER, FOLLOWER]) {
    group.handle("join", { request: joinRequest(), newMemberId, reply: ignoreAnswer });
  }
  group.handle("joinDue", {});
  group.handle("joinDue", {});
  if (state === "CompletingRebalance") return group;
  for (const memberId of [FOLLOWER, LEADER]) {
    const { record } = group.handle("sync", {
      request: syncRequest({ memberId }),
      reply: ignoreAnswer,
    });
    if (record !== null) group.replay(record);
  }
  if (state === "PreparingRebalance") {
    const request = joinRequest({ memberId: LEADER });
    group.handle("rejoin", { request, reply: ignoreAnswer });
  }
  if (state === "Dead") group.handle("unload", { error: "NOT_COORDINATOR" });
  return group;
}

/** The present generation, as it would be stored. */
function metadataOf(group: ClassicGroup): GroupMetadata {
  return {
    protocolType: "consumer",
    generation: group.generation,
    protocol: "range",
    leader: LEADER,
    currentStateTimestampMs: 0,
    members: Array.from(group.members, (member) => ({
      memberId: member.memberId,
      groupInstanceId: null,
      clientId: "",
      clientHost: "",
      rebalanceTimeoutMs: 1,
      sessionTimeoutMs: 1,
      subscription: EMPTY,
      assignment: EMPTY,
    })),
  };
}

function inputsFor(
  group: ClassicGroup,
  reply: (answer: Answer) => void,
): { [Event in ClassicGroupEvent]: () => ClassicGroupInputs[Event] } {
  const stranger = new ClassicMember({
    ...joinRequest(),
    memberId: FOLLOWER,
    assignment: EMPTY,
  });
  const ids = { groupId: "group", memberId: FOLLOWER, groupInstanceId: null };
  return {
    join: () => ({ request: joinRequest(), newMemberId: "c", reply }),
    rejoin: () => ({ request: joinRequest({ memberId: FOLLOWER }), reply }),
    sync: () => ({ request: syncRequest({ memberId: FOLLOWER }), reply }),
    heartbeat: () => ({ ...ids, generationId: 1 }),
    leave: () => ({ groupId: "group", members: [{ ...ids, reason: null }] }),
    commit: () => ({ ...ids, generation: 1 }),
    transactionalCommit: () => ({ ...ids, generation: 1 }),
    memberExpired: () => ({ member: group.members.get(FOLLOWER) ?? stranger }),
    pendingExpired: () => {
      group.pendingJoin.set("pending", 1);
      return { memberId: "pending" };
    },
    joinDue: () => ({}),
    syncDue: () => ({}),
    stored: () => ({ metadata: metadataOf(group) }),
    storeFailed: () => ({ metadata: metadataOf(group), error: "COORDINATOR_NOT_AVAILABLE" }),
    loaded: () => ({}),
    unload: () => ({ error: "NOT_COORDINATOR" }),
  };
}

/** The error name in whatever shape an event answers with. */
function errorIn(response: unknown): string | null {
  if (typeof response === "string") return response;
  if (typeof response !== "object" || response === null) return null;
  const { error, members } = response as { error: string; members: { error: string }[] };
  return error !== "NONE" ? error : members[0]!.error;
}

describe("transitions of a classic group", () => {
  for (const state of Object.keys(TRANSITIONS) as ClassicGroupState[]) {
    for (const event of Object.keys(TRANSITIONS[state]) as ClassicGroupEvent[]) {
      const [next, answer] = EXPECTED[state][event];
      test(`CG1: ${event} in ${state} leads to ${next}, answer ${answer ?? "none"}`, () => {
        const group = groupIn(state);
        assert.equal(group.state, state);
        let replied: Answer | null = null;
        const inputs = inputsFor(group, (given) => {
          replied = given;
        });
        const takesReply = event === "join" || event === "rejoin" || event === "sync";
        const { response } = group.handle(event, inputs[event]() as never);
        assert.equal(group.state, next);
        const given = takesReply ? ((replied as Answer | null)?.error ?? WAITS) : errorIn(response);
        assert.equal(given, answer);
        if (event === "pendingExpired") assert.equal(group.pendingJoin.size, 0);
      });
    }
  }

  test("a rebalance that ends with nobody has the empty generation stored", () => {
    const group = groupIn("Stable");
    for (const memberId of [LEADER, FOLLOWER]) {
      const members = [{ memberId, groupInstanceId: null, reason: null }];
      const { record } = group.handle("leave", { groupId: "group", members });
      if (memberId === LEADER) assert.equal(record, null);
      else assert.deepEqual(record?.members, []);
    }
    assert.equal(group.generation, 2);
  });

  test("an assignment of an older generation that arrives late changes nothing", () => {
    const group = groupIn("CompletingRebalance");
    const late = { ...metadataOf(group), generation: 0 };
    group.replay(late);
    assert.equal(group.state, "CompletingRebalance");
    group.handle("storeFailed", { metadata: late, error: "COORDINATOR_NOT_AVAILABLE" });
    assert.equal(group.state, "CompletingRebalance");
    assert.equal(group.stored, late);
  });

  test("whoever waits is told when the group goes away", () => {
    for (const state of ["PreparingRebalance", "CompletingRebalance"] as const) {
      const group = groupIn(state);
      const answers: string[] = [];
      const reply = ({ error }: Answer) => answers.push(error);
      if (state === "PreparingRebalance") {
        group.handle("join", { request: joinRequest(), newMemberId: "c", reply });
      } else {
        group.handle("sync", { request: syncRequest({ memberId: FOLLOWER }), reply });
      }
      group.handle("unload", { error: "NOT_COORDINATOR" });
      assert.deepEqual(answers, ["NOT_COORDINATOR"]);
    }
  });

  test("a second request of a member answers the one that waits", () => {
    const group = groupIn("PreparingRebalance");
    const answers: string[] = [];
    const reply = (name: string) => (answer: Answer) => answers.push(`${name} ${answer.error}`);
    const request = joinRequest({ memberId: LEADER });
    group.handle("rejoin", { request, reply: reply("first") });
    group.handle("rejoin", { request, reply: reply("second") });
    assert.deepEqual(answers, ["first REBALANCE_IN_PROGRESS"]);
  });

  test("ids handed out are bounded: the oldest is forgotten", () => {
    const group = newGroup();
    const request = joinRequest({ requiresKnownMemberId: true });
    for (let count = 0; count <= PENDING_MEMBERS_MAX; count++) {
      group.handle("join", { request, newMemberId: `id-${count}`, reply: ignoreAnswer });
    }
    assert.equal(group.pendingJoin.size, PENDING_MEMBERS_MAX);
    assert.equal(group.pendingJoin.has("id-0"), false);
    assert.equal(group.pendingJoin.has(`id-${PENDING_MEMBERS_MAX}`), true);
  });
});
