import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./allowed.ts";
import { compareTranscripts } from "./compare.ts";
import type { Json, Step } from "./transcript.ts";

function step(version: number, outcome: Json, label = "a step"): Step {
  return { scenario: "s", label, api: "Api", version, outcome };
}

test("equal transcripts have no differences", () => {
  const steps = [step(1, { errorCode: 0, topics: [{ name: "a", partitions: [] }] })];
  assert.deepEqual(compareTranscripts(steps, structuredClone(steps)), []);
});

test("what differs in the same way at several versions is one row, with the field's path", () => {
  const kafka = [1, 2].map((version) => step(version, { topics: [{ name: "a", errorCode: 3 }] }));
  const other = [1, 2].map((version) => step(version, { topics: [{ name: "a", errorCode: 5 }] }));
  assert.deepEqual(compareTranscripts(kafka, other), [
    {
      scenario: "s",
      label: "a step",
      api: "Api",
      versions: [1, 2],
      path: "topics[a].errorCode",
      expected: "3",
      actual: "5",
    },
  ]);
});

test("an element that is missing, one too many, a closed connection and a step not reached are differences", () => {
  const paths = (kafka: Step[], other: Step[]): string[] =>
    compareTranscripts(kafka, other).map(
      ({ path, expected, actual }) => `${path}: ${expected} / ${actual}`,
    );
  const one = { list: [{ name: "a" }] };
  const two = { list: [{ name: "a" }, { name: "b" }] };
  assert.deepEqual(paths([step(1, two)], [step(1, one)]), ['list[b]: {"name":"b"} / absent']);
  assert.deepEqual(paths([step(1, one)], [step(1, two)]), ['list[b]: absent / {"name":"b"}']);
  assert.deepEqual(paths([step(1, "closed")], [step(1, one)]), [
    ': closed / {"list":[{"name":"a"}]}',
  ]);
  assert.deepEqual(paths([step(1, "closed")], []), [": closed / not reached"]);
  assert.deepEqual(paths([], [step(1, "closed")]), [": not reached / closed"]);
});

test("a listed difference is allowed, another is not, and a listed one that is gone is reported", () => {
  const kafka = [step(1, { errorCode: 1 }), step(1, { errorCode: 1 }, "another")];
  const other = [step(1, { errorCode: 2 }), step(1, { errorCode: 2 }, "another")];
  const differences = compareTranscripts(kafka, other);
  const known = { scenario: "s", label: "a step", path: "errorCode", reason: "because" };
  const gone = { scenario: "s", label: /^gone/, reason: "it was once so" };
  const { listed, unlisted, vanished } = judge(differences, [known, gone]);
  assert.deepEqual(listed, [{ difference: differences[0], reason: "because" }]);
  assert.deepEqual(unlisted, [differences[1]]);
  assert.deepEqual(vanished, [gone]);
});
