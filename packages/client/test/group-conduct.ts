/** What members of a group do in either protocol, for the tests of both. */
import assert from "node:assert/strict";
import type { ConsumerOptions } from "@ottla/client";
import { eventually } from "./broker.ts";
import type { Member } from "./member.ts";
import type { Stage } from "./stage.ts";

/** Makes a member of the protocol that is tested. */
type Join = (groupId: string, topics: readonly string[], options: ConsumerOptions) => Member;

/** Records are read once by a group that grows while offsets are committed. */
export async function readsOnceWhileGrowing(stage: Stage, join: Join): Promise<void> {
  const topic = await stage.newTopic(3);
  const groupId = stage.unique("once");
  await using producer = stage.client.producer();
  const send = (from: number) =>
    producer.sendMany(
      Array.from({ length: 300 }, (_, i) => ({ topic, key: `${i}`, value: `${from + i}` })),
    );
  await send(0);
  const options = { autoCommitIntervalMs: 1_000 };
  await using first = join(groupId, [topic], options);
  await eventually(async () => first.values.length === 300);
  await using second = join(groupId, [topic], options);
  await eventually(async () => second.owned.length > 0 && first.owned.length > 0);
  await send(300);
  await eventually(async () => first.values.length + second.values.length >= 600);
  const all = [...first.values, ...second.values];
  assert.equal(all.length, 600);
  assert.equal(new Set(all).size, 600);
  assert.ok(second.values.length > 0);
}

/** A static member that comes back within its session gets its partitions, unnoticed by others. */
export async function keepsStaticMembers(stage: Stage, join: Join): Promise<void> {
  const topic = await stage.newTopic(2);
  const groupId = stage.unique("static");
  await using other = join(groupId, [topic], { groupInstanceId: "other" });
  const returning = join(groupId, [topic], { groupInstanceId: "returning" });
  await eventually(async () => other.owned.length === 1 && returning.owned.length === 1);
  const owned = returning.owned;
  const before = other.events.length;
  await returning[Symbol.asyncDispose]();
  await using again = join(groupId, [topic], { groupInstanceId: "returning" });
  await eventually(async () => again.owned.length === 1);
  assert.deepEqual(again.owned, owned);
  assert.equal(other.events.length, before, "the other member noticed nothing");
}
