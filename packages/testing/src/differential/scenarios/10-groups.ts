import {
  describeGroups,
  heartbeat,
  joinGroup,
  leaveGroup,
  type RequestInput,
  type ResponseOf,
  syncGroup,
} from "@ottla/protocol";
import { waitFor } from "../../wait.ts";
import type { Line, Scenario, Session } from "../session.ts";

/** A consumer's subscription to one topic: version 0, the topic, no user data. */
const SUBSCRIPTION = Buffer.from("0000000000010001740000000000", "hex").subarray(0, 13);
const ASSIGNMENT = Buffer.from("an assignment");

type JoinBody = RequestInput<typeof joinGroup>;
type Joined = ResponseOf<typeof joinGroup>;

export const groups: Scenario = {
  name: "groups",
  async run(session) {
    await session.coordinator(session.named("group"));
    await alone(session);
    await refused(session);
    await two(session);
    await staticMembers(session);
    await leaving(session);
  },
};

function joinBody(groupId: string, memberId: string, rest: Partial<JoinBody> = {}): JoinBody {
  return {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: SUBSCRIPTION }],
    ...rest,
  };
}

/** Joins, recorded; from version 4 on a first join without a member id is told one. */
async function join(
  session: Session,
  label: string,
  version: number,
  body: JoinBody,
  on?: Line,
): Promise<Joined | null> {
  const options = on === undefined ? {} : { on };
  const joined = await session.send(label, joinGroup, version, body, options);
  if (joined?.errorCode !== 79) return joined;
  return await session.send(
    `${label}, with the id`,
    joinGroup,
    version,
    { ...body, memberId: joined.memberId },
    options,
  );
}

/** One member through its whole life, at every version of every request. */
async function alone(session: Session): Promise<void> {
  for (let version = 0; version <= 9; version++) {
    const groupId = session.named(`alone-${version}`);
    const joined = await join(session, "alone: join", version, joinBody(groupId, ""));
    if (joined === null) continue;
    const { memberId, generationId } = joined;
    const named = { groupId, memberId, generationId };
    const wrong = { ...named, generationId: generationId + 7 };
    const unknown = { ...named, memberId: "nobody" };
    const beat = Math.min(version, 4);
    const sync = Math.min(version, 5);
    const once = version <= 5;
    const step = (label: string): string => `alone: ${label} (join v${version})`;
    await session.send(step("heartbeat before sync"), heartbeat, beat, named);
    await session.send(step("sync of another generation"), syncGroup, sync, {
      ...wrong,
      assignments: [],
    });
    await session.send(step("sync of nobody"), syncGroup, sync, { ...unknown, assignments: [] });
    if (sync >= 5) {
      const other = { ...named, assignments: [], protocolType: "other", protocolName: "range" };
      await session.send(step("sync of another type"), syncGroup, sync, other);
      const otherName = { ...other, protocolType: "consumer", protocolName: "other" };
      await session.send(step("sync of another protocol"), syncGroup, sync, otherName);
    }
    await session.send(step("sync"), syncGroup, sync, {
      ...named,
      assignments: [{ memberId, assignment: ASSIGNMENT }],
      ...(sync >= 5 ? { protocolType: "consumer", protocolName: "range" } : {}),
    });
    await session.send(step("sync again"), syncGroup, sync, { ...named, assignments: [] });
    await session.send(step("heartbeat"), heartbeat, beat, named);
    await session.send(step("heartbeat of another generation"), heartbeat, beat, wrong);
    await session.send(step("heartbeat of nobody"), heartbeat, beat, unknown);
    await session.send(step("describe"), describeGroups, Math.min(version, 6), {
      groups: [groupId],
    });
    await join(session, "alone: join again as the leader", version, joinBody(groupId, memberId));
    if (once) {
      await session.send(
        step("leave"),
        leaveGroup,
        version,
        leaveBody(version, groupId, [memberId]),
      );
      await session.send(
        step("leave again"),
        leaveGroup,
        version,
        leaveBody(version, groupId, [memberId]),
      );
      await session.send(step("describe what is empty"), describeGroups, version, {
        groups: [groupId],
      });
    }
  }
}

function leaveBody(
  version: number,
  groupId: string,
  memberIds: string[],
): RequestInput<typeof leaveGroup> {
  if (version <= 2) return { groupId, memberId: memberIds[0] ?? "" };
  return { groupId, members: memberIds.map((memberId) => ({ memberId })) };
}

