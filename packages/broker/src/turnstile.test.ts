import assert from "node:assert/strict";
import { test } from "node:test";
import { Later } from "@ottla/platform";
import { deleteGroups, encodeRequest } from "@ottla/protocol";
import { handler } from "./handler.ts";
import { TestBroker } from "./test-broker.ts";
import { Turnstile } from "./turnstile.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("one passes after the other is answered, in the order in which they came", async () => {
  const turnstile = new Turnstile();
  const begun: string[] = [];
  const pass = (name: string) => {
    const answer = new Later<readonly Buffer[] | null>();
    const served = turnstile.pass(() => {
      begun.push(name);
      return answer;
    });
    return { answer, served };
  };
  const first = pass("first");
  const second = pass("second");
  const third = pass("third");
  await turn();
  assert.deepEqual(begun, ["first"]);
  first.answer.settle(null);
  // It is the second's turn, though it has not come yet.
  const fourth = pass("fourth");
  assert.deepEqual(begun, ["first"]);
  await turn();
  assert.deepEqual(begun, ["first", "second"]);
  second.answer.fail(new Error("broken"));
  await assert.rejects(async () => await second.served, /broken/);
  await turn();
  third.answer.settle([Buffer.from("third")]);
  assert.deepEqual(await third.served, [Buffer.from("third")]);
  await turn();
  fourth.answer.settle(null);
  assert.equal(await fourth.served, null);
  assert.deepEqual(begun, ["first", "second", "third", "fourth"]);
});

test("who is answered at once or throws keeps nobody waiting", async () => {
  const turnstile = new Turnstile();
  const broken = () => {
    throw new Error("broken");
  };
  assert.equal(
    turnstile.pass(() => null),
    null,
  );
  assert.throws(() => turnstile.pass(broken), /broken/);
  const answer = new Later<null>();
  turnstile.pass(() => answer);
  const second = turnstile.pass(broken);
  const third = turnstile.pass(() => [Buffer.from("third")]);
  answer.settle(null);
  await assert.rejects(async () => await second, /broken/);
  assert.deepEqual(await third, [Buffer.from("third")]);
});

test("NW: of large requests that take turns one is decoded and served at a time, small ones go on", async () => {
  const answers: Later<{ results: [] }>[] = [];
  const served = [
    handler({
      api: deleteGroups,
      takesTurns: true,
      handle() {
        const answer = new Later<{ results: [] }>();
        answers.push(answer);
        return answer;
      },
    }),
  ];
  await using broker = await TestBroker.start({}, { served });
  const serve = (groups: number) => {
    const groupsNames = Array.from({ length: groups }, (_, index) => `group-${index}`);
    const envelope = { correlationId: 1, clientId: "test" };
    return broker.serve(
      Buffer.concat(encodeRequest(deleteGroups, 2, envelope, { groupsNames })).subarray(4),
    );
  };
  const large = [serve(10_000), serve(10_000)];
  const small = serve(10);
  await turn();
  assert.equal(answers.length, 2, "the first large one and the small one");
  answers[1]!.settle({ results: [] });
  assert.notEqual(await small, null);
  answers[0]!.settle({ results: [] });
  assert.notEqual(await large[0], null);
  await turn();
  assert.equal(answers.length, 3);
  answers[2]!.settle({ results: [] });
  assert.notEqual(await large[1], null);
});
