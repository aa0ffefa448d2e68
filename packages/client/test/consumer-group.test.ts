/** Members of groups of the new protocol (KIP-848), and subscriptions by pattern in both protocols. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ConsumerOptions,
  isBrokerError,
  orThrow,
  type RebalanceListener,
  type ServerPattern,
  UsageError,
} from "@ottla/client";
import { consumerGroupDescribe, consumerGroupHeartbeat } from "@ottla/protocol";
import { eventually, forEachBroker } from "./broker.ts";
import { keepsStaticMembers, readsOnceWhileGrowing } from "./group-conduct.ts";
import { Member } from "./member.ts";
import { Stage } from "./stage.ts";

forEachBroker((target) => {
  const stage = new Stage(target, { metadataMaxAgeMs: 500 });
  const { unique, newTopic } = stage;

  const join = (
    groupId: string,
    topics: readonly string[] | RegExp | ServerPattern,
    options: ConsumerOptions = {},
    listener: RebalanceListener = {},
  ) =>
    new Member(stage.client, topics, { groupId, groupProtocol: "consumer", ...options }, listener);

  describe("KIP-848", { skip: target.skipNewGroups }, () => {
    test("members share the partitions, keep what does not move, and hand over on leave", async () => {
      const topic = await newTopic(4);
      const groupId = unique("share-out");
      await using first = join(groupId, [topic]);
      await eventually(async () => first.owned.length === 4);
      {
        await using second = join(groupId, [topic]);
        await eventually(async () => first.owned.length === 2 && second.owned.length === 2);
        assert.deepEqual([...first.owned, ...second.owned].sort(), [0, 1, 2, 3]);
        const revoked = first.events.filter((event) => event.startsWith("revoked"));
        assert.equal(revoked.length, 1);
        assert.equal(revoked[0]!.split(",").length, 2, "two of four were given up");
      }
      await eventually(async () => first.owned.length === 4);
      assert.equal(first.failure, null);
    });

    test("a partition is handed on only after its former owner's listener is done", async () => {
      const topic = await newTopic(2);
      const groupId = unique("awaited");
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      await using first = join(
        groupId,
        [topic],
        {},
        {
          onRevoked: async () => {
            entered.resolve();
            await gate.promise;
          },
        },
      );
      await eventually(async () => first.owned.length === 2);
      await using second = join(groupId, [topic]);
      await entered.promise;
      // Several heartbeats of both members go by while the listener is at work.
      await eventually(async () => second.consumer.groupMetadata.generation > 0);
      const { generation } = second.consumer.groupMetadata;
      const third = join(groupId, [topic]);
      await eventually(async () => second.consumer.groupMetadata.generation > generation);
      await third[Symbol.asyncDispose]();
      assert.deepEqual(second.owned, []);
      gate.resolve();
      await eventually(async () => first.owned.length === 1 && second.owned.length === 1);
    });

    test("records are read once by a group that grows while offsets are committed by epoch", () =>
      readsOnceWhileGrowing(stage, join));

    test("a commit with an epoch that has passed goes again with the new one", async () => {
      const topic = await newTopic(2);
      const groupId = unique("epochs");
      await using member = join(groupId, [topic]);
      await eventually(async () => member.owned.length === 2);
      const first = member.consumer.groupMetadata.generation;
      // The group's epoch moves with every member that comes or goes; commits go on all the while.
      for (let i = 0; i < 5; i++) {
        const other = join(groupId, [topic]);
        await eventually(async () => {
          await member.consumer.commit([{ topic, partition: member.owned[0]!, offset: i }]);
          return other.owned.length > 0;
        });
        await other[Symbol.asyncDispose]();
      }
      assert.ok(member.consumer.groupMetadata.generation > first);
      assert.equal(member.failure, null);
    });

    test("a static member that comes back within its session gets its partitions, unnoticed by others", () =>
      keepsStaticMembers(stage, join));

    test("an instance id that is taken is refused for good", async () => {
      const topic = await newTopic(1);
      const groupId = unique("taken");
      await using holder = join(groupId, [topic], { groupInstanceId: "same" });
      await eventually(async () => holder.owned.length === 1);
      await using late = join(groupId, [topic], { groupInstanceId: "same" });
      await eventually(async () => late.failure !== null);
      assert.ok(isBrokerError(late.failure, "UNRELEASED_INSTANCE_ID"), String(late.failure));
      assert.equal(holder.failure, null);
    });

    test("a member that was removed loses its partitions, says so, and joins again", async () => {
      const topic = await newTopic(2);
      const groupId = unique("removed");
      await using member = join(groupId, [topic]);
      await eventually(async () => member.owned.length === 2);
      const { memberId } = member.consumer.groupMetadata;
      const left = await stage.client.request(consumerGroupHeartbeat, {
        groupId,
        memberId,
        memberEpoch: -1,
      });
      assert.equal(left.errorCode, 0);
      await eventually(async () => member.events.length >= 3 && member.owned.length === 2);
      assert.deepEqual(member.events, ["assigned 0,1", "lost 0,1", "assigned 0,1"]);
    });

    test("a member that is not polled leaves, so that others get its partitions, and comes back", async () => {
      const topic = await newTopic(2);
      const groupId = unique("slow");
      const slow = stage.client.consumer({
        groupId,
        groupProtocol: "consumer",
        maxPollIntervalMs: 600,
      });
      const events: string[] = [];
      slow.subscribe([topic], {
        onAssigned: () => void events.push("assigned"),
        onLost: () => void events.push("lost"),
      });
      await eventually(async () => {
        await slow.poll({ timeoutMs: 100 });
        return slow.assignment.length === 2;
      });
      await using other = join(groupId, [topic]);
      await eventually(async () => other.owned.length === 2);
      await eventually(async () => {
        await slow.poll({ timeoutMs: 100 });
        return slow.assignment.length === 1 && other.owned.length === 1;
      });
      assert.deepEqual(events.slice(0, 3), ["assigned", "lost", "assigned"]);
      await slow.close();
    });

    test("the server's assignor is the one asked for; one it does not have is refused", async () => {
      const topic = await newTopic(2);
      const groupId = unique("assignor");
      await using member = join(groupId, [topic], { serverAssignor: "range" });
      await eventually(async () => member.owned.length === 2);
      const { groups } = await stage.client.request(consumerGroupDescribe, {
        groupIds: [groupId],
        includeAuthorizedOperations: false,
      });
      assert.equal(groups[0]?.assignorName, "range");
      await using bad = join(unique("no-assignor"), [topic], { serverAssignor: "nobody" });
      await eventually(async () => bad.failure !== null);
      assert.ok(isBrokerError(bad.failure, "UNSUPPORTED_ASSIGNOR"), String(bad.failure));
    });

    test("a topic that is deleted and made anew is given up and taken over", async () => {
      const topic = await newTopic(1);
      const keep = await newTopic(1);
      await using member = join(unique("anew"), [topic, keep]);
      await eventually(async () => member.topics.length === 2);
      orThrow(await stage.client.admin.deleteTopics([topic]));
      await eventually(async () => member.topics.length === 1);
      await newTopic(3, { name: topic });
      await eventually(async () => member.owned.length === 4);
      await using producer = stage.client.producer();
      await producer.send({ topic, value: "to the new one" });
      await eventually(async () => member.values.length === 1);
      assert.equal(member.failure, null);
    });

    test("a pattern that the coordinator matches takes in topics as they appear; a bad one is refused", async () => {
      const prefix = unique("matched");
      await newTopic(1, { name: `${prefix}-a` });
      await newTopic(1, { name: unique("other") });
      await using member = join(unique("re2"), { pattern: `${prefix}-.*` });
      await eventually(async () => member.topics.length === 1);
      await newTopic(1, { name: `${prefix}-b` });
      // The coordinator looks for new topics when the group's metadata changes, which a further member makes it do.
      await using other = join(member.consumer.groupMetadata.groupId, {
        pattern: `${prefix}-[a-z]`,
      });
      await eventually(async () => member.topics.length + other.topics.length === 2);
      await using bad = join(unique("bad-re2"), { pattern: "(" });
      await eventually(async () => bad.failure !== null);
      assert.ok(isBrokerError(bad.failure, "INVALID_REGULAR_EXPRESSION"), String(bad.failure));
    });
  });

  for (const groupProtocol of ["classic", "consumer"] as const) {
    const skip = groupProtocol === "consumer" && target.skipNewGroups;
    test(`${groupProtocol}: a pattern that this side matches takes in topics as they appear`, {
      skip,
    }, async () => {
      const prefix = unique("Pattern");
      await newTopic(1, { name: `${prefix}-a` });
      await newTopic(1, { name: unique("other") });
      const pattern = new RegExp(`^${prefix.toLowerCase()}-`, "gi");
      await using member = join(unique("pattern"), pattern, { groupProtocol });
      await eventually(async () => member.topics.length === 1);
      await newTopic(1, { name: `${prefix}-b` });
      await eventually(async () => member.topics.length === 2);
      assert.deepEqual(member.topics, [`${prefix}-a`, `${prefix}-b`]);
    });
  }

  test("settings and patterns of the other protocol are refused", () => {
    const groupId = "refused";
    for (const options of [
      { groupId, groupProtocol: "consumer", sessionTimeoutMs: 10_000 },
      { groupId, groupProtocol: "consumer", heartbeatIntervalMs: 100 },
      { groupId, groupProtocol: "consumer", assignors: [] },
      { groupId, serverAssignor: "range" },
    ] as const) {
      assert.throws(() => stage.client.consumer(options), UsageError);
    }
    const classic = stage.client.consumer({ groupId });
    assert.throws(() => classic.subscribe({ pattern: "x" }), UsageError);
  });
});