async function refused(session: Session): Promise<void> {
  const groupId = session.named("refused");
  const cases: Readonly<Record<string, JoinBody>> = {
    "empty group id": joinBody("", ""),
    "unknown member id": joinBody(groupId, "nobody"),
    "session timeout too short": joinBody(groupId, "", { sessionTimeoutMs: 10 }),
    "session timeout too long": joinBody(groupId, "", { sessionTimeoutMs: 99_999_999 }),
    "session timeout negative": joinBody(groupId, "", { sessionTimeoutMs: -1 }),
    "no protocols": joinBody(groupId, "", { protocols: [] }),
    "empty protocol type": joinBody(groupId, "", { protocolType: "" }),
  };
  for (const [label, body] of Object.entries(cases)) {
    for (const version of [0, 3, 5, 9]) {
      await session.send(`refused: ${label}`, joinGroup, version, body, { withinMs: 1_000 });
    }
  }
  for (const version of [0, 3, 4]) {
    const nobody = { groupId: session.named("never"), generationId: 1, memberId: "nobody" };
    await session.send("heartbeat in an unknown group", heartbeat, version, nobody);
    await session.send("heartbeat without a group", heartbeat, version, { ...nobody, groupId: "" });
    await session.send("sync in an unknown group", syncGroup, version, {
      ...nobody,
      assignments: [],
    });
    await session.send("sync without a group", syncGroup, version, {
      ...nobody,
      groupId: "",
      assignments: [],
    });
    await session.send(
      "leave an unknown group",
      leaveGroup,
      version,
      leaveBody(version, nobody.groupId, ["nobody"]),
    );
    await session.send(
      "leave without a group",
      leaveGroup,
      version,
      leaveBody(version, "", ["nobody"]),
    );
  }
}

/** Two members: the second join makes the first rejoin, the leader assigns, a late follower waits for it. */
async function two(session: Session): Promise<void> {
  const groupId = session.named("two");
  const first = session.line("first");
  const second = session.line("second");
  const one = await join(session, "two: first joins", 5, joinBody(groupId, ""), first);
  const oneId = one?.memberId ?? "";
  const generation = one?.generationId ?? 0;
  await session.send(
    "two: first syncs",
    syncGroup,
    3,
    {
      groupId,
      generationId: generation,
      memberId: oneId,
      assignments: [{ memberId: oneId, assignment: ASSIGNMENT }],
    },
    { on: first },
  );
  // Another type or no common protocol is turned away.
  const otherType = joinBody(groupId, "", { protocolType: "connect" });
  await join(session, "two: another type", 5, otherType, second);
  const otherProtocol = joinBody(groupId, "", {
    protocols: [{ name: "own", metadata: SUBSCRIPTION }],
  });
  await join(session, "two: no common protocol", 5, otherProtocol, second);

  const prefersSticky = joinBody(groupId, "", {
    protocols: [
      { name: "sticky", metadata: SUBSCRIPTION },
      { name: "range", metadata: SUBSCRIPTION },
    ],
  });
  const told = await session.send("two: second asks for an id", joinGroup, 5, prefersSticky, {
    on: second,
  });
  const twoId = told?.memberId ?? "";
  const joining = session.send(
    "two: second joins",
    joinGroup,
    5,
    { ...prefersSticky, memberId: twoId },
    {
      on: second,
      withinMs: 20_000,
    },
  );
  await untilRebalancing(session, groupId, oneId, generation);
  await session.send(
    "two: first is told to rejoin",
    heartbeat,
    3,
    { groupId, generationId: generation, memberId: oneId },
    { on: first },
  );
  await session.send(
    "two: sync while preparing",
    syncGroup,
    3,
    { groupId, generationId: generation, memberId: oneId, assignments: [] },
    { on: first },
  );
  const again = await session.send("two: first rejoins", joinGroup, 5, joinBody(groupId, oneId), {
    on: first,
  });
  const together = await joining;
  const next = again?.generationId ?? 0;
  session.note("two: same generation", next === together?.generationId);
  session.note("two: the leader stays", [again?.leader === oneId, together?.leader === oneId]);
  await session.send(
    "two: heartbeat while completing",
    heartbeat,
    3,
    { groupId, generationId: next, memberId: oneId },
    { on: first },
  );
  const waiting = session.send(
    "two: second waits for its assignment",
    syncGroup,
    3,
    { groupId, generationId: next, memberId: twoId, assignments: [] },
    { on: second, withinMs: 20_000 },
  );
  // The leader forgets the second member: that one gets an empty assignment.
  await session.send(
    "two: leader assigns to itself alone",
    syncGroup,
    3,
    {
      groupId,
      generationId: next,
      memberId: oneId,
      assignments: [{ memberId: oneId, assignment: ASSIGNMENT }],
    },
    { on: first },
  );
  await waiting;
  for (let version = 0; version <= 6; version++) {
    await session.send("two: describe", describeGroups, version, {
      groups: [groupId],
      ...(version >= 3 ? { includeAuthorizedOperations: true } : {}),
    });
  }
  // CG6: a follower that rejoins with the same metadata disturbs nobody.
  await session.send(
    "two: follower rejoins unchanged",
    joinGroup,
    5,
    { ...prefersSticky, memberId: twoId },
    { on: second },
  );
  await session.send("two: second leaves", leaveGroup, 3, leaveBody(3, groupId, [twoId]), {
    on: second,
  });
  await session.send(
    "two: first is told again",
    heartbeat,
    3,
    { groupId, generationId: next, memberId: oneId },
    { on: first },
  );
}

