/** What `ottla produce` sends of an input that is cut off, or in part no records. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type BrokerServer, waitFor } from "@ottla/testing";
import { ottla, startBroker, startOttla } from "./ottla.ts";

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

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} sends no record that is only the beginning of a line`, {
    timeout: 60_000,
  }, async (t) => {
    const topic = `cut-${signal}`;
    await succeed(`topic create ${topic}`);
    const produce = startOttla(["produce", topic], { bootstrap: broker.bootstrap });
    t.after(() => produce.child.kill("SIGKILL"));
    produce.child.stdin.write("whole\ncut off in the mid");
    // Both came in one piece.
    const arrived = async () => (await succeed(`consume ${topic}`)) || null;
    assert.equal(await waitFor(arrived, { what: "record" }), "whole\n");
    produce.child.kill(signal);
    assert.equal(await produce.ended, 0);
    assert.match(produce.stderr(), /^delivered 1 record/);
    assert.equal(await succeed(`consume ${topic}`), "whole\n");
  });
}

test("the last line needs no end where the input has one", async () => {
  await succeed("topic create last");
  await succeed("produce last", "first\nlast");
  assert.equal(await succeed("consume last"), "first\nlast\n");
});

test("JSON that is no text is sent as it is written", async () => {
  await succeed("topic create exact");
  await succeed("produce exact --input json", '{"value":{"id":9007199254740993,"price":1.0}}\n');
  assert.equal(await succeed("consume exact"), '{"id":9007199254740993,"price":1.0}\n');
});

test("lines before one that is no record are sent, and the failure says where to go on", async () => {
  const invalid = [
    ["oops", /line 50 is not JSON/],
    ['{"value":{"base64":"%%%%"}}', /line 50 has a "base64" that is not base64/],
  ] as const;
  for (const [index, [line, message]] of invalid.entries()) {
    const topic = `invalid-${index}`;
    await succeed(`topic create ${topic}`);
    const valid = Array.from({ length: 49 }, (_, i) => `${i}`);
    const lines = [...valid.map((value) => `{"value":"${value}"}`), line, '{"value":"after"}'];
    const { code, stderr } = await ottla(["produce", topic, "--input", "json"], {
      bootstrap: broker.bootstrap,
      input: lines.join("\n"),
    });
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, /delivered 49 records/);
    assert.equal(await succeed(`consume ${topic}`), `${valid.join("\n")}\n`);
  }
});
