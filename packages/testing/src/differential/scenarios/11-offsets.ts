import {
  deleteGroups,
  describeGroups,
  joinGroup,
  listGroups,
  metadata,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  type RequestInput,
  syncGroup,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAEg";

export const offsets: Scenario = {
  name: "offsets",
  async run(session) {
    const name = session.named("topic");
    const id = await session.topic(name, 3);
    const groupId = session.named("group");
    await session.coordinator(groupId);
    await simple(session, groupId, name, id);
    await oddCommits(session, name);
    await withMember(session, name);
    await administration(session, groupId, name);
  },
};

interface Commit {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch?: number;
  readonly committedMetadata?: string | null;
}

function commitBody(
  version: number,
  groupId: string,
  topic: { readonly name: string; readonly id: string },
  partitions: readonly Commit[],
  rest: {
    readonly generation?: number;
    readonly memberId?: string;
    readonly instance?: string;
  } = {},
): RequestInput<typeof offsetCommit> {
  return {
    groupId,
    generationIdOrMemberEpoch: rest.generation ?? -1,
    memberId: rest.memberId ?? "",
    ...(version >= 7 && rest.instance !== undefined ? { groupInstanceId: rest.instance } : {}),
    topics: [
      {
        ...(version >= 10 ? { topicId: topic.id } : { name: topic.name }),
        partitions: partitions.map((each) => ({
          committedMetadata: "",
          ...each,
          ...(version < 6 ? { committedLeaderEpoch: -1 } : {}),
        })),
      },
    ],
  };
}

function fetchBody(
  version: number,
  groupId: string,
  topics:
    | readonly {
        readonly name: string;
        readonly id: string;
        readonly partitions: readonly number[];
      }[]
    | null,
  requireStable = false,
): RequestInput<typeof offsetFetch> {
  const stable = version >= 7 ? { requireStable } : {};
  if (version < 8) {
    const named = topics?.map(({ name, partitions }) => ({ name, partitionIndexes: partitions }));
    return { groupId, topics: named ?? null, ...stable };
  }
  const asked = topics?.map(({ name, id, partitions }) => ({
    ...(version >= 10 ? { topicId: id } : { name }),
    partitionIndexes: partitions,
  }));
  return { groups: [{ groupId, topics: asked ?? null }], ...stable };
}

async function simple(session: Session, groupId: string, name: string, id: string): Promise<void> {
  const topic = { name, id };
  await session.every("fetch before any commit", offsetFetch, (version) =>
    fetchBody(version, groupId, [{ ...topic, partitions: [0, 1, 9] }]),
  );
  await session.every("fetch all before any commit", offsetFetch, (version) =>
    version < 2 ? null : fetchBody(version, groupId, null),
  );
  await session.every("commit", offsetCommit, (version) =>
    commitBody(version, groupId, topic, [
      { partitionIndex: 0, committedOffset: 100 + version, committedMetadata: `by v${version}` },
      { partitionIndex: 1, committedOffset: 7, committedLeaderEpoch: 3, committedMetadata: null },
      { partitionIndex: 9, committedOffset: 7 },
    ]),
  );
  await session.every("fetch", offsetFetch, (version) =>
    fetchBody(version, groupId, [{ ...topic, partitions: [0, 1, 2, 9] }]),
  );
  await session.every("fetch stable", offsetFetch, (version) =>
    fetchBody(version, groupId, [{ ...topic, partitions: [0] }], true),
  );
  await session.every("fetch all", offsetFetch, (version) =>
    version < 2 ? null : fetchBody(version, groupId, null),
  );
  await session.every("fetch of an unknown topic", offsetFetch, (version) =>
    fetchBody(version, groupId, [{ name: session.named("none"), id: UNKNOWN_ID, partitions: [0] }]),
  );
  await session.every("fetch of an unknown group", offsetFetch, (version) =>
    fetchBody(version, session.named("nobody"), [{ ...topic, partitions: [0] }]),
  );
  await session.every("fetch without a group", offsetFetch, (version) =>
    fetchBody(version, "", []),
  );
  await session.every("fetch of no topics", offsetFetch, (version) =>
    fetchBody(version, groupId, []),
  );
  await session.send("fetch of two groups, one twice", offsetFetch, 9, {
    groups: [groupId, session.named("nobody"), groupId].map((each) => ({
      groupId: each,
      topics: [{ name, partitionIndexes: [0] }],
    })),
  });
}

async function oddCommits(session: Session, name: string): Promise<void> {
  const groupId = session.named("odd");
  const topic = { name, id: await idOf(session) };
  const commit = (
    label: string,
    partition: Commit,
    rest: Parameters<typeof commitBody>[4] = {},
    group = groupId,
  ) =>
    session.every(`odd: ${label}`, offsetCommit, (version) =>
      [2, 5, 7, 9, 10].includes(version)
        ? commitBody(version, group, topic, [partition], rest)
        : null,
    );
  const good = { partitionIndex: 0, committedOffset: 5 };
  await commit("offset -1", { ...good, committedOffset: -1 });
  await commit("offset -5", { ...good, committedOffset: -5 });
  await commit("offset beyond the log", { ...good, committedOffset: 1_000_000 });
  await commit("metadata of 4096", { ...good, committedMetadata: "m".repeat(4096) });
  await commit("metadata of 4097", { ...good, committedMetadata: "m".repeat(4097) });
  await commit("empty group", good, {}, "");
  await commit("generation without a member", good, { generation: 5 });
  await commit("member without a generation", good, { memberId: "somebody" });
  await commit("member and generation of nobody", good, { generation: 1, memberId: "somebody" });
  await commit("negative partition", { ...good, partitionIndex: -1 });
  await session.every("odd: unknown topic", offsetCommit, (version) =>
    commitBody(version, groupId, { name: session.named("none"), id: UNKNOWN_ID }, [good]),
  );
  await session.send("odd: nothing", offsetCommit, 8, { groupId, memberId: "", topics: [] });
  await session.send(
    "odd: one partition twice",
    offsetCommit,
    8,
    commitBody(8, groupId, topic, [good, { ...good, committedOffset: 6 }]),
  );
  await session.send("odd: what is there then", offsetFetch, 8, fetchBody(8, groupId, null));

  async function idOf(from: Session): Promise<string> {
    const { topics } = await from.quietly(metadata, 12, { topics: [{ name }] });
    return topics[0]?.topicId ?? "";
  }
}

async function withMember(session: Session, name: string): Promise<void> {
  const groupId = session.named("active");
  const join = (memberId: string) =>
    session.quietly(joinGroup, 5, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId,
      protocolType: "consumer",
      // Version 0, one topic, no user data.
      protocols: [{ name: "range", metadata: subscription(name) }],
    });
  const told = await join("");
  const joined = await join(told.memberId);
  const { memberId, generationId: generation } = joined;
  const topic = { name, id: "" };
  const good = { partitionIndex: 0, committedOffset: 5 };
  const commit = (label: string, rest: Parameters<typeof commitBody>[4]) =>
    session.every(`active: ${label}`, offsetCommit, (version) =>
      version <= 9 ? commitBody(version, groupId, topic, [good], rest) : null,
    );
  await commit("commit while completing", { generation, memberId });
  await session.quietly(syncGroup, 3, {
    groupId,
    generationId: generation,
    memberId,
    assignments: [{ memberId, assignment: Buffer.from("x") }],
  });
  await commit("commit of a member", { generation, memberId });
  await commit("commit of an old generation", { generation: generation - 1, memberId });
  await commit("commit of a future generation", { generation: generation + 1, memberId });
  await commit("commit of a stranger", { generation, memberId: "stranger" });
  await commit("commit from outside", {});
  await commit("commit of a member without a generation", { memberId });
  await commit("commit of an unknown instance", { generation, memberId, instance: "stranger" });

  await session.send("active: delete the group", deleteGroups, 2, { groupsNames: [groupId] });
  await session.send("active: delete an offset it reads", offsetDelete, 0, {
    groupId,
    topics: [{ name, partitions: [{ partitionIndex: 0 }] }],
  });
  for (const statesFilter of [["Stable"], ["stable"], ["Empty"], ["Nonsense"], []]) {
    await session.send(
      `active: list groups in state ${statesFilter}`,
      listGroups,
      4,
      { statesFilter },
      {
        pick: (body) => ({
          ...body,
          groups: body.groups.filter(({ groupId: each }) => each.startsWith("offsets-")),
        }),
      },
    );
  }
  for (const typesFilter of [["classic"], ["Classic"], ["consumer"], ["nonsense"]]) {
    await session.send(
      `active: list groups of type ${typesFilter}`,
      listGroups,
      5,
      { statesFilter: [], typesFilter },
      {
        pick: (body) => ({
          ...body,
          groups: body.groups.filter(({ groupId: each }) => each.startsWith("offsets-")),
        }),
      },
    );
  }
}

