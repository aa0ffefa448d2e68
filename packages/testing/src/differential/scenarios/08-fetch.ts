import { fetch, produce, ZERO_UUID } from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import {
  type FetchOptions,
  type FetchPartition,
  fetchRequest,
  type NamedTopic,
  produceRequest,
} from "./requests.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAEg";

export const fetchScenario: Scenario = {
  name: "fetch",
  async run(session) {
    const name = session.named("log");
    const log: NamedTopic = { name, id: await session.topic(name, 3) };
    // Partition 0: batches of three records, 0–2, 3–5, …, 12–14. Partition 1: one of each codec. Partition 2: empty.
    for (let batch = 0; batch < 5; batch++) {
      const records = [0, 1, 2].map((index) => ({
        key: `key-${batch}`,
        value: `value ${batch} ${index}`,
        timestampDelta: index,
        headers: [["n", String(index)] as const],
      }));
      await put(
        session,
        log,
        0,
        session.batch(records, { baseTimestamp: session.time(batch * 10) }),
      );
    }
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      await put(session, log, 1, session.batch([{ value: codec }], { codec }));
    }
    await read(session, log);
    await edges(session, log);
    await waiting(session, log);
    await sessions(session, log);
  },
};

async function put(
  session: Session,
  topic: NamedTopic,
  index: number,
  records: Buffer,
): Promise<void> {
  const body = produceRequest(9, [{ ...topic, partitions: [{ index, records }] }]);
  const answer = await session.quietly(produce, 9, body);
  const code = answer.responses[0]?.partitionResponses[0]?.errorCode;
  if (code !== 0) throw new Error(`producing to ${topic.name} failed with ${code}`);
}

async function read(session: Session, log: NamedTopic): Promise<void> {
  const all = [
    { partition: 0, fetchOffset: 0 },
    { partition: 1, fetchOffset: 0 },
    { partition: 2, fetchOffset: 0 },
  ];
  await session.every("everything", fetch, (version) =>
    fetchRequest(version, [{ ...log, partitions: all }]),
  );
  await session.every("everything that is committed", fetch, (version) =>
    fetchRequest(version, [{ ...log, partitions: all }], { isolationLevel: 1 }),
  );
  await session.every("from the middle of a batch", fetch, (version) =>
    fetchRequest(version, [{ ...log, partitions: [{ partition: 0, fetchOffset: 7 }] }]),
  );
  await session.every("at the end", fetch, (version) =>
    fetchRequest(version, [{ ...log, partitions: [{ partition: 0, fetchOffset: 15 }] }]),
  );
  await session.every("past the end, before the start, unknown partition", fetch, (version) =>
    fetchRequest(version, [
      {
        ...log,
        partitions: [
          { partition: 0, fetchOffset: 16 },
          { partition: 1, fetchOffset: -1 },
          { partition: 9, fetchOffset: 0 },
        ],
      },
    ]),
  );
  const none: NamedTopic = { name: session.named("none"), id: UNKNOWN_ID };
  await session.every("unknown topic", fetch, (version) =>
    fetchRequest(version, [{ ...none, partitions: [{ partition: 0, fetchOffset: 0 }] }]),
  );
  await session.every("nothing", fetch, (version) => fetchRequest(version, []));
  await session.every("limit of one byte", fetch, (version) =>
    fetchRequest(version, [{ ...log, partitions: all }], { maxBytes: 1 }),
  );
  await session.every("partition limit of one byte", fetch, (version) =>
    fetchRequest(version, [
      { ...log, partitions: all.map((each) => ({ ...each, partitionMaxBytes: 1 })) },
    ]),
  );
}

