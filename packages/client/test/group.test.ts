/** Classic group members against every broker. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Assignor,
  Client,
  type ConsumerOptions,
  cooperativeStickyAssignor,
  FencedError,
  rangeAssignor,
  roundRobinAssignor,
} from "@ottla/client";
import { eventually, forEachBroker } from "./broker.ts";
import { keepsStaticMembers, readsOnceWhileGrowing } from "./group-conduct.ts";
import { Member } from "./member.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const stage = new Stage(target);
  const { unique, newTopic } = stage;

  const join = (groupId: string, topics: readonly string[], options: ConsumerOptions = {}) =>
    new Member(stage.client, topics, { groupId, heartbeatIntervalMs: 100, ...options });

  for (const assignor of [rangeAssignor, roundRobinAssignor]) {
    test(`eager members with the ${assignor.name} assignor share the partitions and hand over on leave`, async () => {
      const topic = await newTopic(4);
      const groupId = unique("eager");
      await using first = join(groupId, [topic], { assignors: [assignor] });
      await eventually(async () => first.owned.length === 4);
      {
        await using second = join(groupId, [topic], { assignors: [assignor] });
        await eventually(async () => first.owned.length === 2 && second.owned.length === 2);
        assert.deepEqual([...first.owned, ...second.owned].sort(), [0, 1, 2, 3]);
        assert.deepEqual(first.events.slice(0, 2), ["assigned 0,1,2,3", "revoked 0,1,2,3"]);
      }
      await eventually(async () => first.owned.length === 4);
      assert.equal(first.failure, null);
    });
  }

  test("cooperative members give up only what moves and never stop on the rest", async () => {
    const topic = await newTopic(4);
    const groupId = unique("cooperative");
    const options = { assignors: [cooperativeStickyAssignor] };
    await using first = join(groupId, [topic], options);
    await eventually(async () => first.owned.length === 4);
    await using second = join(groupId, [topic], options);
    await eventually(async () => first.owned.length === 2 && second.owned.length === 2);
    const revoked = first.events.filter((event) => event.startsWith("revoked"));
    assert.equal(revoked.length, 1);
    assert.equal(revoked[0]!.split(",").length, 2, "two of four were given up");
    assert.deepEqual([...first.owned, ...second.owned].sort(), [0, 1, 2, 3]);
  });

  test("records are read once by a group that grows while offsets are committed on revocation", () =>
    readsOnceWhileGrowing(stage, join));

  test("a static member that comes back within its session gets its partitions without a rebalance", () =>
    keepsStaticMembers(stage, join));

  test("two members with one instance id: the older one is fenced, for good", async () => {
    const topic = await newTopic(1);
    const groupId = unique("fenced");
    await using older = join(groupId, [topic], { groupInstanceId: "same" });
    await eventually(async () => older.owned.length === 1);
    await using newer = join(groupId, [topic], { groupInstanceId: "same" });
    await eventually(async () => newer.owned.length === 1 && older.failure !== null);
    assert.ok(older.failure instanceof FencedError, String(older.failure));
  });

  test("an assignor of one's own runs for a single member too and carries user data both ways", async () => {
    const topic = await newTopic(2);
    const seen: string[] = [];
    const assignor: Assignor = {
      name: "test-own",
      rebalance: "eager",
      userData: () => Buffer.from("to the leader"),
      assign: ({ partitionCounts, members }) => {
        seen.push(...members.map(({ userData }) => String(userData)));
        return new Map(
          members.map(({ memberId }) => [
            memberId,
            {
              partitions: new Map([[topic, [...Array(partitionCounts.get(topic)).keys()]]]),
              userData: Buffer.from("to the member"),
            },
          ]),
        );
      },
      onAssignment: ({ userData }) => seen.push(String(userData)),
    };
    await using member = join(unique("own"), [topic], { assignors: [assignor] });
    await eventually(async () => member.owned.length === 2);
    assert.deepEqual(seen, ["to the leader", "to the member"]);
  });

  test("a topic that grows is assigned anew", async () => {
    const topic = await newTopic(1);
    const observer = new Client({
      bootstrapServers: stage.broker.bootstrap,
      metadataMaxAgeMs: 200,
    });
    try {
      const consumer = observer.consumer({ groupId: unique("grow"), heartbeatIntervalMs: 100 });
      consumer.subscribe([topic]);
      await consumer.poll({ timeoutMs: 3_000 });
      await stage.client.admin.createPartitions([{ name: topic, count: 3 }]);
      await eventually(async () => {
        await consumer.poll({ timeoutMs: 100 });
        return consumer.assignment.length === 3;
      });
    } finally {
      await observer.close();
    }
  });

  test("a member that is not polled leaves, so that others get its partitions, and comes back", async () => {
    const topic = await newTopic(2);
    const groupId = unique("slow");
    const slow = stage.client.consumer({
      groupId,
      maxPollIntervalMs: 600,
      heartbeatIntervalMs: 100,
    });
    const events: string[] = [];
    slow.subscribe([topic], {
      onAssigned: () => void events.push("assigned"),
      onLost: () => void events.push("lost"),
    });
    await slow.poll({ timeoutMs: 2_000 });
    assert.equal(slow.assignment.length, 2);
    await using other = join(groupId, [topic], { maxPollIntervalMs: 10_000 });
    await eventually(async () => other.owned.length === 2);
    await eventually(async () => {
      await slow.poll({ timeoutMs: 100 });
      return slow.assignment.length === 1 && other.owned.length === 1;
    });
    assert.deepEqual(events.slice(0, 3), ["assigned", "lost", "assigned"]);
    await slow.close();
  });
});