async function administration(session: Session, groupId: string, name: string): Promise<void> {
  await session.every("list groups", listGroups, () => ({}), {
    pick: (body) => ({
      ...body,
      groups: body.groups.filter(({ groupId: each }) => each.startsWith("offsets-")),
    }),
  });
  await session.every("describe: empty, unknown and nameless", describeGroups, () => ({
    groups: [groupId, session.named("nobody"), ""],
  }));
  await session.every("describe nothing", describeGroups, () => ({ groups: [] }));
  await session.send("describe one twice", describeGroups, 5, { groups: [groupId, groupId] });
  const offset = (label: string, group: string, topic: string, ...indexes: number[]) =>
    session.send(label, offsetDelete, 0, {
      groupId: group,
      topics: [{ name: topic, partitions: indexes.map((partitionIndex) => ({ partitionIndex })) }],
    });
  await offset("delete offsets, one never committed, one unknown", groupId, name, 1, 2, 9);
  await offset("delete offsets of an unknown topic", groupId, session.named("none"), 0);
  await offset("delete offsets of an unknown group", session.named("nobody"), name, 0);
  await offset("delete offsets without a group", "", name, 0);
  await session.send("what is left", offsetFetch, 8, fetchBody(8, groupId, null));
  await session.every("delete groups: unknown and nameless", deleteGroups, () => ({
    groupsNames: [session.named("nobody"), ""],
  }));
  await session.send("delete groups: one twice", deleteGroups, 2, {
    groupsNames: [session.named("odd"), session.named("odd")],
  });
  await session.send("delete groups: nothing", deleteGroups, 2, { groupsNames: [] });
  await session.send("delete the group", deleteGroups, 1, { groupsNames: [groupId] });
  await session.send("delete the group again", deleteGroups, 1, { groupsNames: [groupId] });
  await session.send(
    "its offsets are gone",
    offsetFetch,
    8,
    fetchBody(8, groupId, [{ name, id: "", partitions: [0] }]),
  );
}

function subscription(topic: string): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(8);
  head.writeInt16BE(0, 0);
  head.writeInt32BE(1, 2);
  head.writeInt16BE(name.length, 6);
  return Buffer.concat([head, name, Buffer.from([0xff, 0xff, 0xff, 0xff])]);
}
