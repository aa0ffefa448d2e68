/**
 * What everybody saw while brokers died: the input of the checker. Sends are in the order in which they were sent, the other operations in
 * the order in which their outcome was learnt. Every value is sent by one producer only, once for each time its application wanted it.
 */

/** How an operation ended for the process that began it. A connection that dies in between leaves it unknown. */
export type Outcome = "acknowledged" | "refused" | "unknown";

export interface SendOperation {
  readonly kind: "send";
  readonly producer: string;
  /** Whether the producer repeats what is unanswered, so that it must be there exactly once. */
  readonly isIdempotent: boolean;
  readonly partition: number;
  readonly value: string;
  readonly outcome: Outcome;
  /** Where the broker says it is; only of an acknowledged send. */
  readonly offset: number | null;
}

export interface PollOperation {
  readonly kind: "poll";
  readonly reader: string;
  readonly partition: number;
  /** Where the reader asked to read from. */
  readonly from: number;
  readonly records: readonly { readonly offset: number; readonly value: string }[];
}

export interface CommitOperation {
  readonly kind: "commit";
  readonly group: string;
  readonly partition: number;
  readonly offset: number;
  readonly outcome: Outcome;
}

/** A group's committed offset as it was fetched; null when there was none. */
export interface CommittedOperation {
  readonly kind: "committed";
  readonly group: string;
  readonly partition: number;
  readonly offset: number | null;
}

export interface ProducerIdOperation {
  readonly kind: "producer-id";
  readonly producer: string;
  readonly id: number;
}

/** An answer that no sequence of crashes explains. */
export interface UnexpectedOperation {
  readonly kind: "unexpected";
  readonly process: string;
  readonly what: string;
}

export interface CrashOperation {
  readonly kind: "crash";
}

export type Operation =
  | SendOperation
  | PollOperation
  | CommitOperation
  | CommittedOperation
  | ProducerIdOperation
  | UnexpectedOperation
  | CrashOperation;

/** A partition read from its start to its end when everything was over. */
export interface FinalLog {
  readonly partition: number;
  readonly logStart: number;
  readonly logEnd: number;
  readonly records: readonly { readonly offset: number; readonly value: string }[];
}

export interface History {
  readonly operations: readonly Operation[];
  readonly logs: readonly FinalLog[];
}
