import assert from "node:assert/strict";
import { test } from "node:test";
import { suiteMarkdown, verdictOf } from "./verdict.ts";

const result = {
  passed: ["a", "b"],
  skipped: [{ name: "s", reason: "old" }],
  failed: [
    { name: "known", reason: "boom" },
    { name: "new", reason: "bang | bang" },
  ],
};

test("failures are known or unexpected, and a known one that passes is outdated", () => {
  const verdict = verdictOf(result, { known: "because", a: "it once failed" });
  assert.deepEqual(verdict, {
    unexpected: [{ name: "new", reason: "bang | bang" }],
    known: [{ name: "known", reason: "because" }],
    outdated: ["a"],
  });
  const markdown = suiteMarkdown("Suite 1", result, verdict);
  assert.match(markdown, /2 passed, 2 failed, 1 skipped/);
  assert.match(markdown, /\| known \| because \|/);
  assert.match(markdown, /\| new \| \*\*not yet explained\*\*: bang \\\| bang \|/);
});
