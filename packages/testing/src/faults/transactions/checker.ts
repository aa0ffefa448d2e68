/**
 * Decides whether a history can be that of a correct broker with transactions. Pure: the same history always gives the same verdict.
 *
 * - *aborted read*: a value of an aborted transaction that a reader of committed records got, or that the log calls committed;
 * - *dirty read*: a value that a reader got before its producer had asked for the commit;
 * - *torn*: a transaction of which a part is there; a group's offset of a transaction whose records are not there;
 * - *lost*: of a committed transaction, or seen by a reader, and not there at the end; or there and not served;
 * - *duplicated*, *reordered*, *invented*: as for any log; and a copy made twice, in another order, or of nothing;
 * - *not copied*: in a topic of the chain and not in the next;
 * - *two values*: one offset that held different values for different eyes;
 * - *skipped*: a committed value that a reader passed over;
 * - *regressed*: a group's offset behind one that was acknowledged before;
 * - *hanging*: a partition whose last stable offset never reached its end;
 * - *unexpected*: an answer that should not have been possible.
 */
import {
  type FinalPartition,
  originOf,
  type TransactionalHistory,
  type TransactionOperation,
} from "./history.ts";

export type TransactionViolationKind =
  | "aborted read"
  | "dirty read"
  | "torn"
  | "lost"
  | "duplicated"
  | "reordered"
  | "invented"
  | "not copied"
  | "two values"
  | "skipped"
  | "regressed"
  | "hanging"
  | "unexpected";

export interface TransactionViolation {
  readonly kind: TransactionViolationKind;
  readonly what: string;
}

type Outcome = "committed" | "aborted" | "unknown";

interface Facts {
  readonly history: TransactionalHistory;
  readonly transactions: readonly TransactionOperation[];
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** The transaction of each value, by place. */
  readonly senders: ReadonlyMap<string, string>;
  /** The offsets of each value that is committed at the end, by place. */
  readonly places: ReadonlyMap<string, readonly number[]>;
}

export function checkTransactions(history: TransactionalHistory): TransactionViolation[] {
  const facts = gather(history);
  return [
    ...checkTransactionsWhole(facts),
    ...history.partitions.flatMap((partition) => checkPartition(facts, partition)),
    ...checkPolls(facts),
    ...checkGroupOffsets(facts),
    ...checkChain(history),
    ...history.operations
      .filter((each) => each.kind === "unexpected")
      .map(({ process, what }) => violation("unexpected", `${process}: ${what}`)),
  ];
}

function gather(history: TransactionalHistory): Facts {
  const outcomes = new Map<string, Outcome>();
  const senders = new Map<string, string>();
  const transactions = history.operations.filter((each) => each.kind === "transaction");
  for (const { id, sends } of transactions) {
    outcomes.set(id, "aborted");
    for (const { topic, partition, value } of sends) {
      senders.set(placeKey(topic, partition, value), id);
    }
  }
  for (const operation of history.operations) {
    if (operation.kind === "ending") outcomes.set(operation.id, "unknown");
    if (operation.kind === "ended") outcomes.set(operation.id, operation.outcome);
  }
  const places = new Map<string, number[]>();
  for (const { topic, partition, committed } of history.partitions) {
    for (const { offset, value } of committed) {
      const key = placeKey(topic, partition, value);
      places.set(key, [...(places.get(key) ?? []), offset]);
    }
  }
  return { history, transactions, outcomes, senders, places };
}

/** All of a transaction is there or nothing is. */
function checkTransactionsWhole({ transactions, outcomes, places }: Facts): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  for (const { id, sends } of transactions) {
    const isThere = ({ topic, partition, value }: (typeof sends)[number]): boolean =>
      places.has(placeKey(topic, partition, value));
    const missing = sends.filter((send) => !isThere(send));
    const outcome = outcomes.get(id);
    if (missing.length === sends.length) {
      if (outcome === "committed" && sends.length > 0) {
        found.push(violation("lost", `all of ${id}, which was committed`));
      }
    } else if (missing.length > 0 && outcome !== "aborted") {
      const { value, topic, partition } = missing[0]!;
      found.push(
        violation(
          "torn",
          `${id}: ${missing.length} of ${sends.length} missing, such as ${value} in ${topic}-${partition}`,
        ),
      );
    }
  }
  return found;
}

function checkPartition(
  { outcomes, senders, places }: Facts,
  { topic, partition, committed, served, lastStable, end }: FinalPartition,
): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  const where = `${topic}-${partition}`;
  const last = new Map<string, number>();
  for (const { offset, value } of committed) {
    const sender = senders.get(placeKey(topic, partition, value));
    if (sender === undefined) found.push(violation("invented", `${value} at ${where}@${offset}`));
    else if (outcomes.get(sender) === "aborted") {
      found.push(violation("aborted read", `${value} of ${sender} at ${where}@${offset}`));
    }
    const { lane, rank } = laneOf(value);
    if (lane !== null) {
      if (rank < (last.get(lane) ?? -1)) {
        found.push(violation("reordered", `${value} at ${where}@${offset}`));
      }
      last.set(lane, Math.max(rank, last.get(lane) ?? -1));
    }
  }
  for (const { value } of committed) {
    const offsets = places.get(placeKey(topic, partition, value)) ?? [];
    if (offsets.length > 1) {
      found.push(violation("duplicated", `${value} in ${where} at ${offsets}`));
    }
  }
  const given = new Set(served.map(({ offset }) => offset));
  const there = new Map(committed.map(({ offset, value }) => [offset, value]));
  for (const { offset, value } of committed) {
    if (!given.has(offset)) {
      found.push(violation("lost", `${value} at ${where}@${offset} is not served`));
    }
  }
  for (const { offset, value } of served) {
    if (there.get(offset) !== value) {
      found.push(violation("aborted read", `${value} served at ${where}@${offset}`));
    }
  }
  if (lastStable !== end) {
    found.push(violation("hanging", `${where} is stable to ${lastStable} of ${end}`));
  }
  return found;
}

