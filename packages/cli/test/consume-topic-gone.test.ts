/** `ottla consume` without `--follow`, whose topic goes before its end is reached. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { BrokerServer } from "@ottla/testing";
import { type OttlaProcess, ottla, startBroker, startOttla } from "./ottla.ts";

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

/** Makes a topic, far larger than what a consumer fetches ahead, and starts to read it: what is printed is taken no further than its beginning. */
async function beginToRead(t: TestContext, topic: string, rest = ""): Promise<OttlaProcess> {
  await succeed(`topic create ${topic}`);
  await succeed(`produce ${topic}`, `${"x".repeat(900_000)}\n`.repeat(20));
  const args = `consume ${topic}${rest}`.split(" ");
  const consume = startOttla(args, { bootstrap: broker.bootstrap });
  t.after(() => consume.child.kill("SIGKILL"));
  const { stdout } = consume.child;
  const begun = new Promise<void>((resolve) => {
    stdout.once("data", () => {
      stdout.pause();
      resolve();
    });
  });
  await Promise.race([begun, consume.ended]);
  return consume;
}

for (const [how, rest] of [
  ["by itself", ""],
  ["in a group", " --group readers"],
] as const) {
  test(`consume ${how} fails when its topic is deleted`, { timeout: 60_000 }, async (t) => {
    const topic = how.replaceAll(" ", "-");
    const consume = await beginToRead(t, topic, rest);
    await succeed(`topic delete ${topic}`);
    consume.child.stdout.resume();
    assert.equal(await consume.ended, 1, consume.stderr());
    assert.equal(
      consume.stderr(),
      `ottla consume: topic "${topic}" was deleted before its end was reached\n`,
    );
  });
}

test("consume fails when its topic is deleted and created again with less in it", {
  timeout: 60_000,
}, async (t) => {
  const consume = await beginToRead(t, "again");
  await succeed("topic delete again");
  await succeed("topic create again");
  await succeed("produce again", "new\n");
  consume.child.stdout.resume();
  assert.equal(await consume.ended, 1, consume.stderr());
  assert.equal(
    consume.stderr(),
    'ottla consume: topic "again" was deleted and created again before its end was reached\n',
  );
});
