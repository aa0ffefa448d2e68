/**
 * Decides whether a history can be that of a correct log. Pure: the same history always gives the same verdict.
 *
 * - *lost*: acknowledged, or seen by a reader, and not in the log at the end;
 * - *moved*: in the log, but not at the offset that was told;
 * - *duplicated*: in the log more often than it was sent;
 * - *reordered*: values of one producer in one partition in another order than they were sent;
 * - *invented*: in the log, or seen, but never sent to that partition, or refused when it was;
 * - *two values*: one offset that held different values for different eyes;
 * - *gap*: offsets missing between the start and the end of a log, or between the records of a poll;
 * - *regressed*: a committed offset behind one that was acknowledged before, or one that nobody committed;
 * - *ahead*: a committed offset beyond the end of the log;
 * - *producer id reused*: handed out twice;
 * - *unexpected*: an answer that should not have been possible.
 */
import type {
  CommitOperation,
  FinalLog,
  History,
  PollOperation,
  SendOperation,
} from "./history.ts";

export type ViolationKind =
  | "lost"
  | "moved"
  | "duplicated"
  | "reordered"
  | "invented"
  | "two values"
  | "gap"
  | "regressed"
  | "ahead"
  | "producer id reused"
  | "unexpected";

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

export function checkHistory(history: History): Violation[] {
  const sends = history.operations.filter((each) => each.kind === "send");
  const polls = history.operations.filter((each) => each.kind === "poll");
  return [
    ...history.logs.flatMap((log) => checkContinuity(log)),
    ...checkSends(sends, history.logs),
    ...checkOrder(sends, history.logs),
    ...checkPolls(polls, history.logs),
    ...checkOffsets(sends, polls, history.logs),
    ...checkCommits(history),
    ...checkProducerIds(history),
    ...history.operations
      .filter((each) => each.kind === "unexpected")
      .map(({ process, what }) => violation("unexpected", `${process}: ${what}`)),
  ];
}

/** Nothing was compacted, deleted or transactional: the offsets of a log count up by one. */
function checkContinuity({ partition, logStart, logEnd, records }: FinalLog): Violation[] {
  const found: Violation[] = [];
  let expected = logStart;
  for (const { offset } of records) {
    if (offset !== expected) {
      found.push(violation("gap", `partition ${partition}: ${offset} follows ${expected - 1}`));
    }
    expected = offset + 1;
  }
  if (expected !== logEnd) {
    found.push(
      violation("gap", `partition ${partition} ends at ${logEnd}, its records at ${expected}`),
    );
  }
  return found;
}

function checkSends(sends: readonly SendOperation[], logs: readonly FinalLog[]): Violation[] {
  const found: Violation[] = [];
  const places = placesOf(logs);
  const sent = new Map<string, SendOperation[]>();
  for (const send of sends) {
    const key = placeKey(send.partition, send.value);
    sent.set(key, [...(sent.get(key) ?? []), send]);
  }
  for (const [key, operations] of sent) {
    const offsets = places.get(key) ?? [];
    for (const { outcome, offset } of operations) {
      if (outcome !== "acknowledged") continue;
      if (offsets.length === 0) found.push(violation("lost", `${key}, acknowledged at ${offset}`));
      else if (offset !== null && !offsets.includes(offset)) {
        found.push(violation("moved", `${key}, acknowledged at ${offset}, is at ${offsets}`));
      }
    }
    if (offsets.length > operations.length) {
      found.push(violation("duplicated", `${key} at ${offsets}, sent ${operations.length} times`));
    }
    if (offsets.length > 0 && operations.every(({ outcome }) => outcome === "refused")) {
      found.push(violation("invented", `${key} was refused and is at ${offsets}`));
    }
  }
  for (const [key, offsets] of places) {
    if (!sent.has(key)) found.push(violation("invented", `${key} at ${offsets}, never sent`));
  }
  return found;
}

/** The log holds each producer's values, those that are there, in the order in which they were sent. */
function checkOrder(sends: readonly SendOperation[], logs: readonly FinalLog[]): Violation[] {
  const found: Violation[] = [];
  const ranks = new Map<string, { readonly lane: string; readonly rank: number }>();
  const counts = new Map<string, number>();
  for (const { producer, partition, value } of sends) {
    const lane = `${producer} in partition ${partition}`;
    const rank = counts.get(lane) ?? 0;
    counts.set(lane, rank + 1);
    if (!ranks.has(placeKey(partition, value)))
      ranks.set(placeKey(partition, value), { lane, rank });
  }
  for (const { partition, records } of logs) {
    const last = new Map<string, number>();
    for (const { offset, value } of records) {
      const sent = ranks.get(placeKey(partition, value));
      if (sent === undefined) continue;
      const before = last.get(sent.lane) ?? -1;
      if (sent.rank < before) {
        found.push(
          violation(
            "reordered",
            `${value} of ${sent.lane} at ${offset} was sent before its predecessor`,
          ),
        );
      }
      last.set(sent.lane, Math.max(before, sent.rank));
    }
  }
  return found;
}

