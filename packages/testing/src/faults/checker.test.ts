import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHistory, type ViolationKind } from "./checker.ts";
import type { History, Operation, SendOperation } from "./history.ts";

function send(
  value: string,
  offset: number | null,
  rest: Partial<SendOperation> = {},
): SendOperation {
  const outcome = offset === null ? "unknown" : "acknowledged";
  const common = { producer: "p", isIdempotent: true, partition: 0 };
  return { kind: "send", ...common, value, offset, outcome, ...rest };
}

/** One partition that holds these values from offset 0 on. */
function history(operations: readonly Operation[], values: readonly string[]): History {
  const records = values.map((value, offset) => ({ offset, value }));
  const log = { partition: 0, logStart: 0, logEnd: values.length, records };
  return { operations, logs: [log] };
}

function kinds(checked: History): ViolationKind[] {
  return checkHistory(checked).map(({ kind }) => kind);
}

const commit = (offset: number, outcome: "acknowledged" | "refused" | "unknown" = "acknowledged") =>
  ({ kind: "commit", group: "g", partition: 0, offset, outcome }) as const;
const committed = (offset: number | null) =>
  ({ kind: "committed", group: "g", partition: 0, offset }) as const;
const poll = (from: number, ...values: readonly string[]) => {
  const records = values.map((value, index) => ({ offset: from + index, value }));
  return { kind: "poll", reader: "r", partition: 0, from, records } as const;
};

test("a history in which everything went well passes", () => {
  const operations = [
    { kind: "producer-id", producer: "p", id: 1 },
    { kind: "producer-id", producer: "q", id: 2 },
    send("a", 0),
    poll(0, "a"),
    committed(null),
    commit(1),
    { kind: "crash" },
    send("b", null),
    committed(1),
    send("c", 2),
    poll(1, "b", "c"),
    commit(3, "unknown"),
    committed(3),
    send("d", null),
  ] as const;
  assert.deepEqual(checkHistory(history(operations, ["a", "b", "c"])), []);
});

test("an unknown commit may have happened or not", () => {
  const operations = [send("a", 0), send("b", 1), commit(1), commit(2, "unknown")];
  assert.deepEqual(kinds(history([...operations, committed(1)], ["a", "b"])), []);
  assert.deepEqual(kinds(history([...operations, committed(2)], ["a", "b"])), []);
});

test("what was acknowledged and is not there is lost", () => {
  assert.deepEqual(kinds(history([send("a", 0), send("b", 1)], ["a"])), ["lost"]);
});

test("what a reader saw and is not there is lost", () => {
  assert.deepEqual(kinds(history([send("a", 0), send("b", null), poll(0, "a", "b")], ["a"])), [
    "lost",
  ]);
});

test("what is at another offset than was told has moved, and the offset has two values", () => {
  const moved = history([send("a", 1), send("b", null)], ["a", "b"]);
  assert.deepEqual(kinds(moved), ["moved", "two values"]);
});

test("what is there more often than it was sent is duplicated", () => {
  assert.deepEqual(kinds(history([send("a", 0)], ["a", "a"])), ["duplicated"]);
  assert.deepEqual(kinds(history([send("a", null)], ["a", "a"])), ["duplicated"]);
});

test("values of a producer in another order are reordered", () => {
  assert.deepEqual(kinds(history([send("a", null), send("b", null)], ["b", "a"])), ["reordered"]);
  const others = [send("a", null), send("b", null, { producer: "q" })];
  assert.deepEqual(kinds(history(others, ["b", "a"])), []);
});

test("what nobody sent, or what was refused, is invented", () => {
  assert.deepEqual(kinds(history([send("a", 0)], ["a", "x"])), ["invented"]);
  assert.deepEqual(kinds(history([send("a", null, { outcome: "refused" })], ["a"])), ["invented"]);
  assert.deepEqual(kinds(history([send("a", null, { partition: 1 })], ["a"])), ["invented"]);
});

test("one offset that held two values is found", () => {
  const operations = [send("a", 0), send("b", null), poll(0, "b")];
  assert.deepEqual(kinds(history(operations, ["a", "b"])), ["two values"]);
});

test("missing offsets in the log or in a poll are gaps", () => {
  const log = {
    partition: 0,
    logStart: 0,
    logEnd: 3,
    records: [
      { offset: 0, value: "a" },
      { offset: 2, value: "b" },
    ],
  };
  assert.deepEqual(kinds({ operations: [send("a", 0), send("b", 2)], logs: [log] }), ["gap"]);
  assert.deepEqual(
    kinds({ operations: [send("a", 0)], logs: [{ ...log, records: [{ offset: 0, value: "a" }] }] }),
    ["gap"],
  );
  const skipping = {
    kind: "poll",
    reader: "r",
    partition: 0,
    from: 0,
    records: [{ offset: 1, value: "b" }],
  } as const;
  assert.deepEqual(kinds(history([send("a", 0), send("b", 1), skipping], ["a", "b"])), ["gap"]);
});

test("a committed offset that falls back, disappears or was never committed has regressed", () => {
  const sends = [send("a", 0), send("b", 1), send("c", 2)];
  const values = ["a", "b", "c"];
  assert.deepEqual(kinds(history([...sends, commit(1), commit(2), committed(1)], values)), [
    "regressed",
  ]);
  assert.deepEqual(kinds(history([...sends, commit(1), committed(null)], values)), ["regressed"]);
  assert.deepEqual(kinds(history([...sends, commit(1), committed(3)], values)), ["regressed"]);
  assert.deepEqual(kinds(history([...sends, commit(2), commit(1)], values)), ["regressed"]);
  assert.deepEqual(kinds(history([...sends, commit(2, "refused"), committed(2)], values)), [
    "regressed",
  ]);
});

test("a committed offset beyond the end of the log is ahead", () => {
  assert.deepEqual(kinds(history([send("a", 0), commit(5)], ["a"])), ["ahead"]);
});

test("IP8: a producer id that is handed out twice is found", () => {
  const operations = [
    { kind: "producer-id", producer: "p", id: 7 },
    { kind: "crash" },
    { kind: "producer-id", producer: "q", id: 7 },
  ] as const;
  assert.deepEqual(kinds(history(operations, [])), ["producer id reused"]);
});

test("an impossible answer is reported", () => {
  const operations = [{ kind: "unexpected", process: "p", what: "OUT_OF_ORDER_SEQUENCE" }] as const;
  assert.deepEqual(kinds(history(operations, [])), ["unexpected"]);
});