async function edges(session: Session, log: NamedTopic): Promise<void> {
  const one = (label: string, partitions: FetchPartition[], options: FetchOptions = {}) =>
    session.every(`edge: ${label}`, fetch, (version) =>
      [4, 9, 12, 13, 17].includes(version)
        ? fetchRequest(version, [{ ...log, partitions }], options)
        : null,
    );
  const start = { partition: 0, fetchOffset: 0 };
  await one("no bytes at all", [start], { maxBytes: 0 });
  await one("two whole batches", [{ ...start, partitionMaxBytes: 330 }]);
  await one("negative limits", [{ ...start, partitionMaxBytes: -1 }], { maxBytes: -1 });
  await one("one partition twice", [start, { ...start, fetchOffset: 12 }]);
  await one("isolation level 9", [start], { isolationLevel: 9 });
  await one("current leader epoch", [{ ...start, currentLeaderEpoch: 0 }]);
  await one("old leader epoch", [{ ...start, currentLeaderEpoch: -5 }]);
  await one("future leader epoch", [{ ...start, currentLeaderEpoch: 99 }]);
  await one("last fetched epoch", [{ ...start, fetchOffset: 3, lastFetchedEpoch: 0 }]);
  await one("last fetched epoch past the end", [
    { ...start, fetchOffset: 99, lastFetchedEpoch: 0 },
  ]);
  await one("future last fetched epoch", [{ ...start, fetchOffset: 3, lastFetchedEpoch: 7 }]);
  await one("negative partition", [{ partition: -1, fetchOffset: 0 }]);
  await session.send(
    "edge: zero topic id",
    fetch,
    13,
    fetchRequest(13, [{ name: log.name, id: ZERO_UUID, partitions: [start] }]),
  );
}

async function waiting(session: Session, log: NamedTopic): Promise<void> {
  // LG9: a reader that waits for more is woken by an append, on another connection.
  const on = session.line("waiting");
  const pending = session.send(
    "woken by an append",
    fetch,
    12,
    fetchRequest(12, [{ ...log, partitions: [{ partition: 2, fetchOffset: 0 }] }], {
      maxWaitMs: 20_000,
      minBytes: 1,
    }),
    { on, withinMs: 10_000 },
  );
  await put(session, log, 2, session.batch([{ value: "wake up" }]));
  await pending;
  await session.send(
    "nothing comes",
    fetch,
    12,
    fetchRequest(12, [{ ...log, partitions: [{ partition: 2, fetchOffset: 1 }] }], {
      maxWaitMs: 200,
      minBytes: 1,
    }),
  );
  await session.send(
    "more asked for than there is",
    fetch,
    12,
    fetchRequest(12, [{ ...log, partitions: [{ partition: 2, fetchOffset: 0 }] }], {
      maxWaitMs: 200,
      minBytes: 100_000,
    }),
  );
  await session.send(
    "an error does not wait",
    fetch,
    12,
    fetchRequest(12, [{ ...log, partitions: [{ partition: 2, fetchOffset: 77 }] }], {
      maxWaitMs: 20_000,
      minBytes: 1,
    }),
    { withinMs: 2_000 },
  );
}

async function sessions(session: Session, log: NamedTopic): Promise<void> {
  const start = { partition: 0, fetchOffset: 12 };
  for (const version of [7, 11, 12, 13, 17]) {
    const send = (
      label: string,
      partitions: FetchPartition[],
      sessionId: number,
      sessionEpoch: number,
      more: FetchOptions = {},
    ) =>
      session.send(
        `session: ${label}`,
        fetch,
        version,
        fetchRequest(version, partitions.length === 0 ? [] : [{ ...log, partitions }], {
          ...more,
          sessionId,
          sessionEpoch,
        }),
      );
    const opened = await send("open", [start, { partition: 2, fetchOffset: 1 }], 0, 0);
    const id = opened?.sessionId ?? 0;
    await send("nothing new", [], id, 1);
    await send("moved on", [{ partition: 0, fetchOffset: 15 }], id, 2);
    await send("still nothing", [], id, 3);
    await send("same epoch again", [], id, 3);
    await send("epoch too far ahead", [], id, 9);
    await send("partition forgotten", [], id, 4, { forgotten: [{ ...log, partitions: [0] }] });
    await send("an unknown partition in it", [{ partition: 9, fetchOffset: 0 }], id, 5);
    await send("closed", [], id, -1);
    await send("after it was closed", [], id, 6);
    await send("unknown session", [], 123_456_789, 1);
    await send("negative session", [], -5, 1);
    await send("epoch -2", [start], 0, -2);
  }
  if (log.id !== "") await mixedSession(session, log);
}

/** A session opened by name goes on by id. */
async function mixedSession(session: Session, log: NamedTopic): Promise<void> {
  const partitions = [{ partition: 0, fetchOffset: 12 }];
  const opened = await session.send(
    "session: opened by name",
    fetch,
    12,
    fetchRequest(12, [{ ...log, partitions }], { sessionId: 0, sessionEpoch: 0 }),
  );
  await session.send(
    "session: goes on by id",
    fetch,
    13,
    fetchRequest(13, [{ ...log, partitions }], {
      sessionId: opened?.sessionId ?? 0,
      sessionEpoch: 1,
    }),
  );
}
