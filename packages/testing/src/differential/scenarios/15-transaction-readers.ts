import {
  describeProducers,
  describeTransactions,
  fetch,
  listOffsets,
  listTransactions,
  type RequestInput,
  type ResponseOf,
  writeTxnMarkers,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import { fetchRequest, type NamedTopic } from "./requests.ts";
import { Transactional } from "./transactional.ts";

/** What readers see of transactions, those of records and those of state. */
export const transactionReaders: Scenario = {
  name: "transaction-readers",
  async run(session) {
    const name = session.named("log");
    const topic = { name, id: await session.topic(name, 4) };
    await isolation(session, topic);
    await states(session, topic);
    await markers(session, topic);
  },
};

const READ_COMMITTED = 1;

/** Partition 0 gets two interleaved transactions, the one that began first is the last to end. */
async function isolation(session: Session, topic: NamedTopic): Promise<void> {
  const early = await Transactional.begin(session, "early");
  const late = await Transactional.begin(session, "late");
  const look = async (label: string, offsets: readonly number[]): Promise<void> => {
    await session.every(`ends ${label}`, listOffsets, (version) =>
      listRequest(version, topic.name),
    );
    for (const isolationLevel of [0, READ_COMMITTED]) {
      const reader = isolationLevel === 0 ? "all" : "committed";
      for (const fetchOffset of offsets) {
        await session.every(
          `${reader} from ${fetchOffset} ${label}`,
          fetch,
          (version) => {
            // From version 17 on only followers ask.
            if (
              version > 16 ||
              (fetchOffset > 0 && version !== 4 && version !== 11 && version !== 16)
            )
              return null;
            const partitions = [{ partition: 0, fetchOffset }];
            return fetchRequest(version, [{ ...topic, partitions }], { isolationLevel });
          },
          { pick: withoutSession },
        );
      }
    }
  };
  await look("of nothing", [0, 1]);
  await early.add("early adds", 3, topic.name, [0]);
  await late.add("late adds", 3, topic.name, [0]);
  await look("before the first record", [0]);
  await early.produce("early writes", 9, topic, 0, { values: ["e0", "e1"] });
  await late.produce("late writes", 9, topic, 0, { values: ["l0"] });
  await look("of two open transactions", [0, 2, 3]);
  await late.end("late aborts", 3, false);
  await late.settled();
  await look("of an open one and one that was aborted", [0, 2, 3]);
  await early.produce("early goes on", 9, topic, 0, { values: ["e2"] });
  await early.end("early commits", 3, true);
  await early.settled();
  await look("of a commit and an abort", [0, 1, 2, 3, 4, 5, 6]);
  for (const committed of [false, true, false]) {
    await late.quietTransaction(topic, 0, { committed, values: ["a", "b", "c"] });
  }
  await look("of several aborts", [0, 5, 7, 11, 16]);
  // A reader that gets one batch only is told of what concerns it.
  await session.send(
    "committed, one batch",
    fetch,
    16,
    fetchRequest(
      16,
      [{ ...topic, partitions: [{ partition: 0, fetchOffset: 2, partitionMaxBytes: 1 }] }],
      {
        isolationLevel: READ_COMMITTED,
        maxBytes: 1,
      },
    ),
  );
  // Waits for bytes that a committed reader may have, not for those behind an open transaction.
  const holder = await Transactional.begin(session, "holder");
  await holder.add("holder adds", 3, topic.name, [0]);
  await holder.produce("holder writes", 9, topic, 0);
  await session.send(
    "committed, waiting behind an open transaction",
    fetch,
    11,
    fetchRequest(11, [{ ...topic, partitions: [{ partition: 0, fetchOffset: 18 }] }], {
      isolationLevel: READ_COMMITTED,
      maxWaitMs: 50,
      minBytes: 1,
    }),
  );
  const waiter = session.line("waiter");
  const waiting = session.send(
    "committed, waiting until it ends",
    fetch,
    11,
    fetchRequest(11, [{ ...topic, partitions: [{ partition: 0, fetchOffset: 18 }] }], {
      isolationLevel: READ_COMMITTED,
      maxWaitMs: 4_000,
      minBytes: 1,
    }),
    { on: waiter },
  );
  await holder.end("holder commits", 3, true);
  await waiting;
}

/** Each broker numbers its fetch sessions as it likes; here they do not matter. */
function withoutSession({ sessionId: _, ...rest }: ResponseOf<typeof fetch>) {
  return rest;
}

function listRequest(version: number, name: string): RequestInput<typeof listOffsets> | null {
  if (version < 2) return null;
  return {
    replicaId: -1,
    isolationLevel: READ_COMMITTED,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    ...(version >= 10 ? { timeoutMs: 5_000 } : {}),
  };
}

async function states(session: Session, topic: NamedTopic): Promise<void> {
  const describe = async (label: string, ...transactionalIds: string[]): Promise<void> => {
    await session.send(`transactions ${label}`, describeTransactions, 0, { transactionalIds });
  };
  const producers = async (
    label: string,
    name: string,
    ...partitionIndexes: number[]
  ): Promise<void> => {
    const topics = [{ name, partitionIndexes }];
    await session.send(`producers ${label}`, describeProducers, 0, { topics });
  };
  const one = await Transactional.begin(session, "one", { transactionTimeoutMs: 90_000 });
  const two = await Transactional.begin(session, "two");
  await describe("that are empty", one.transactionalId, two.transactionalId);
  await describe("asked for twice", one.transactionalId, one.transactionalId);
  await describe("of none");
  await producers("of nobody", topic.name, 2);
  await producers("of unknown places", topic.name, 99);
  await producers("of an unknown topic", session.named("none"), 0);
  await producers("of no topic's name", "", 0);
  await one.add("one adds", 3, topic.name, [3, 2, 1]);
  await one.produce("one writes", 9, topic, 2, { values: ["x", "y"] });
  await one.produce("one writes again", 9, topic, 2, { values: ["z"] });
  await describe("that are open", one.transactionalId, two.transactionalId);
  await producers("of an open transaction", topic.name, 1, 2);

  const list = async (
    label: string,
    body: Partial<RequestInput<typeof listTransactions>>,
    first = 0,
  ): Promise<void> => {
    await session.every(
      `list ${label}`,
      listTransactions,
      (version) => (version < first ? null : { stateFilters: [], producerIdFilters: [], ...body }),
      {
        pick: ({ transactionStates, ...rest }) => ({
          ...rest,
          transactionStates: transactionStates.filter(({ transactionalId }) =>
            transactionalId.startsWith(session.scenario),
          ),
        }),
      },
    );
  };
  await list("all", {});
  await list("the open", { stateFilters: ["Ongoing"] });
  await list("the empty and the complete", { stateFilters: ["Empty", "CompleteCommit"] });
  await list("an unknown state and a known", { stateFilters: ["Nonsense", "Ongoing"] });
  await list("unknown states", { stateFilters: ["Nonsense", "", "Dead"] });
  await list("states in lower case", { stateFilters: ["ongoing"] });
  await list("one producer's", { producerIdFilters: [one.producerId] });
  await list("an unknown producer's", { producerIdFilters: [987_654_321] });
  await list("one producer's in another state", {
    stateFilters: ["Empty"],
    producerIdFilters: [one.producerId],
  });
  await list("the long", { durationFilter: 3_600_000 }, 1);
  await list("the not so long", { durationFilter: 0 }, 1);
  await list("by pattern", { transactionalIdPattern: ".*-o.*" }, 2);
  await list("by a pattern of a part", { transactionalIdPattern: "one" }, 2);
  await list("by an empty pattern", { transactionalIdPattern: "" }, 2);
  await list("by a bad pattern", { transactionalIdPattern: "(" }, 2);

  await one.end("one commits", 3, true);
  await one.settled();
  await describe("that are complete", one.transactionalId);
  await producers("of a complete transaction", topic.name, 1, 2);
}

/** What an operator or a coordinator writes by hand. */
async function markers(session: Session, topic: NamedTopic): Promise<void> {
  for (const version of [1, 2]) {
    const index = version; // A partition each.
    const producer = await Transactional.begin(session, `marked-${version}`);
    const mark = async (
      label: string,
      rest: Partial<RequestInput<typeof writeTxnMarkers>["markers"][number]> = {},
    ): Promise<void> => {
      const { producerId, producerEpoch } = producer;
      await session.send(label, writeTxnMarkers, version, {
        markers: [
          {
            producerId,
            producerEpoch,
            transactionResult: false,
            topics: [{ name: topic.name, partitionIndexes: [index] }],
            coordinatorEpoch: 0,
            ...rest,
          },
        ],
      });
    };
    const producers = async (label: string): Promise<void> => {
      await session.send(`producers ${label}, v${version}`, describeProducers, 0, {
        topics: [{ name: topic.name, partitionIndexes: [index] }],
      });
    };
    await mark("marker without a transaction");
    await producer.add(`partition to mark v${version}`, 3, topic.name, [index]);
    await producer.produce(`record to mark v${version}`, 9, topic, index);
    await mark("marker for unknown places", {
      topics: [
        { name: topic.name, partitionIndexes: [99] },
        { name: session.named("none"), partitionIndexes: [0] },
      ],
    });
    await mark("marker for no places", { topics: [] });
    await mark("marker with an older epoch", { producerEpoch: -1 });
    await mark("marker of another producer", { producerId: producer.producerId + 1_000 });
    await producers("before the marker");
    await mark("marker with a later coordinator", { coordinatorEpoch: 3 });
    await producers("after the marker");
    await mark("marker once more", { coordinatorEpoch: 3 });
    await mark("marker with an older coordinator", { coordinatorEpoch: 1 });
    await mark("marker with a later epoch", { producerEpoch: 5, coordinatorEpoch: 3 });
    await producers("after a later epoch");
    if (version < 2) continue;
    for (const transactionVersion of [0, 1, 2, 9]) {
      await mark(`marker of transaction version ${transactionVersion}`, {
        producerEpoch: 5,
        coordinatorEpoch: 3,
        transactionVersion,
      });
    }
    await mark("marker of transaction version 2 with a later epoch", {
      producerEpoch: 6,
      coordinatorEpoch: 3,
      transactionVersion: 2,
    });
    await producers("after markers of version 2");
    await session.send("no markers", writeTxnMarkers, version, { markers: [] }, { withinMs: 300 });
  }
}
