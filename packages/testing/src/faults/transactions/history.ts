/**
 * What transactional applications saw while brokers died: the input of the checker. Operations are in the order in which they were begun
 * or learnt. Every value is sent by one transaction only: a copy carries its origin and the transaction that made it.
 */

export interface SentValue {
  readonly topic: string;
  readonly partition: number;
  readonly value: string;
}

export interface SentOffset {
  readonly group: string;
  readonly partition: number;
  readonly offset: number;
}

/** A transaction as its producer began it; it grows while it is open. */
export interface TransactionOperation {
  readonly kind: "transaction";
  readonly id: string;
  readonly sends: readonly SentValue[];
  readonly offsets: readonly SentOffset[];
}

/** The moment before a commit was asked for: until then nobody may see it. Without it the transaction can only be aborted. */
export interface EndingOperation {
  readonly kind: "ending";
  readonly id: string;
}

/** The coordinator said how it ended; without it nobody knows. */
export interface EndedOperation {
  readonly kind: "ended";
  readonly id: string;
  readonly outcome: "committed" | "aborted";
}

export interface PlacedValue {
  readonly offset: number;
  readonly value: string;
}

/** What a reader of committed records got, and from where to where it read. */
export interface CommittedPollOperation {
  readonly kind: "committed poll";
  readonly reader: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly records: readonly PlacedValue[];
}

/** A group's offset as a member fetched it when no transaction held it back; null when there was none. */
export interface GroupOffsetOperation {
  readonly kind: "group offset";
  readonly group: string;
  readonly partition: number;
  readonly offset: number | null;
}

/** An answer that no sequence of crashes explains. */
export interface UnexpectedOperation {
  readonly kind: "unexpected";
  readonly process: string;
  readonly what: string;
}

export type TransactionalOperation =
  | TransactionOperation
  | EndingOperation
  | EndedOperation
  | CommittedPollOperation
  | GroupOffsetOperation
  | UnexpectedOperation;

/** A partition as it was when everything was over. */
export interface FinalPartition {
  readonly topic: string;
  readonly partition: number;
  /** What the markers in the log say is committed. */
  readonly committed: readonly PlacedValue[];
  /** What a reader of committed records is given. */
  readonly served: readonly PlacedValue[];
  readonly lastStable: number;
  readonly end: number;
}

export interface TransactionalHistory {
  readonly operations: readonly TransactionalOperation[];
  readonly partitions: readonly FinalPartition[];
  /** Topics of which each is copied to the next, partition by partition. */
  readonly chain: readonly string[];
}

/** A copy of a value, made in one transaction. */
export function copyOf(value: string, id: string): string {
  return `${value}~${id}`;
}

/** What a value is a copy of. */
export function originOf(copy: string): string {
  return copy.slice(0, copy.lastIndexOf("~"));
}
