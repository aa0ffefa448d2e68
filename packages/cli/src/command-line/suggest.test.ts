import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance, suggest } from "./suggest.ts";

test("a swap of neighbours is one slip, like an insertion, a deletion or a replacement", () => {
  assert.equal(editDistance("topic", "topic"), 0);
  assert.equal(editDistance("tpoic", "topic"), 1);
  assert.equal(editDistance("topc", "topic"), 1);
  assert.equal(editDistance("toppic", "topic"), 1);
  assert.equal(editDistance("tobic", "topic"), 1);
  assert.equal(editDistance("", "topic"), 5);
});

test("the distance is symmetric and never more than the longer word", () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.ok(distance <= Math.max(a.length, b.length));
      assert.equal(distance === 0, a === b);
    }),
  );
});

test("only what is close is suggested", () => {
  const names = ["create", "list", "describe", "alter", "delete"];
  assert.equal(suggest("craete", names), "create");
  assert.equal(suggest("LIST", names), "list");
  assert.equal(suggest("desc", names), null);
  assert.equal(suggest("frobnicate", names), null);
  assert.equal(suggest("x", []), null);
});
