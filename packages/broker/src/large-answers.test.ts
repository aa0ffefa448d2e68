import assert from "node:assert/strict";
import { test } from "node:test";
import { SimulatedClock } from "@ottla/platform";
import { deleteGroups, encodeRequest } from "@ottla/protocol";
import { CloseConnection } from "./handler.ts";
import { LARGE_ANSWER_BYTES, LargeAnswers, PATIENCE_MS } from "./large-answers.ts";
import { TestBroker } from "./test-broker.ts";

const MIB = LARGE_ANSWER_BYTES;

function peer(closed: string[], name: string) {
  const exchange = { onWritten: null as (() => void) | null };
  return { connection: { close: () => void closed.push(name) }, exchange };
}

test("NW: where there is no room for a large answer those left lying longest go with their connections", async () => {
  const clock = new SimulatedClock();
  const answers = new LargeAnswers(clock, 10 * MIB);
  const closed: string[] = [];
  const hold = (name: string, bytes: number) => {
    const { connection, exchange } = peer(closed, name);
    answers.hold(connection, exchange, bytes);
    return exchange;
  };
  const first = hold("first", 4 * MIB);
  await clock.advance(1_000);
  hold("second", 4 * MIB);
  assert.throws(() => hold("impatient", 3 * MIB), CloseConnection);
  hold("third", 2 * MIB);
  await clock.advance(PATIENCE_MS - 1_000);
  hold("fourth", 3 * MIB);
  assert.deepEqual(closed, ["first"]);
  first.onWritten!();
  assert.equal(answers.heldBytes, 9 * MIB, "what was closed is not counted off twice");
  assert.throws(() => hold("fifth", 9 * MIB), CloseConnection);
  assert.deepEqual(closed, ["first"], "the others have not been there for long");
});

test("NW: an answer counts until it is written, and who wanted to know that before is told too", () => {
  const answers = new LargeAnswers(new SimulatedClock(), 10 * MIB);
  let isTold = false;
  const exchange = {
    onWritten: () => {
      isTold = true;
    },
  };
  answers.hold({ close: () => {} }, exchange, 2 * MIB);
  answers.hold({ close: () => {} }, { onWritten: null }, MIB - 1);
  assert.equal(answers.heldBytes, 2 * MIB);
  exchange.onWritten();
  assert.equal(answers.heldBytes, 0);
  assert.equal(isTold, true);
});

test("NW: an answer larger than all room has it when nothing else is there", () => {
  const answers = new LargeAnswers(new SimulatedClock(), MIB);
  answers.hold({ close: () => {} }, { onWritten: null }, 3 * MIB);
  assert.equal(answers.heldBytes, 3 * MIB);
});

test("NW: the answers of handlers are counted", async () => {
  await using broker = await TestBroker.start();
  const groupsNames = Array.from({ length: 4_000 }, (_, index) => `${index}`.padStart(400, "-"));
  const envelope = { correlationId: 1, clientId: "test" };
  const request = Buffer.concat(encodeRequest(deleteGroups, 2, envelope, { groupsNames }));
  const answer = await broker.serve(request.subarray(4));
  assert.equal(broker.services.largeAnswers.heldBytes, answer!.length);
});
