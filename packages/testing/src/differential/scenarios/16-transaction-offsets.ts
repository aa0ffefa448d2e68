import { joinGroup, offsetCommit, offsetDelete, offsetFetch, syncGroup } from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import { type Membership, type PlacedOffset, Transactional } from "./transactional.ts";

/** A group's offsets as part of a transaction. */
export const transactionOffsets: Scenario = {
  name: "transaction-offsets",
  async run(session) {
    const name = session.named("log");
    await session.topic(name, 4);
    for (let version = 0; version <= 5; version++) {
      await committing(session, name, version);
      await refused(session, name, version);
    }
    await withMembers(session, name);
    await beside(session, name);
  },
};

function at(
  name: string,
  partition: number,
  offset: number,
  metadata: string | null = null,
): PlacedOffset {
  return { name, partition, offset, metadata };
}

/** What is committed, at a version that can wait for open transactions and one that cannot. */
async function fetched(
  session: Session,
  label: string,
  groupId: string,
  name: string,
): Promise<void> {
  const topics = [{ name, partitionIndexes: [0, 1, 2, 3] }];
  for (const version of [5, 7]) {
    await session.send(`offsets ${label}`, offsetFetch, version, {
      groupId,
      topics,
      ...(version >= 7 ? { requireStable: true } : {}),
    });
  }
  for (const requireStable of [true, false]) {
    const full = `offsets ${label}, ${requireStable ? "stable" : "as they are"}`;
    await session.send(full, offsetFetch, 9, { groups: [{ groupId, topics }], requireStable });
    await session.send(`all ${full}`, offsetFetch, 9, {
      groups: [{ groupId, topics: null }],
      requireStable,
    });
  }
}

async function committing(session: Session, name: string, version: number): Promise<void> {
  const groupId = session.named(`group-${version}`);
  await session.coordinator(groupId);
  const producer = await Transactional.begin(session, `offsets-${version}`);
  const label = (text: string): string => `${text} (v${version})`;
  const adds = version < 5;
  const end = adds ? 3 : 5;
  const add = Math.min(version, 4);

  if (adds) await producer.addOffsets(label("add the group"), add, groupId);
  await producer.commitOffsets("commit two offsets", version, groupId, [
    at(name, 0, 10, "first"),
    at(name, 1, 11),
  ]);
  await fetched(session, label("while open"), groupId, name);
  await producer.commitOffsets("commit one of them again", version, groupId, [at(name, 1, 12, "")]);
  await producer.end(label("end with a commit"), end, true);
  await producer.settled();
  await fetched(session, label("after the commit"), groupId, name);

  if (adds) await producer.addOffsets(label("add the group again"), add, groupId);
  await producer.commitOffsets("commit another", version, groupId, [
    at(name, 0, 20),
    at(name, 2, 22),
  ]);
  await fetched(session, label("while open again"), groupId, name);
  await producer.end(label("end with an abort"), end, false);
  await producer.settled();
  await fetched(session, label("after the abort"), groupId, name);
}

