import assert from "node:assert/strict";
import { test } from "node:test";
import { checkTransactions, type TransactionViolationKind } from "./checker.ts";
import type { FinalPartition, TransactionalOperation } from "./history.ts";

function transaction(
  id: string,
  values: readonly string[],
  offset: number | null = null,
  topic = "a",
): TransactionalOperation {
  const sends = values.map((value) => ({ topic, partition: 0, value }));
  const offsets = offset === null ? [] : [{ group: "g", partition: 0, offset }];
  return { kind: "transaction", id, sends, offsets };
}
const ending = (id: string) => ({ kind: "ending", id }) as const;
const ended = (id: string, outcome: "committed" | "aborted" = "committed") =>
  ({ kind: "ended", id, outcome }) as const;
const committedAs = (id: string) => [ending(id), ended(id)];
const poll = (from: number, to: number, ...values: readonly (string | null)[]) => {
  const records = values.flatMap((value, index) =>
    value === null ? [] : [{ offset: from + index, value }],
  );
  return {
    kind: "committed poll",
    reader: "r",
    topic: "a",
    partition: 0,
    from,
    to,
    records,
  } as const;
};
const groupOffset = (offset: number | null) =>
  ({ kind: "group offset", group: "g", partition: 0, offset }) as const;

/** A partition with these committed values at these offsets; null for what is not a committed value. */
function partition(
  values: readonly (string | null)[],
  rest: Partial<FinalPartition> = {},
): FinalPartition {
  const committed = values.flatMap((value, offset) => (value === null ? [] : [{ offset, value }]));
  const end = values.length;
  return { topic: "a", partition: 0, committed, served: committed, lastStable: end, end, ...rest };
}

function kinds(
  operations: readonly TransactionalOperation[],
  partitions: readonly FinalPartition[],
  chain: readonly string[] = [],
): TransactionViolationKind[] {
  return checkTransactions({ operations, partitions, chain }).map(({ kind }) => kind);
}

test("a history in which everything went well passes", () => {
  const operations = [
    transaction("t1", ["p/0", "p/1"]),
    ...committedAs("t1"),
    transaction("t2", ["p/2"]),
    poll(0, 3, "p/0", "p/1"),
    ended("t2", "aborted"),
    transaction("t3", ["p/3"]),
    ending("t3"),
    transaction("c1", ["p/0~c1", "p/1~c1"], 2, "b"),
    groupOffset(null),
    ...committedAs("c1"),
    groupOffset(2),
    transaction("c2", ["p/3~c2"], 6, "b"),
    ending("c2"),
    groupOffset(6),
  ];
  const partitions = [
    partition(["p/0", "p/1", null, null, null, "p/3", null]),
    partition(["p/0~c1", "p/1~c1", null, "p/3~c2", null], { topic: "b" }),
  ];
  assert.deepEqual(kinds(operations, partitions, ["a", "b"]), []);
});

test("a transaction whose end nobody learnt may be there or not, but whole", () => {
  const operations = [transaction("t", ["p/0", "p/1"]), ending("t")];
  assert.deepEqual(kinds(operations, [partition(["p/0", "p/1", null])]), []);
  assert.deepEqual(kinds(operations, [partition([null, null, null])]), []);
  assert.deepEqual(kinds(operations, [partition(["p/0", null, null])]), ["torn"]);
});

test("a committed transaction that is not there is lost, a part of it torn", () => {
  const operations = [transaction("t", ["p/0", "p/1"]), ...committedAs("t")];
  assert.deepEqual(kinds(operations, [partition([null, null])]), ["lost"]);
  assert.deepEqual(kinds(operations, [partition(["p/0", null])]), ["torn"]);
});

test("a value of an aborted transaction, or of one never ended, that is called committed is found", () => {
  const aborted = [transaction("t", ["p/0"]), ended("t", "aborted")];
  assert.deepEqual(kinds(aborted, [partition(["p/0"])]), ["aborted read"]);
  assert.deepEqual(kinds([transaction("t", ["p/0"])], [partition(["p/0"])]), ["aborted read"]);
});

