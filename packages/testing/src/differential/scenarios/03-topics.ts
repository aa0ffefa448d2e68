import {
  createTopics,
  deleteTopics,
  metadata,
  type RequestInput,
  ZERO_UUID,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";

type Topic = RequestInput<typeof createTopics>["topics"][number];

const topic = (name: string, rest: Partial<Topic> = {}): Topic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...rest,
});

export const topics: Scenario = {
  name: "topics",
  async run(session) {
    await create(session);
    await badTopics(session);
    await remove(session);
  },
};

async function create(session: Session): Promise<void> {
  await session.every("create", createTopics, (version) => ({
    topics: [
      topic(session.named(`plain-${version}`), { numPartitions: 3 }),
      topic(session.named(`configured-${version}`), {
        configs: [
          { name: "retention.ms", value: "60000" },
          { name: "cleanup.policy", value: "compact" },
        ],
      }),
    ],
  }));
  await session.every("create again", createTopics, (version) => ({
    topics: [topic(session.named(`plain-${version}`))],
  }));
  await session.every("broker's defaults", createTopics, (version) => ({
    topics: [
      topic(session.named(`defaults-${version}`), { numPartitions: -1, replicationFactor: -1 }),
    ],
  }));
  await session.every("only validate", createTopics, (version) => ({
    topics: [topic(session.named(`validated-${version}`), { numPartitions: 2 })],
    validateOnly: true,
  }));
  await session.every("given assignment", createTopics, (version) => ({
    topics: [
      topic(session.named(`assigned-${version}`), {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [
          { partitionIndex: 0, brokerIds: [1] },
          { partitionIndex: 1, brokerIds: [1] },
        ],
      }),
    ],
  }));
  await session.every("no topics at all", createTopics, () => ({ topics: [] }));
}

async function badTopics(session: Session): Promise<void> {
  const bad: Readonly<Record<string, Topic[]>> = {
    "empty name": [topic("")],
    "name .": [topic(".")],
    "name ..": [topic("..")],
    "name with slash": [topic("a/b")],
    "name with space": [topic("a b")],
    "name of 249": [topic("n".repeat(249))],
    "name of 250": [topic("n".repeat(250))],
    "internal name": [topic("__cluster_metadata")],
    "zero partitions": [topic(session.named("bad"), { numPartitions: 0 })],
    "-2 partitions": [topic(session.named("bad"), { numPartitions: -2 })],
    "10001 partitions": [topic(session.named("bad"), { numPartitions: 10_001 })],
    "zero replicas": [topic(session.named("bad"), { replicationFactor: 0 })],
    "two replicas": [topic(session.named("bad"), { replicationFactor: 2 })],
    "unknown config": [topic(session.named("bad"), { configs: [{ name: "no.such", value: "1" }] })],
    "bad config value": [
      topic(session.named("bad"), { configs: [{ name: "retention.ms", value: "soon" }] }),
    ],
    "config out of range": [
      topic(session.named("bad"), { configs: [{ name: "retention.ms", value: "-2" }] }),
    ],
    "null config value": [
      topic(session.named("bad"), { configs: [{ name: "retention.ms", value: null }] }),
    ],
    "config twice": [
      topic(session.named("config-twice"), {
        configs: [
          { name: "retention.ms", value: "1000" },
          { name: "retention.ms", value: "2000" },
        ],
      }),
    ],
    "one name twice, another once": [
      topic(session.named("twice")),
      topic(session.named("once")),
      topic(session.named("twice")),
    ],
    "good and bad": [topic(session.named("good")), topic("b a d")],
    "assignment and count": [
      topic(session.named("bad"), { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
    ],
    "assignment to nobody": [assigned([{ partitionIndex: 0, brokerIds: [] }])],
    "assignment to an unknown broker": [assigned([{ partitionIndex: 0, brokerIds: [77] }])],
    "assignment with a gap": [assigned([{ partitionIndex: 1, brokerIds: [1] }])],
    "assignment to one broker twice": [assigned([{ partitionIndex: 0, brokerIds: [1, 1] }])],
    "assignment of one partition twice": [
      assigned([
        { partitionIndex: 0, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [1] },
      ]),
    ],
  };
  function assigned(assignments: Topic["assignments"]): Topic {
    return topic(session.named("bad"), { numPartitions: -1, replicationFactor: -1, assignments });
  }
  for (const [label, all] of Object.entries(bad)) {
    await session.send(label, createTopics, 7, { topics: all });
    await session.send(label, createTopics, 4, { topics: all, validateOnly: true });
  }
  // Names that differ only in . and _ would share a metric.
  await session.topic(session.named("a.b"));
  await session.send("colliding name", createTopics, 7, { topics: [topic(session.named("a_b"))] });
}

async function remove(session: Session): Promise<void> {
  const ids = new Map<number, string>();
  for (let version = 1; version <= 6; version++) {
    ids.set(version, await session.topic(session.named(`gone-${version}`), 2));
  }
  const byName = (version: number, ...names: string[]): RequestInput<typeof deleteTopics> =>
    version >= 6
      ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })), timeoutMs: 5000 }
      : { topicNames: names, timeoutMs: 5000 };
  await session.every("delete, and an unknown one", deleteTopics, (version) =>
    byName(version, session.named(`gone-${version}`), session.named("never")),
  );
  await session.every("delete again", deleteTopics, (version) =>
    byName(version, session.named(`gone-${version}`)),
  );
  await session.every("delete a name twice", deleteTopics, (version) =>
    byName(version, session.named("never"), session.named("never")),
  );
  await session.every("delete an internal name", deleteTopics, (version) =>
    byName(version, "__cluster_metadata"),
  );
  await session.every("delete nothing", deleteTopics, (version) => byName(version));
  const id = await session.topic(session.named("by-id"), 1);
  await session.send("delete by id and name", deleteTopics, 6, {
    topics: [{ topicId: id, name: session.named("by-id") }],
    timeoutMs: 5000,
  });
  await session.send("delete with neither id nor name", deleteTopics, 6, {
    topics: [{ topicId: ZERO_UUID, name: null }],
    timeoutMs: 5000,
  });
  await session.send("delete by id", deleteTopics, 6, {
    topics: [{ topicId: id, name: null }],
    timeoutMs: 5000,
  });
  await session.send("delete by id again", deleteTopics, 6, {
    topics: [{ topicId: id, name: null }],
    timeoutMs: 5000,
  });

  // The name is free at once, and the new topic is another one.
  const again = await session.topic(session.named("by-id"), 2);
  session.note("created anew with another id", again !== id);
  await session.send("the old id after it was created anew", metadata, 12, {
    topics: [{ topicId: id, name: null }],
    allowAutoTopicCreation: false,
  });
}
