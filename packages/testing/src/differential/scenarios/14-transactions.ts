import {
  addPartitionsToTxn,
  describeTransactions,
  findCoordinator,
  initProducerId,
  type RequestInput,
} from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import type { NamedTopic } from "./requests.ts";
import { coordinatorOf, type Identity, Transactional } from "./transactional.ts";

/** The requests that begin, fill and end a transaction, one producer at a time. */
export const transactions: Scenario = {
  name: "transactions",
  async run(session) {
    const name = session.named("log");
    const topic = { name, id: await session.topic(name, 8) };
    // Apache Kafka has no block of producer ids at hand when the first is asked for.
    await Transactional.begin(session, "first");
    await init(session);
    await adding(session, topic);
    await producing(session, topic);
    await ending(session, topic);
  },
};

const WRONG: Readonly<Record<string, (right: Transactional) => Identity>> = {
  "an unknown id": () => ({ transactionalId: "transactions-nobody" }),
  "an empty id": () => ({ transactionalId: "" }),
  "another producer": ({ producerId }) => ({ producerId: producerId + 1_000 }),
  "an older epoch": ({ producerEpoch }) => ({ producerEpoch: producerEpoch - 1 }),
  "a later epoch": ({ producerEpoch }) => ({ producerEpoch: producerEpoch + 1 }),
  "no producer": () => ({ producerId: -1, producerEpoch: -1 }),
};

async function init(session: Session): Promise<void> {
  const body = (
    version: number,
    transactionalId: string,
    rest: Partial<RequestInput<typeof initProducerId>> = {},
  ): RequestInput<typeof initProducerId> => {
    const { producerId, producerEpoch, ...others } = rest;
    const resumed =
      producerId === undefined ? {} : { producerId, producerEpoch: producerEpoch ?? -1 };
    return {
      transactionalId,
      transactionTimeoutMs: 60_000,
      ...others,
      ...(version >= 3 ? resumed : {}),
    };
  };
  for (let version = 0; version <= 5; version++)
    await coordinatorOf(session, session.named(`init-${version}`));
  const id = (version: number): string => session.named(`init-${version}`);
  await session.every("coordinator of a transactional id", findCoordinator, (version) =>
    version === 0
      ? null
      : version < 4
        ? { key: id(5), keyType: 1 }
        : { keyType: 1, coordinatorKeys: [id(4), id(5), ""] },
  );
  await session.every("init for the first time", initProducerId, (version) =>
    body(version, id(version)),
  );
  await session.every("init again", initProducerId, (version) => body(version, id(version)));
  await session.every("init with an empty id", initProducerId, (version) => body(version, ""));
  for (const timeout of [0, -1, 900_000, 900_001]) {
    await session.every(`init with timeout ${timeout}`, initProducerId, (version) =>
      body(version, id(version), { transactionTimeoutMs: timeout }),
    );
  }
  for (let version = 3; version <= 5; version++) {
    const producer = await Transactional.begin(session, `resumed-${version}`);
    const resume = async (
      label: string,
      producerId: number,
      producerEpoch: number,
    ): Promise<void> => {
      const { transactionalId } = producer;
      const request = body(version, transactionalId, { producerId, producerEpoch });
      await session.send(label, initProducerId, version, request);
    };
    const { producerId } = producer;
    await resume("resume with the epoch it has", producerId, 0);
    await resume("resume with the epoch before", producerId, 0);
    await resume("resume with that epoch once more", producerId, 0);
    await resume("resume with the new epoch", producerId, 1);
    await resume("resume with an epoch long gone", producerId, 0);
    await resume("resume with a later epoch", producerId, 9);
    await resume("resume as another producer", producerId + 1_000, 1);
    await resume("resume with half an identity", producerId, -1);
    await resume("resume with the other half", -1, 1);
  }
  await session.send("transactions that were never begun", describeTransactions, 0, {
    transactionalIds: [id(0), id(5), session.named("nobody"), ""],
  });
}

