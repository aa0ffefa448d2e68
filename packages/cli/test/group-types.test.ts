/** Groups of the newer types, against Apache Kafka, which has them all. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, orThrow } from "@ottla/client";
import { streamsGroupHeartbeat } from "@ottla/protocol";
import { type ReferenceKafka, startReferenceKafka, waitFor } from "@ottla/testing";
import { ottla, startOttla } from "./ottla.ts";

let kafka: ReferenceKafka;
let client: Client;

before(async () => {
  kafka = await startReferenceKafka({ heap: "512M" });
  client = new Client({ bootstrapServers: kafka.bootstrap });
  await ottlaSucceeds("topic", "create", "events", "-p", "2");
  const lines = [0, 1].flatMap((partition) =>
    Array.from({ length: 5 }, () => `{"partition":${partition},"value":"x"}`),
  );
  await ottlaSucceeds(["produce", "events", "--input", "json"], lines.join("\n"));
});

after(async () => {
  await client.close();
  await kafka[Symbol.asyncDispose]();
});

function ottlaSucceeds(...words: string[]): Promise<string>;
function ottlaSucceeds(words: readonly string[], input: string): Promise<string>;
async function ottlaSucceeds(...all: unknown[]): Promise<string> {
  const isList = Array.isArray(all[0]);
  const words = (isList ? all[0] : all) as string[];
  const input = isList ? (all[1] as string) : "";
  const { code, stdout, stderr } = await ottla(words, { bootstrap: kafka.bootstrap, input });
  assert.equal(code, 0, `${words.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

const describeJson = async (groupId: string) =>
  JSON.parse(await ottlaSucceeds("group", "describe", groupId, "-o", "json")).groups[0];

const listedType = async (groupId: string) =>
  JSON.parse(await ottlaSucceeds("group", "list", "-o", "json")).groups.find(
    (group: { groupId: string }) => group.groupId === groupId,
  )?.type;

test("KIP-848: members, epochs and what they asked for; offsets move once they are gone", async () => {
  const member = startOttla(
    [...["consume", "events", "-g", "new", "--group-protocol", "consumer"], "--follow"],
    { bootstrap: kafka.bootstrap },
  );
  await member.seen(/^(x\n){10}$/);
  const group = await describeJson("new");
  assert.equal(group.type, "consumer");
  assert.equal(await listedType("new"), "consumer");
  assert.equal(group.state, "Stable");
  assert.ok(group.groupEpoch > 0);
  const [only] = group.members;
  assert.deepEqual(only.topics, ["events"]);
  assert.equal(only.partitions.length, 2);
  assert.equal(group.partitions[1].memberId, only.memberId);
  const text = await ottlaSucceeds("group", "describe", "new");
  assert.match(text, /^Type: +consumer\n/m);
  assert.match(text, /^MEMBER .* EPOCH +PARTITIONS/m);
  member.child.kill("SIGTERM");
  assert.equal(await member.ended, 0);
  await ottlaSucceeds("group", "reset", "new", "--all-topics", "--to-earliest", "--execute");
  const moved = await describeJson("new");
  assert.deepEqual(
    moved.partitions.map(({ lag }: { lag: number }) => lag),
    [5, 5],
  );
});

test("KIP-932: share groups have what is not done, and start where they are told to", async () => {
  const changes = [{ name: "share.auto.offset.reset", value: "earliest" }];
  orThrow(await client.admin.incrementalAlterConfigs([{ type: "group", name: "shared", changes }]));
  {
    await using consumer = client.shareConsumer({ groupId: "shared" });
    consumer.subscribe(["events"]);
    let count = 0;
    while (count < 10) count += (await consumer.poll({ timeoutMs: 1_000 })).length;
    const group = await describeJson("shared");
    assert.equal(group.type, "share");
    assert.equal(group.members.length, 1);
    assert.deepEqual(group.members[0].topics, ["events"]);
    assert.equal(group.partitions.length, 2);
    const busy = await ottla(
      ["group", "reset", "shared", "-t", "events", "--to-earliest", "--execute"],
      { bootstrap: kafka.bootstrap },
    );
    assert.match(busy.stderr, /group "shared" is Stable/);
  }
  await ottlaSucceeds("group", "reset", "shared", "-t", "events", "--to-latest", "--execute");
  const ended = await describeJson("shared");
  assert.deepEqual(
    ended.partitions.map((each: { committedOffset: number }) => each.committedOffset),
    [5, 5],
  );
  await ottlaSucceeds(
    "group",
    "reset",
    "shared",
    "-t",
    "events:1",
    "--to-offset",
    "2",
    "--execute",
  );
  const moved = await describeJson("shared");
  assert.equal(moved.partitions[1].committedOffset, 2);
  await ottlaSucceeds("group", "delete", "shared");
});

test("KIP-1071: streams groups have their tasks as partitions", async () => {
  const heartbeat = {
    groupId: "flow",
    memberId: "member-1",
    memberEpoch: 0,
    endpointInformationEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    processId: "process-1",
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
    clientTags: [],
    topology: {
      epoch: 1,
      subtopologies: [
        {
          subtopologyId: "0",
          sourceTopics: ["events"],
          sourceTopicRegex: [],
          stateChangelogTopics: [],
          repartitionSinkTopics: [],
          repartitionSourceTopics: [],
          copartitionGroups: [],
        },
      ],
    },
  };
  const group = await waitFor(
    async () => {
      const { errorCode } = await client.request(streamsGroupHeartbeat, heartbeat);
      if (errorCode !== 0) return null;
      const found = await describeJson("flow");
      const [member] = found.members;
      // There is a target only while it differs from what the member has.
      return (member?.targetPartitions ?? member?.partitions)?.length === 2 ? found : null;
    },
    { what: "streams group with tasks" },
  );
  assert.equal(group.type, "streams");
  const [only] = group.members;
  assert.equal(only.memberId, "member-1");
  assert.deepEqual(only.targetPartitions ?? only.partitions, [
    { topic: "events", partition: 0 },
    { topic: "events", partition: 1 },
  ]);
});
