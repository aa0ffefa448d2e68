/** What the client says, request by request, to a broker that answers by a script. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, isBrokerError } from "@ottla/client";
import {
  consumerGroupHeartbeat,
  initProducerId,
  offsetCommit,
  type RequestOf,
} from "@ottla/protocol";
import { eventually } from "./broker.ts";
import { plays, ScriptedBroker } from "./scripted-broker.ts";

const topic = { name: "t", topicId: "dG9waWMtaWQtb2YtdGhlLQ", partitions: 1 };
const STALE_MEMBER_EPOCH = 113;

type Beat = RequestOf<typeof consumerGroupHeartbeat>;

/** A member that is polled until `isOver`; answers come from `answer`, which sees all heartbeats so far. */
async function beats(
  versions: readonly [number, number],
  answer: (beats: readonly Beat[]) => { memberEpoch: number; assign?: boolean } | null,
  isOver: (beats: readonly Beat[]) => boolean,
): Promise<readonly Beat[]> {
  const seen: Beat[] = [];
  await using broker = await ScriptedBroker.start(
    [
      plays(consumerGroupHeartbeat, versions, (request, version) => {
        seen.push(request);
        const said = answer(seen);
        if (said === null) return null;
        return {
          throttleTimeMs: 0,
          errorCode: 0,
          memberId: version === 0 ? "given" : request.memberId,
          memberEpoch: said.memberEpoch,
          heartbeatIntervalMs: 10,
          assignment:
            said.assign === true
              ? { topicPartitions: [{ topicId: topic.topicId, partitions: [0] }] }
              : null,
        };
      }),
    ],
    [topic],
  );
  const client = new Client({ bootstrapServers: broker.bootstrap, retryBackoffMs: 5 });
  const consumer = client.consumer({ groupId: "g", groupProtocol: "consumer" });
  consumer.subscribe(["t"]);
  await eventually(async () => {
    await consumer.poll({ timeoutMs: 5 });
    return isOver(seen);
  });
  const count = seen.length;
  await client.close();
  return seen.slice(0, count);
}

test("KIP-848: a heartbeat tells what changed, the first one and the one after a lost answer everything", async () => {
  const seen = await beats(
    [0, 1],
    (all) => (all.length === 5 ? null : { memberEpoch: 1, assign: all.length === 2 }),
    (all) => all.length >= 8,
  );
  const [join, second, ...rest] = seen;
  assert.equal(join!.memberEpoch, 0);
  assert.deepEqual(join!.subscribedTopicNames, ["t"]);
  assert.deepEqual(join!.topicPartitions, []);
  assert.ok(join!.rebalanceTimeoutMs > 0);
  assert.match(join!.memberId, /^[\w-]{22}$/);
  assert.deepEqual([second!.subscribedTopicNames, second!.topicPartitions], [null, null]);
  const owned = [{ topicId: topic.topicId, partitions: [0] }];
  const told = rest.filter(({ topicPartitions }) => topicPartitions !== null);
  assert.deepEqual(
    told.map(({ topicPartitions }) => topicPartitions),
    [owned, owned],
    "once when it changed and once after the lost answer",
  );
  assert.deepEqual(told[1]!.subscribedTopicNames, ["t"]);
  assert.ok(seen.every(({ memberId }) => memberId === join!.memberId));
});

test("KIP-848: in version 0 the coordinator gives the member its id", async () => {
  const seen = await beats(
    [0, 0],
    () => ({ memberEpoch: 1 }),
    (all) => all.length >= 3,
  );
  assert.deepEqual(
    seen.slice(0, 3).map(({ memberId }) => memberId),
    ["", "given", "given"],
  );
});

test("KIP-848: a commit with an epoch that has passed waits for the next one, and is not tried for ever", async () => {
  let epoch = 1;
  const epochs: number[] = [];
  await using broker = await ScriptedBroker.start(
    [
      plays(consumerGroupHeartbeat, [0, 1], ({ memberId }) => ({
        throttleTimeMs: 0,
        errorCode: 0,
        memberId,
        memberEpoch: epoch,
        heartbeatIntervalMs: 60_000,
      })),
      plays(offsetCommit, [9, 9], ({ generationIdOrMemberEpoch, topics }) => {
        epochs.push(generationIdOrMemberEpoch);
        const errorCode = generationIdOrMemberEpoch === 2 ? 0 : STALE_MEMBER_EPOCH;
        const partitions = [{ partitionIndex: 0, errorCode }];
        return { topics: topics.map(({ name }) => ({ name, partitions })) };
      }),
    ],
    [topic],
  );
  await using client = new Client({
    bootstrapServers: broker.bootstrap,
    callTimeoutMs: 200,
    retryBackoffMaxMs: 50,
    retryBackoffMs: 5,
  });
  await using consumer = client.consumer({ groupId: "g", groupProtocol: "consumer" });
  consumer.subscribe(["t"]);
  await eventually(async () => {
    await consumer.poll({ timeoutMs: 5 });
    return consumer.groupMetadata.generation === 1;
  });
  const offsets = [{ topic: "t", partition: 0, offset: 7 }];
  await assert.rejects(consumer.commit(offsets), (error) =>
    isBrokerError(error, "STALE_MEMBER_EPOCH"),
  );
  epochs.length = 0;
  epoch = 2;
  // No heartbeat is due for a minute: the commit asks for one.
  await consumer.commit(offsets);
  assert.deepEqual(epochs, [1, 2]);
});

test("InitProducerId of a new producer names no identity, so that a restart is not fenced", async () => {
  const seen: RequestOf<typeof initProducerId>[] = [];
  await using broker = await ScriptedBroker.start([
    plays(initProducerId, [0, 5], (request) => {
      seen.push(request);
      return { throttleTimeMs: 0, errorCode: 0, producerId: 7, producerEpoch: 3 };
    }),
  ]);
  await using client = new Client({ bootstrapServers: broker.bootstrap });
  await using producer = client.transactionalProducer({ transactionalId: "id" });
  await producer.init();
  assert.deepEqual(
    seen.map(({ producerId, producerEpoch }) => [producerId, producerEpoch]),
    [[-1, -1]],
  );
});