/** A poll gives what it was asked for, without gaps, and nothing that is gone later. */
function checkPolls(polls: readonly PollOperation[], logs: readonly FinalLog[]): Violation[] {
  const found: Violation[] = [];
  const ends = new Map(logs.map(({ partition, logEnd }) => [partition, logEnd]));
  for (const { reader, partition, from, records } of polls) {
    let expected = from;
    for (const { offset, value } of records) {
      if (offset !== expected) {
        found.push(
          violation(
            "gap",
            `${reader} asked partition ${partition} for ${expected} and got ${offset}`,
          ),
        );
      }
      expected = offset + 1;
      if (offset >= (ends.get(partition) ?? 0)) {
        found.push(violation("lost", `${value}, seen by ${reader} at ${partition}@${offset}`));
      }
    }
  }
  return found;
}

function checkOffsets(
  sends: readonly SendOperation[],
  polls: readonly PollOperation[],
  logs: readonly FinalLog[],
): Violation[] {
  const found: Violation[] = [];
  const values = new Map<string, string>();
  const see = (partition: number, offset: number, value: string, who: string): void => {
    const key = `${partition}@${offset}`;
    const known = values.get(key);
    if (known === undefined) values.set(key, value);
    else if (known !== value) {
      found.push(violation("two values", `${key} holds ${known}, and ${value} for ${who}`));
    }
  };
  for (const { partition, records } of logs) {
    for (const { offset, value } of records) see(partition, offset, value, "the log");
  }
  for (const { reader, partition, records } of polls) {
    for (const { offset, value } of records) see(partition, offset, value, reader);
  }
  for (const { producer, partition, offset, value } of sends) {
    if (offset !== null) see(partition, offset, value, producer);
  }
  return found;
}

/** A fetched commit is one that was tried, and not behind the furthest that was acknowledged before. */
function checkCommits({ operations, logs }: History): Violation[] {
  const found: Violation[] = [];
  const ends = new Map(logs.map(({ partition, logEnd }) => [partition, logEnd]));
  const tried = new Map<string, Set<number>>();
  const acknowledged = new Map<string, number>();
  const keyOf = ({
    group,
    partition,
  }: {
    readonly group: string;
    readonly partition: number;
  }): string => `${group} in partition ${partition}`;
  const note = (commit: CommitOperation): void => {
    const key = keyOf(commit);
    if (commit.outcome !== "refused") {
      tried.set(key, (tried.get(key) ?? new Set()).add(commit.offset));
    }
    if (commit.outcome === "acknowledged") {
      const before = acknowledged.get(key) ?? -1;
      if (commit.offset < before) {
        found.push(violation("regressed", `${key} from ${before} to ${commit.offset}`));
      }
      acknowledged.set(key, Math.max(before, commit.offset));
    }
    const end = ends.get(commit.partition) ?? 0;
    if (commit.outcome === "acknowledged" && commit.offset > end) {
      found.push(violation("ahead", `${key} committed ${commit.offset} of ${end}`));
    }
  };
  for (const operation of operations) {
    if (operation.kind === "commit") note(operation);
    if (operation.kind !== "committed") continue;
    const key = keyOf(operation);
    const before = acknowledged.get(key) ?? null;
    if (before !== null && (operation.offset ?? -1) < before) {
      found.push(violation("regressed", `${key} from ${before} to ${operation.offset}`));
    }
    if (operation.offset !== null && !tried.get(key)?.has(operation.offset)) {
      found.push(violation("regressed", `${key} is ${operation.offset}, which nobody committed`));
    }
  }
  return found;
}

function checkProducerIds({ operations }: History): Violation[] {
  const owners = new Map<number, string>();
  const found: Violation[] = [];
  for (const operation of operations) {
    if (operation.kind !== "producer-id") continue;
    const owner = owners.get(operation.id);
    if (owner !== undefined) {
      found.push(
        violation("producer id reused", `${operation.id} of ${owner} and ${operation.producer}`),
      );
    }
    owners.set(operation.id, operation.producer);
  }
  return found;
}

/** The offsets of every value, by partition and value. */
function placesOf(logs: readonly FinalLog[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const { partition, records } of logs) {
    for (const { offset, value } of records) {
      const key = placeKey(partition, value);
      const offsets = places.get(key);
      if (offsets === undefined) places.set(key, [offset]);
      else offsets.push(offset);
    }
  }
  return places;
}

function placeKey(partition: number, value: string): string {
  return `${value} in partition ${partition}`;
}

function violation(kind: ViolationKind, what: string): Violation {
  return { kind, what };
}
