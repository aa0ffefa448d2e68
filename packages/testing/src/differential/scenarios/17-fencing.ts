import { describeTransactions, initProducerId, type RequestInput } from "@ottla/protocol";
import { waitFor } from "../../wait.ts";
import type { Scenario, Session } from "../session.ts";
import type { NamedTopic } from "./requests.ts";
import { Transactional } from "./transactional.ts";

/** Producers whose time is over, because another took their id or because they took too long. */
export const fencing: Scenario = {
  name: "fencing",
  async run(session) {
    const name = session.named("log");
    const topic = { name, id: await session.topic(name, 8) };
    for (const version of [0, 2, 3, 4, 5]) await anotherTakesTheId(session, topic, version);
    for (const version of [0, 2, 3, 5]) await tooLong(session, topic, version);
    await afterTheSuccessor(session, topic);
  },
};

async function zombieTries(
  zombie: Transactional,
  topic: NamedTopic,
  version: number,
  when: string,
): Promise<void> {
  const groupId = zombie.session.named(`group-${version}`);
  const label = (text: string): string => `${text} ${when} (v${version})`;
  const produce = [7, 7, 9, 11, 12, 12][version]!;
  await zombie.add(label("zombie adds"), Math.min(version, 3), topic.name, [version]);
  await zombie.produce(label("zombie writes"), produce, topic, version);
  await zombie.addOffsets(label("zombie adds offsets"), Math.min(version, 4), groupId);
  const offsets = [{ name: topic.name, partition: 0, offset: 1 }];
  await zombie.commitOffsets(label("zombie commits offsets"), version, groupId, offsets);
  const old = zombie.identity();
  for (const committed of [true, false]) {
    await zombie.end(
      label(committed ? "zombie commits" : "zombie aborts"),
      version,
      committed,
      old,
    );
  }
  await zombie.session.send(
    label("zombie takes its id again"),
    initProducerId,
    Math.max(version, 3),
    {
      transactionalId: old.transactionalId,
      transactionTimeoutMs: 60_000,
      producerId: old.producerId,
      producerEpoch: old.producerEpoch,
    },
  );
}

async function anotherTakesTheId(
  session: Session,
  topic: NamedTopic,
  version: number,
): Promise<void> {
  await session.coordinator(session.named(`group-${version}`));
  const zombie = await Transactional.begin(session, `taken-${version}`, {
    line: session.line("zombie"),
  });
  await zombie.add(`zombie begins (v${version})`, 3, topic.name, [version]);
  await zombie.produce(`zombie writes first (v${version})`, 9, topic, version);
  const take: RequestInput<typeof initProducerId> = {
    transactionalId: zombie.transactionalId,
    transactionTimeoutMs: 60_000,
  };
  await session.send("take the id while a transaction is open", initProducerId, version, take);
  await zombie.settled();
  await session.send("take the id when it has ended", initProducerId, version, take);
  await zombieTries(zombie, topic, version, "after it was fenced");
  await session.send(`after the fencing (v${version})`, describeTransactions, 0, {
    transactionalIds: [zombie.transactionalId],
  });
}

/** The coordinator aborts what takes longer than its producer said. */
async function tooLong(session: Session, topic: NamedTopic, version: number): Promise<void> {
  const slow = await Transactional.begin(session, `slow-${version}`, { transactionTimeoutMs: 100 });
  await slow.add(`slow begins (v${version})`, 3, topic.name, [version]);
  await slow.produce(`slow writes first (v${version})`, 9, topic, version);
  await waitFor(
    async () => {
      const transactionalIds = [slow.transactionalId];
      const answer = await session.quietly(describeTransactions, 0, { transactionalIds });
      return answer.transactionStates[0]?.transactionState === "CompleteAbort" ? true : null;
    },
    { what: "abort of the slow transaction", everyMs: 20 },
  );
  await session.send(`after the timeout (v${version})`, describeTransactions, 0, {
    transactionalIds: [slow.transactionalId],
  });
  await zombieTries(slow, topic, version, "after its timeout");
}

async function afterTheSuccessor(session: Session, topic: NamedTopic): Promise<void> {
  const zombie = await Transactional.begin(session, "succeeded");
  const successor = await Transactional.begin(session, "succeeded");
  await successor.quietTransaction(topic, 7);
  await zombie.end("zombie ends after its successor's commit", 5, true);
  await zombie.end("zombie ends after its successor's commit, as before", 3, true, {
    producerEpoch: 0,
  });
}
