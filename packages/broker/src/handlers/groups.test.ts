import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeGroups,
  errorName,
  findCoordinator,
  offsetCommit,
  offsetFetch,
} from "@ottla/protocol";
import { TestBroker } from "../test-broker.ts";
import { createTopic, TOPIC } from "../test-producer.ts";

async function commit(broker: TestBroker, groupId: string, committedOffset: number): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
  const request = { groupId, generationIdOrMemberEpoch: -1, memberId: "" };
  const topics = [{ name: TOPIC, partitions }];
  const answer = await broker.ask(offsetCommit, 8, { ...request, topics });
  assert.equal(errorName(answer.topics[0]!.partitions[0]!.errorCode), "NONE");
}

test("OffsetFetch answers each group in its place, also one that is asked for again", async () => {
  await using broker = await TestBroker.start();
  await createTopic(broker);
  await broker.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  await commit(broker, "g", 7);
  await commit(broker, "h", 9);
  const whole = (groupId: string) => ({ groupId, topics: null });
  const one = (groupId: string, partitionIndex: number) => ({
    groupId,
    topics: [{ name: TOPIC, partitionIndexes: [partitionIndex] }],
  });
  const asked = [
    whole("g"),
    one("g", 0),
    whole("h"),
    whole("g"),
    one("g", 1),
    one("h", 0),
    whole("h"),
    whole("none"),
  ];
  const { groups } = await broker.ask(offsetFetch, 8, { groups: asked });
  assert.deepEqual(
    groups.map(({ groupId, topics }) => [
      groupId,
      topics.flatMap(({ partitions }) =>
        partitions.map((partition) => [partition.partitionIndex, partition.committedOffset]),
      ),
    ]),
    [
      ["g", [[0, 7]]],
      ["g", [[0, 7]]],
      ["h", [[0, 9]]],
      ["g", [[0, 7]]],
      ["g", [[1, -1]]],
      ["h", [[0, 9]]],
      ["h", [[0, 9]]],
      ["none", []],
    ],
  );
});

test("DescribeGroups answers each group in its place, also one that is asked for again", async () => {
  await using broker = await TestBroker.start();
  await createTopic(broker);
  await broker.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  await commit(broker, "g", 7);
  const { groups } = await broker.ask(describeGroups, 5, { groups: ["g", "none", "g"] });
  assert.deepEqual(
    groups.map(({ groupId, groupState }) => [groupId, groupState]),
    [
      ["g", "Empty"],
      ["none", "Dead"],
      ["g", "Empty"],
    ],
  );
});