async function untilRebalancing(
  session: Session,
  groupId: string,
  memberId: string,
  generationId: number,
): Promise<void> {
  await waitFor(
    async () => {
      const beat = await session.quietly(heartbeat, 3, { groupId, generationId, memberId });
      return beat.errorCode === 27 ? true : null;
    },
    { what: `rebalance of ${groupId}`, timeoutMs: 10_000, everyMs: 5 },
  );
}

/** CG10: the same instance comes back as another member without a rebalance; the old one is fenced. */
async function staticMembers(session: Session): Promise<void> {
  for (const version of [5, 9]) {
    const groupId = session.named(`static-${version}`);
    const body = joinBody(groupId, "", { groupInstanceId: "instance" });
    const step = (label: string): string => `static: ${label} (join v${version})`;
    const first = await session.send(step("join"), joinGroup, version, body);
    const old = {
      groupId,
      generationId: first?.generationId ?? 0,
      memberId: first?.memberId ?? "",
    };
    await session.send(step("sync"), syncGroup, 3, {
      ...old,
      groupInstanceId: "instance",
      assignments: [{ memberId: old.memberId, assignment: ASSIGNMENT }],
    });
    await session.send(step("rejoin with its id"), joinGroup, version, {
      ...body,
      memberId: old.memberId,
    });
    const again = await session.send(step("come back without an id"), joinGroup, version, body);
    const current = {
      ...old,
      memberId: again?.memberId ?? "",
      generationId: again?.generationId ?? 0,
    };
    await session.send(step("sync after coming back"), syncGroup, 3, {
      ...current,
      groupInstanceId: "instance",
      assignments: [],
    });
    await session.send(step("heartbeat of the old one"), heartbeat, 3, {
      ...old,
      groupInstanceId: "instance",
    });
    await session.send(step("heartbeat of the new one"), heartbeat, 3, {
      ...current,
      groupInstanceId: "instance",
    });
    await session.send(step("heartbeat of an unknown instance"), heartbeat, 3, {
      ...current,
      groupInstanceId: "stranger",
    });
    await session.send(step("sync of the old one"), syncGroup, 3, {
      ...old,
      groupInstanceId: "instance",
      assignments: [],
    });
    await session.send(step("join of the old one"), joinGroup, version, {
      ...body,
      memberId: old.memberId,
    });
    await session.send(step("describe"), describeGroups, 6, { groups: [groupId] });
    await session.send(step("leave by instance, and others"), leaveGroup, 5, {
      groupId,
      members: [
        { memberId: "", groupInstanceId: "instance" },
        { memberId: "", groupInstanceId: "stranger" },
        { memberId: "nobody" },
      ],
    });
    await session.send(step("describe when it has left"), describeGroups, 6, { groups: [groupId] });
  }
}

async function leaving(session: Session): Promise<void> {
  const groupId = session.named("leaving");
  const joined = await join(session, "leaving: join", 5, joinBody(groupId, ""));
  const memberId = joined?.memberId ?? "";
  await session.send(
    "leaving: one of two known",
    leaveGroup,
    3,
    leaveBody(3, groupId, ["nobody", memberId]),
  );
  await session.send("leaving: nobody", leaveGroup, 3, leaveBody(3, groupId, []));

  // A member that falls silent is dropped when its session ends.
  const silent = session.named("silent");
  const lost = await join(
    session,
    "silent: join",
    5,
    joinBody(silent, "", { sessionTimeoutMs: 600, rebalanceTimeoutMs: 600 }),
  );
  await session.send("silent: sync", syncGroup, 3, {
    groupId: silent,
    generationId: lost?.generationId ?? 0,
    memberId: lost?.memberId ?? "",
    assignments: [{ memberId: lost?.memberId ?? "", assignment: ASSIGNMENT }],
  });
  await waitFor(
    async () => {
      const { groups } = await session.quietly(describeGroups, 5, { groups: [silent] });
      return groups[0]?.groupState === "Empty" ? true : null;
    },
    { what: "end of the session", timeoutMs: 10_000 },
  ).catch(() => null); // The recorded answers then show it.
  await session.send("silent: heartbeat after its session", heartbeat, 3, {
    groupId: silent,
    generationId: lost?.generationId ?? 0,
    memberId: lost?.memberId ?? "",
  });
  await session.send("silent: describe after its session", describeGroups, 6, { groups: [silent] });
}