async function adding(session: Session, { name }: NamedTopic): Promise<void> {
  for (let version = 0; version <= 5; version++) {
    const producer = await Transactional.begin(session, `adding-${version}`);
    const add = (label: string, partitions: readonly number[]): Promise<void> =>
      producer.add(label, version, name, partitions);
    const addTopics = async (
      label: string,
      ...topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]
    ): Promise<void> => {
      await session.send(label, addPartitionsToTxn, version, producer.addBody(version, topics));
    };
    await addTopics("add nothing");
    await add("add no partition", []);
    await add("add two partitions", [0, 1]);
    await add("add one of them again and another", [1, 2]);
    await add("add one partition twice", [3, 3]);
    await add("add a partition too many", [4, 99]);
    await addTopics(
      "add of an unknown topic beside a known one",
      { name, partitions: [5] },
      { name: session.named("none"), partitions: [0, 1] },
    );
    await addTopics("add of an internal topic", { name: "__transaction_state", partitions: [0] });
    for (const [label, wrong] of Object.entries(WRONG)) {
      await producer.add(`add with ${label}`, version, name, [0], wrong(producer));
    }
    await session.send(`after adding with v${version}`, describeTransactions, 0, {
      transactionalIds: [producer.transactionalId],
    });
    if (version < 4) continue;
    const verify = async (
      label: string,
      partitions: number[],
      wrong: Identity = {},
    ): Promise<void> => {
      const body = producer.addBody(version, [{ name, partitions }], wrong, true);
      await session.send(label, addPartitionsToTxn, version, body);
    };
    await verify("verify what is in it", [0, 1]);
    await verify("verify what is not", [0, 7]);
    for (const [label, wrong] of Object.entries(WRONG)) {
      await verify(`verify with ${label}`, [0], wrong(producer));
    }
    const other = await Transactional.begin(session, `adding-beside-${version}`);
    const both = [producer, other].flatMap(
      (each) => each.addBody(version, [{ name, partitions: [6] }]).transactions ?? [],
    );
    await session.send("add to two transactions", addPartitionsToTxn, version, {
      transactions: both,
    });
    await session.send(
      "add to no transaction",
      addPartitionsToTxn,
      version,
      { transactions: [] },
      { withinMs: 300 },
    );
  }
}

async function producing(session: Session, topic: NamedTopic): Promise<void> {
  for (const version of [3, 7, 9, 10, 11, 12, 13]) {
    const producer = await Transactional.begin(session, `producing-${version}`);
    const { producerId, producerEpoch } = producer;
    const send = (
      label: string,
      index: number,
      options: Parameters<Transactional["produce"]>[4] = {},
    ): Promise<void> => producer.produce(label, version, topic, index, options);
    const describe = async (label: string): Promise<void> => {
      await session.send(`${label} with v${version}`, describeTransactions, 0, {
        transactionalIds: [producer.transactionalId],
      });
    };
    await send("produce to a partition that was not added", 0);
    await describe("after producing without adding");
    await producer.add(`partition added for produce v${version}`, 3, topic.name, [1]);
    await send("produce to a partition that was added", 1, { values: ["a", "b"] });
    await send("the next batch", 1);
    await send("the next batch again", 1, { baseSequence: 2 });
    await send("a batch too far", 1, { baseSequence: 9 });
    await send("a first batch that is not the first", 2, { baseSequence: 4 });
    await send("a plain batch in the transaction", 1, { attributes: 0, baseSequence: 3 });
    await send("a control batch", 1, { attributes: 0x30, baseSequence: 3 });
    await send("an older epoch", 1, { producerEpoch: producerEpoch - 1, baseSequence: 0 });
    await send("a later epoch", 1, { producerEpoch: producerEpoch + 1, baseSequence: 0 });
    await send("another producer", 1, { producerId: producerId + 1_000, baseSequence: 0 });
    await send("no producer", 5, { producerId: -1, producerEpoch: -1, baseSequence: -1 });
    await send("a partition that does not exist", 99);
    await producer.end(`commit after produce v${version}`, version >= 12 ? 5 : 3, true);
    await producer.settled();
    await send("produce after the end", 1, { baseSequence: version >= 12 ? 0 : 3 });
    await describe("after producing after the end");
  }
}

async function ending(session: Session, topic: NamedTopic): Promise<void> {
  for (let version = 0; version <= 5; version++) {
    for (const committed of [true, false]) {
      const [verb, other] = committed ? ["commit", "abort"] : ["abort", "commit"];
      const producer = await Transactional.begin(session, `ending-${verb}-${version}`);
      await producer.end(`${verb} of nothing`, version, committed);
      for (const [label, wrong] of Object.entries(WRONG)) {
        await producer.settled(); // Version 5 aborts even nothing.
        await producer.end(`${verb} with ${label}`, version, committed, wrong(producer));
      }
      await producer.settled();
      await producer.add(`partition for ${verb} v${version}`, 3, topic.name, [version]);
      for (const [label, wrong] of Object.entries(WRONG)) {
        const full = `${verb} of an open transaction with ${label}`;
        await producer.end(full, version, committed, wrong(producer));
      }
      const before = { producerEpoch: producer.producerEpoch };
      await producer.end(verb, version, committed);
      await producer.settled();
      await producer.end(`${verb} again`, version, committed, before);
      await producer.settled();
      await producer.end(`${other} after ${verb}`, version, !committed, before);
      await producer.settled();
      await producer.end(`${verb} with what the answer gave`, version, committed);
      await producer.settled();
      await session.send(`after ${verb} v${version}`, describeTransactions, 0, {
        transactionalIds: [producer.transactionalId],
      });
    }
  }
}
