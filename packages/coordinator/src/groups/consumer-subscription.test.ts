import assert from "node:assert/strict";
import { test } from "node:test";
import { SubscribedTopics } from "./consumer-subscription.ts";
import { subscription } from "./group-harness.ts";

test("a subscription is read when it is new, not each time that its member is named", () => {
  const topics = new SubscribedTopics();
  const [first, second] = [subscription(["a", "b"]), subscription(["b"])];
  const have = () => ["a", "b", "c"].filter((topic) => topics.has(topic)).join();
  topics.update(new Map([["first", first]]));
  assert.equal(have(), "a,b");
  // Whoever read it again would find other topics, or none.
  const kept = Buffer.from(first);
  first.fill(0xff);
  topics.update(
    new Map([
      ["first", first],
      ["second", second],
    ]),
  );
  assert.deepEqual([topics.isKnown, have()], [true, "a,b"]);
  kept.copy(first);
  topics.update(new Map([["second", second]]));
  assert.equal(have(), "b");
  topics.update(
    new Map([
      ["second", subscription(["c"])],
      ["third", null],
    ]),
  );
  assert.deepEqual([topics.isKnown, have()], [false, "c"]);
  topics.update(new Map());
  assert.deepEqual([topics.isKnown, have()], [true, ""]);
});
