import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidValue } from "../command-line/value.ts";
import { parsePlan, planText } from "./offset-plan.ts";
import { partitionSelection } from "./partitions.ts";
import { combinedPattern, topicPattern } from "./topic-pattern.ts";

test("a plan is read as it was written, with or without the group", () => {
  const offset = fc.record(
    {
      topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/),
      partition: fc.nat(),
      offset: fc.nat(),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(offset, { minLength: 1 }), (offsets) => {
      assert.deepEqual(parsePlan(planText(offsets), "g"), offsets);
    }),
  );
  const both = 'g,a,0,5\nother,a,0,7\r\n"g","b",1,6\n\n';
  assert.deepEqual(parsePlan(both, "g"), [
    { topic: "a", partition: 0, offset: 5 },
    { topic: "b", partition: 1, offset: 6 },
  ]);
  for (const text of ["a,0", "a,b,1", "a,0,-1", "x,g,a,0,1", ",0,1"]) {
    assert.throws(() => parsePlan(`a,0,1\n${text}`, "g"), /line 2 of the plan/, text);
  }
  assert.throws(() => parsePlan(both, "third"), /nothing for group "third"/);
});

test("patterns are globs or regular expressions of whole names; all else is a name", () => {
  assert.equal(topicPattern("orders.eu_1-a"), null);
  assert.equal(topicPattern("/"), null);
  const matching = (word: string, ...names: string[]) =>
    names.filter((name) => topicPattern(word)!.test(name));
  const names = ["orders", "orders.eu", "ordersxeu", "my-orders", "o"];
  assert.deepEqual(matching("orders*", ...names), ["orders", "orders.eu", "ordersxeu"]);
  assert.deepEqual(matching("orders.??", ...names), ["orders.eu"]);
  assert.deepEqual(matching("/orders|o/", ...names), ["orders", "o"]);
  assert.deepEqual(matching("/.*:?s/", ...names), ["orders", "my-orders"]);
  assert.throws(() => topicPattern("/(/"), InvalidValue);
  const all = combinedPattern(["orders.eu", "my-*", "/o/"]);
  assert.deepEqual(
    names.filter((name) => all.test(name)),
    ["orders.eu", "my-orders", "o"],
  );
});

test("a selection is a topic or a pattern, with partitions or without", () => {
  assert.deepEqual(partitionSelection("a"), { topic: "a", partitions: null });
  assert.deepEqual(partitionSelection("a:0,2"), { topic: "a", partitions: [0, 2] });
  assert.deepEqual(partitionSelection("/(?:a|b)/:1"), { topic: "/(?:a|b)/", partitions: [1] });
  assert.deepEqual(partitionSelection("/(?:a|b)/"), { topic: "/(?:a|b)/", partitions: null });
  assert.deepEqual(partitionSelection("a*:1"), { topic: "a*", partitions: [1] });
  for (const raw of ["", ":1", "a:", "a:x", "a:1:2", "/(/"]) {
    assert.throws(() => partitionSelection(raw), InvalidValue, raw);
  }
});