/** First-hand values are named `<producer>/<number>`, each producer's in the order in which they were sent. */
function laneOf(value: string): { readonly lane: string | null; readonly rank: number } {
  const match = /^([^/~]+)\/(\d+)$/.exec(value);
  return match === null ? { lane: null, rank: 0 } : { lane: match[1]!, rank: Number(match[2]) };
}

function checkPolls({ history, outcomes, senders }: Facts): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  const final = new Map(
    history.partitions.map(({ topic, partition, committed }) => [
      `${topic}-${partition}`,
      new Map(committed.map(({ offset, value }) => [offset, value])),
    ]),
  );
  const ending = new Set<string>();
  for (const operation of history.operations) {
    if (operation.kind === "ending") ending.add(operation.id);
    if (operation.kind !== "committed poll") continue;
    const { reader, topic, partition, from, to, records } = operation;
    const where = `${topic}-${partition}`;
    const there = final.get(where) ?? new Map<number, string>();
    const seen = new Set(records.map(({ offset }) => offset));
    for (const { offset, value } of records) {
      const sender = senders.get(placeKey(topic, partition, value));
      const who = `${value} of ${sender}, read by ${reader} at ${where}@${offset}`;
      if (sender === undefined) found.push(violation("invented", who));
      else if (outcomes.get(sender) === "aborted") found.push(violation("aborted read", who));
      else if (!ending.has(sender)) found.push(violation("dirty read", who));
      const now = there.get(offset);
      if (now === undefined) found.push(violation("lost", who));
      else if (now !== value) found.push(violation("two values", `${who}, is ${now}`));
    }
    for (let offset = from; offset < to; offset++) {
      if (there.has(offset) && !seen.has(offset)) {
        found.push(violation("skipped", `${reader} passed over ${where}@${offset}`));
      }
    }
  }
  return found;
}

/** A group's offset is one whose transaction has its records there, and never falls behind an acknowledged one. */
function checkGroupOffsets({ history, transactions, places }: Facts): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  const byId = new Map(transactions.map((each) => [each.id, each]));
  const effective = new Set<string>();
  for (const { sends, offsets } of transactions) {
    const isThere = sends.some(({ topic, partition, value }) =>
      places.has(placeKey(topic, partition, value)),
    );
    if (!isThere) continue;
    for (const { group, partition, offset } of offsets) {
      effective.add(`${group} ${partition} ${offset}`);
    }
  }
  const acknowledged = new Map<string, number>();
  for (const operation of history.operations) {
    if (operation.kind === "ended" && operation.outcome === "committed") {
      for (const { group, partition, offset } of byId.get(operation.id)?.offsets ?? []) {
        const key = `${group} ${partition}`;
        acknowledged.set(key, Math.max(offset, acknowledged.get(key) ?? -1));
      }
    }
    if (operation.kind !== "group offset") continue;
    const { group, partition, offset } = operation;
    const key = `${group} ${partition}`;
    const before = acknowledged.get(key);
    if (before !== undefined && (offset ?? -1) < before) {
      found.push(
        violation("regressed", `${group} in partition ${partition}: ${before} to ${offset}`),
      );
    }
    if (offset !== null && !effective.has(`${key} ${offset}`)) {
      found.push(
        violation(
          "torn",
          `${group} is at ${offset} of partition ${partition}, whose output is not there`,
        ),
      );
    }
  }
  return found;
}

/** Each topic of the chain holds each value of the one before exactly once, in its order. */
function checkChain({ chain, partitions }: TransactionalHistory): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  for (const [stage, topic] of chain.entries()) {
    const next = chain[stage + 1];
    if (next === undefined) break;
    for (const { partition, committed } of partitions.filter((each) => each.topic === topic)) {
      const copies = partitions.find((each) => each.topic === next && each.partition === partition);
      const origins = (copies?.committed ?? []).map(({ value }) => originOf(value));
      const where = `from ${topic} to ${next} in partition ${partition}`;
      found.push(
        ...compareCopies(
          committed.map(({ value }) => value),
          origins,
          where,
        ),
      );
    }
  }
  return found;
}

function compareCopies(
  values: readonly string[],
  origins: readonly string[],
  where: string,
): TransactionViolation[] {
  const found: TransactionViolation[] = [];
  const ranks = new Map(values.map((value, index) => [value, index]));
  const copied = new Set<string>();
  let last = -1;
  for (const origin of origins) {
    const rank = ranks.get(origin);
    if (rank === undefined) found.push(violation("invented", `a copy of ${origin} ${where}`));
    else if (copied.has(origin)) found.push(violation("duplicated", `${origin} ${where}`));
    else if (rank < last) found.push(violation("reordered", `${origin} ${where}`));
    copied.add(origin);
    last = Math.max(last, rank ?? -1);
  }
  for (const value of values) {
    if (!copied.has(value)) found.push(violation("not copied", `${value} ${where}`));
  }
  return found;
}

function placeKey(topic: string, partition: number, value: string): string {
  return `${value} in ${topic}-${partition}`;
}

function violation(kind: TransactionViolationKind, what: string): TransactionViolation {
  return { kind, what };
}
