/** `ottla consume --group` commits what it could print, and nothing else. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import type { BrokerServer } from "@ottla/testing";
import { ottla, startBroker, startOttla, startRedirected } from "./ottla.ts";

const FULL_DEVICE = "/dev/full";
const noFullDevice = existsSync(FULL_DEVICE) ? false : `there is no ${FULL_DEVICE}`;

let broker: BrokerServer;

before(async () => {
  broker = await startBroker();
});

after(async () => {
  await broker[Symbol.asyncDispose]();
});

async function succeed(line: string, input = ""): Promise<string> {
  const result = await ottla(line.split(" "), { bootstrap: broker.bootstrap, input });
  assert.equal(result.code, 0, `${line}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Makes a topic of two partitions with the numbers below `count`. */
async function numbers(topic: string, count: number): Promise<void> {
  await succeed(`topic create ${topic} -p 2`);
  const lines = Array.from({ length: count }, (_, i) => `{"partition":${i % 2},"value":"${i}"}`);
  await succeed(`produce ${topic} --input json`, lines.join("\n"));
}

test("a full disk leaves all records to the group's next member", {
  skip: noFullDevice,
  timeout: 60_000,
}, async (t) => {
  await numbers("full", 20_000);
  const line = "consume full --group full";
  const args = [...line.split(" "), "-b", broker.bootstrap];
  const consume = startRedirected(`>${FULL_DEVICE}`, args);
  t.after(() => consume.child.kill("SIGKILL"));
  assert.equal(await consume.ended, 1);
  assert.match(consume.stderr(), /^ottla consume: cannot write the output: ENOSPC.*\n$/);
  assert.equal((await succeed(line)).match(/\n/g)?.length, 20_000);
});

test("a reader that is gone leaves all records to the group's next member", {
  timeout: 60_000,
}, async (t) => {
  await numbers("unread", 20_000);
  const line = "consume unread --group unread";
  const consume = startOttla(line.split(" "), { bootstrap: broker.bootstrap });
  t.after(() => consume.child.kill("SIGKILL"));
  consume.child.stdout.destroy();
  assert.equal(await consume.ended, 0);
  assert.match(consume.stderr(), /^0 records/);
  assert.equal((await succeed(line)).match(/\n/g)?.length, 20_000);
});

test("a reader that goes leaves what came after to the group's next member", {
  timeout: 60_000,
}, async (t) => {
  await succeed("topic create half");
  await succeed("produce half", "one\n");
  const line = "consume half --group half";
  const consume = startOttla([...line.split(" "), "--follow"], { bootstrap: broker.bootstrap });
  t.after(() => consume.child.kill("SIGKILL"));
  await consume.seen(/^one\n$/);
  consume.child.stdout.destroy();
  await succeed("produce half", "two\n");
  assert.equal(await consume.ended, 0);
  assert.equal(await succeed(line), "two\n");
});