async function refused(session: Session, name: string, version: number): Promise<void> {
  const groupId = session.named(`refused-${version}`);
  await session.coordinator(groupId);
  const producer = await Transactional.begin(session, `refused-${version}`);
  const good = [at(name, 0, 1)];
  const commit = (
    label: string,
    offsets: readonly PlacedOffset[],
    options: Parameters<Transactional["commitOffsets"]>[4] = {},
    group = groupId,
  ): Promise<void> => producer.commitOffsets(label, version, group, offsets, options);
  const { producerId, producerEpoch } = producer;
  const add = Math.min(version, 4);
  const label = (text: string): string => `${text} (v${version})`;

  await commit("commit in a group that was not added", good);
  await producer.end(label("end what may have begun"), version < 5 ? 3 : 5, false);
  await producer.settled();
  for (const [text, wrong] of [
    ["an unknown id", { transactionalId: session.named("nobody") }],
    ["an empty id", { transactionalId: "" }],
    ["another producer", { producerId: producerId + 1_000 }],
    ["an older epoch", { producerEpoch: producerEpoch - 1 }],
    ["a later epoch", { producerEpoch: producerEpoch + 9 }],
  ] as const) {
    if (version < 5) await producer.addOffsets(`add with ${text}`, add, groupId, wrong);
    await commit(`commit with ${text}`, good, { wrong });
  }
  if (version < 5) {
    await producer.addOffsets("add a group without a name", add, "");
    await producer.addOffsets("add the group", add, groupId);
    await producer.addOffsets("add it twice", add, groupId);
  }
  await commit("commit in a group without a name", good, {}, "");
  await commit("commit nothing", []);
  await commit("commit unknown places", [
    at(session.named("none"), 0, 1),
    at(name, 99, 1),
    at(name, 1, 5),
  ]);
  await commit("commit one place twice", [at(name, 0, 1), at(name, 0, 2)]);
  await commit("commit a negative offset", [at(name, 0, -1)]);
  await commit("commit long metadata", [at(name, 0, 1, "x".repeat(4_097)), at(name, 1, 1)]);
  for (const [text, member] of [
    ["an unknown member", { generationId: 1, memberId: "nobody" }],
    ["a generation only", { generationId: 1, memberId: "" }],
    ["a member only", { generationId: -1, memberId: "nobody" }],
    ["an unknown instance", { generationId: 1, memberId: "nobody", groupInstanceId: "instance" }],
  ] as const satisfies readonly (readonly [string, Membership])[]) {
    if (version >= 3) await commit(`commit as ${text}`, good, { member });
  }
  await producer.end(label("end what was refused"), version < 5 ? 3 : 5, true);
  await producer.settled();
  await fetched(session, label("after what was refused"), groupId, name);
}

/** In a group that has a member, only it may commit, whatever the transaction. */
async function withMembers(session: Session, name: string): Promise<void> {
  const groupId = session.named("members");
  await session.coordinator(groupId);
  const joined = await session.quietly(joinGroup, 3, {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("000000000000000000000000", "hex") }],
  });
  const { memberId, generationId } = joined;
  await session.quietly(syncGroup, 2, {
    groupId,
    generationId,
    memberId,
    assignments: [{ memberId, assignment: Buffer.alloc(0) }],
  });
  for (let version = 3; version <= 5; version++) {
    const producer = await Transactional.begin(session, `members-${version}`);
    if (version < 5) await producer.addOffsets(`add the members' group (v${version})`, 3, groupId);
    const commit = (label: string, member: Membership): Promise<void> =>
      producer.commitOffsets(label, version, groupId, [at(name, 0, version)], { member });
    await commit("commit as the member", { generationId, memberId });
    await commit("commit as nobody", {});
    await commit("commit in an older generation", { generationId: generationId - 1, memberId });
    await commit("commit in a later generation", { generationId: generationId + 1, memberId });
    await commit("commit as another member", { generationId, memberId: "another" });
    await commit("commit as the member, as an instance", {
      generationId,
      memberId,
      groupInstanceId: "instance",
    });
    await producer.end(`end as a member (v${version})`, version < 5 ? 3 : 5, true);
    await producer.settled();
    await fetched(session, `of members (v${version})`, groupId, name);
  }
}

/** Commits and deletions outside of the transaction that is open. */
async function beside(session: Session, name: string): Promise<void> {
  const groupId = session.named("beside");
  await session.coordinator(groupId);
  const producer = await Transactional.begin(session, "beside");
  const plain = async (label: string, committedOffset: number): Promise<void> => {
    await session.send(label, offsetCommit, 7, {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [
        { name, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] },
      ],
    });
  };
  const transactional = async (label: string, offset: number): Promise<void> => {
    await producer.addOffsets(`${label}: add`, 3, groupId);
    await producer.commitOffsets(label, 3, groupId, [at(name, 0, offset)]);
  };
  await transactional("first in a transaction", 10);
  await plain("then outside", 20);
  await producer.end("the transaction commits", 3, true);
  await producer.settled();
  await fetched(session, "committed inside, then outside", groupId, name);
  await transactional("in another transaction", 30);
  await plain("outside again", 40);
  await producer.end("the other transaction aborts", 3, false);
  await producer.settled();
  await fetched(session, "aborted inside", groupId, name);
  await transactional("in a third transaction", 50);
  await session.send("delete the offset meanwhile", offsetDelete, 0, {
    groupId,
    topics: [{ name, partitions: [{ partitionIndex: 0 }] }],
  });
  await fetched(session, "deleted while a transaction is open", groupId, name);
  await producer.end("the third transaction commits", 3, true);
  await producer.settled();
  await fetched(session, "deleted, then committed", groupId, name);
}
