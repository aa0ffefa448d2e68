import { deleteRecords, listOffsets, offsetForLeaderEpoch, produce } from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import { type NamedTopic, produceRequest } from "./requests.ts";

export const offsetsOfTime: Scenario = {
  name: "list-offsets",
  async run(session) {
    const name = session.named("log");
    const log: NamedTopic = { name, id: await session.topic(name, 3) };
    // Partition 0: records at T+0, 10, 20 (one batch), T+5 (out of order), T+40 and T+40 (compressed), T+30.
    await put(session, log, 0, [0, 10, 20]);
    await put(session, log, 0, [5]);
    await put(session, log, 0, [40, 40, 35], "gzip");
    await put(session, log, 0, [30]);
    await put(session, log, 1, [1, 2, 3]);
    const ask = async (label: string, timestamp: number, partition = 0): Promise<void> => {
      await session.every(label, listOffsets, (version) =>
        request(version, name, partition, timestamp),
      );
    };
    for (const [label, timestamp] of [
      ["end", -1],
      ["start", -2],
      ["largest time", -3],
      ["local start", -4],
      ["tiered end", -5],
      ["tiered start", -6],
      ["-7", -7],
      ["-100", -100],
    ] as const) {
      await ask(label, timestamp);
      await ask(`${label}, empty`, timestamp, 2);
    }
    for (const time of [-50, 0, 1, 5, 10, 15, 20, 21, 30, 35, 36, 40, 41]) {
      await session.send(`at T${time}`, listOffsets, 7, request(7, name, 0, session.time(time)));
    }
    await session.send("at 0", listOffsets, 7, request(7, name, 0, 0));
    await session.send("at 1 ms, empty", listOffsets, 7, request(7, name, 2, 1));
    await ask("unknown partition", -1, 9);
    await session.every("unknown topic", listOffsets, (version) =>
      request(version, session.named("none"), 0, -1),
    );
    await session.every("for committed readers", listOffsets, (version) =>
      version < 2 ? null : { ...request(version, name, 0, -1), isolationLevel: 1 },
    );
    await session.send("isolation level 9", listOffsets, 7, {
      ...request(7, name, 0, -1),
      isolationLevel: 9,
    });
    await session.send("one partition twice", listOffsets, 7, {
      replicaId: -1,
      topics: [
        {
          name,
          partitions: [
            { partitionIndex: 0, timestamp: -1 },
            { partitionIndex: 0, timestamp: -2 },
            { partitionIndex: 1, timestamp: -1 },
          ],
        },
      ],
    });
    for (const currentLeaderEpoch of [-1, 0, 1, 99, -9]) {
      await session.send(`leader epoch ${currentLeaderEpoch}`, listOffsets, 7, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch }] }],
      });
    }
    for (const replicaId of [-2, 1, 5]) {
      await session.send(`replica ${replicaId}`, listOffsets, 7, {
        ...request(7, name, 0, -1),
        replicaId,
      });
    }
    await session.send("nothing", listOffsets, 7, { replicaId: -1, topics: [] });
    await epochs(session, name);
    await deletions(session, name);
  },
};

function request(version: number, name: string, partitionIndex: number, timestamp: number) {
  return {
    replicaId: -1,
    topics: [{ name, partitions: [{ partitionIndex, timestamp }] }],
    ...(version >= 10 ? { timeoutMs: 5_000 } : {}),
  };
}

async function put(
  session: Session,
  log: NamedTopic,
  index: number,
  times: readonly number[],
  codec: "none" | "gzip" = "none",
): Promise<void> {
  const records = session.batch(
    times.map((timestampDelta) => ({ value: "v", timestampDelta })),
    { codec },
  );
  await session.quietly(
    produce,
    9,
    produceRequest(9, [{ ...log, partitions: [{ index, records }] }]),
  );
}

async function epochs(session: Session, name: string): Promise<void> {
  const ask = (label: string, leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) =>
    session.every(`end of epoch: ${label}`, offsetForLeaderEpoch, (version) => ({
      ...(version >= 3 ? { replicaId: -1 } : {}),
      topics: [{ topic: name, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    }));
  await ask("0", 0);
  await ask("7", 7);
  await ask("-1", -1);
  await ask("-5", -5);
  await ask("0, empty", 0, -1, 2);
  await ask("0, future leader", 0, 9);
  await ask("0, right leader", 0, 0);
  await ask("unknown partition", 0, -1, 9);
  await session.send("end of epoch: unknown topic", offsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [
      {
        topic: session.named("none"),
        partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
      },
    ],
  });
}

async function deletions(session: Session, name: string): Promise<void> {
  const upTo = (label: string, offset: number, partitionIndex = 0, topic = name) =>
    session.every(`delete records: ${label}`, deleteRecords, () => ({
      topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
      timeoutMs: 5_000,
    }));
  await upTo("up to 0", 0);
  await upTo("up to 2", 2);
  await upTo("up to 1, behind the start", 1);
  await upTo("past the end", 99);
  await upTo("-2", -2);
  await upTo("unknown partition", 1, 9);
  await upTo("unknown topic", 1, 0, session.named("none"));
  for (const [label, timestamp] of [
    ["start", -2],
    ["largest time", -3],
    ["T0", session.time(0)],
    ["T5", session.time(5)],
  ] as const) {
    await session.send(`after deletion: ${label}`, listOffsets, 7, request(7, name, 0, timestamp));
  }
  await upTo("everything", -1);
  for (const [label, timestamp] of [
    ["start", -2],
    ["end", -1],
    ["largest time", -3],
    ["T0", session.time(0)],
  ] as const) {
    await session.send(
      `after deleting everything: ${label}`,
      listOffsets,
      7,
      request(7, name, 0, timestamp),
    );
  }
  const compacted = session.named("compacted");
  await session.topic(compacted, 1, { "cleanup.policy": "compact" });
  await upTo("compacted topic", 0, 0, compacted);
  await session.send("delete records: one partition twice", deleteRecords, 2, {
    topics: [
      {
        name,
        partitions: [
          { partitionIndex: 1, offset: 1 },
          { partitionIndex: 1, offset: 2 },
        ],
      },
    ],
    timeoutMs: 5_000,
  });
  await session.send("delete records: nothing", deleteRecords, 2, { topics: [], timeoutMs: 5_000 });
}