test("what a reader got of an aborted transaction is found, though it is gone", () => {
  const operations = [transaction("t", ["p/0"]), poll(0, 1, "p/0"), ended("t", "aborted")];
  assert.deepEqual(kinds(operations, [partition([null, null])]), ["aborted read", "lost"]);
});

test("what a reader got before the commit was asked for is a dirty read", () => {
  const operations = [transaction("t", ["p/0"]), poll(0, 1, "p/0"), ...committedAs("t")];
  assert.deepEqual(kinds(operations, [partition(["p/0", null])]), ["dirty read"]);
});

test("a reader that passes over a committed value has skipped it", () => {
  const operations = [
    transaction("t", ["p/0", "p/1", "p/2"]),
    ...committedAs("t"),
    poll(0, 3, "p/0", null, "p/2"),
  ];
  assert.deepEqual(kinds(operations, [partition(["p/0", "p/1", "p/2", null])]), ["skipped"]);
});

test("an offset with another value than a reader saw has two values", () => {
  const operations = [transaction("t", ["p/0", "p/1"]), ...committedAs("t"), poll(0, 1, "p/1")];
  assert.deepEqual(kinds(operations, [partition(["p/0", "p/1", null])]), ["two values"]);
});

test("what is served and what the markers say must agree", () => {
  const operations = [transaction("t", ["p/0"]), ...committedAs("t")];
  assert.deepEqual(kinds(operations, [partition(["p/0", null], { served: [] })]), ["lost"]);
  const extra = [
    { offset: 0, value: "p/0" },
    { offset: 1, value: "x" },
  ];
  assert.deepEqual(kinds(operations, [partition(["p/0", null], { served: extra })]), [
    "aborted read",
  ]);
});

test("values twice, in another order or from nowhere are found", () => {
  const operations = [transaction("t", ["p/0", "p/1"]), ...committedAs("t")];
  assert.deepEqual(kinds(operations, [partition(["p/1", "p/0"])]), ["reordered"]);
  assert.deepEqual(kinds(operations, [partition(["p/0", "p/1", "p/1"])]), [
    "duplicated",
    "duplicated",
  ]);
  assert.deepEqual(kinds(operations, [partition(["p/0", "p/1", "x"])]), ["invented"]);
});

test("a group's offset whose output is not there is torn, one behind an acknowledged one regressed", () => {
  const one = [transaction("t", ["x~t"], 5), ...committedAs("t")];
  const there = [partition(["x~t", null])];
  assert.deepEqual(kinds([...one, groupOffset(5)], there), []);
  assert.deepEqual(kinds([...one, groupOffset(null)], there), ["regressed"]);
  const lost = [transaction("u", ["y~u"], 7), ending("u")];
  assert.deepEqual(kinds([...one, ...lost, groupOffset(7)], there), ["torn"]);
  assert.deepEqual(kinds([...one, groupOffset(3)], there), ["regressed", "torn"]);
});

test("copies that are missing, double, out of order or of nothing are found", () => {
  const source = transaction("t", ["p/0", "p/1"]);
  const copied = (...origins: readonly string[]): TransactionViolationKind[] => {
    const copies = origins.map((origin, index) => `${origin}~c${index}`);
    const operations = [source, ...committedAs("t")];
    for (const [index, copy] of copies.entries()) {
      operations.push(transaction(`c${index}`, [copy], null, "b"), ...committedAs(`c${index}`));
    }
    const partitions = [partition(["p/0", "p/1", null]), partition(copies, { topic: "b" })];
    return kinds(operations, partitions, ["a", "b"]);
  };
  assert.deepEqual(copied("p/0", "p/1"), []);
  assert.deepEqual(copied("p/0"), ["not copied"]);
  assert.deepEqual(copied("p/0", "p/0", "p/1"), ["duplicated"]);
  assert.deepEqual(copied("p/1", "p/0"), ["reordered"]);
  assert.deepEqual(copied("p/0", "p/1", "p/9"), ["invented"]);
});

test("a partition that never becomes stable hangs, an impossible answer is reported", () => {
  assert.deepEqual(kinds([], [partition([null], { lastStable: 0 })]), ["hanging"]);
  assert.deepEqual(kinds([{ kind: "unexpected", process: "p", what: "error" }], []), [
    "unexpected",
  ]);
});
