/** An append request from its call to its answer, which comes with the group that carries its last batch. */
import { Later } from "@ottla/platform";
import { type AppendFault, fault } from "./append-validation.ts";
import type { AppendRequest, AppendResult } from "./engine.ts";
import type { JournalFailed } from "./errors.ts";
import type { GroupWaiter } from "./journal-group.ts";
import { PartitionLog } from "./partition-log.ts";

/** What is left of a request once it is staged. */
const LET_GO: AppendRequest = {
  acks: 0,
  origin: "client",
  allowsZstd: false,
  isTransactional: false,
  partitions: [],
};
const NO_RECORD_ERRORS: readonly [] = [];
/** How many numbers are kept of a partition. */
const NUMBERS = 3;

/**
 * A request on its way, and the results that come of it. Thousands of partitions wait for the disk at a time, and the garbage collector copies what is
 * kept of each: numbers, from which the results are made at the end, and neither the request nor the frame that it came in.
 */
export class Append extends Later<readonly AppendResult[]> implements GroupWaiter {
  request: AppendRequest;
  /** A batch larger than a group, part of which is staged. */
  large: LargeBatch | null = null;
  /** Of each partition that was looked at: where it was staged to, or what it is told instead. */
  readonly #outcomes: (PartitionLog | AppendResult)[];
  /** Of each, as it was staged: base offset, append time, log start. */
  readonly #numbers: number[];
  /** How many of the request's partitions were looked at. */
  looked = 0;

  constructor(request: AppendRequest) {
    super();
    const count = request.partitions.length;
    this.request = request;
    this.#outcomes = new Array(count);
    this.#numbers = new Array(count * NUMBERS);
  }

  /** The next partition has its batch, or had it before. */
  accept(log: PartitionLog, baseOffset: number, appendTimeMs: number): void {
    this.#look(log, baseOffset, appendTimeMs, log.logStart);
  }

  /** The next partition took nothing. @param logStartOffset −1 when the fault was found before any log was looked at. */
  refuse(problem: AppendFault, logStartOffset: number): void {
    this.#look(failure(problem, logStartOffset), -1, -1, -1);
  }

  #look(
    outcome: PartitionLog | AppendResult,
    baseOffset: number,
    appendTimeMs: number,
    logStart: number,
  ): void {
    const i = this.looked++;
    this.#outcomes[i] = outcome;
    const at = i * NUMBERS;
    this.#numbers[at] = baseOffset;
    this.#numbers[at + 1] = appendTimeMs;
    this.#numbers[at + 2] = logStart;
  }

  /** What was staged was taken back before the rest could be staged. */
  failStaged(error: JournalFailed): void {
    for (let i = 0; i < this.looked; i++) {
      this.#outcomes[i] = this.#takenBack(this.#outcomes[i]!, i, error);
    }
  }

  /** Everything is staged. */
  letGo(): void {
    this.request = LET_GO;
  }

  groupEnded(error: JournalFailed | null): void {
    const outcomes = this.#outcomes;
    const results = new Array<AppendResult>(outcomes.length);
    for (let i = 0; i < results.length; i++) results[i] = this.#resultOf(outcomes[i]!, i, error);
    this.settle(results);
  }

  #resultOf(
    outcome: PartitionLog | AppendResult,
    i: number,
    error: JournalFailed | null,
  ): AppendResult {
    const told = error === null ? outcome : this.#takenBack(outcome, i, error);
    if (!(told instanceof PartitionLog)) return told;
    if (told.isDeleted) return failure(fault("unknownTopic", null), -1);
    const at = i * NUMBERS;
    return {
      error: null,
      errorMessage: null,
      recordErrors: NO_RECORD_ERRORS,
      baseOffset: this.#numbers[at]!,
      appendTimeMs: this.#numbers[at + 1]!,
      logStartOffset: this.#numbers[at + 2]!,
    };
  }

  /** A failure in place of a batch that is not durable, now that the partitions have fallen back. */
  #takenBack(
    outcome: PartitionLog | AppendResult,
    i: number,
    error: JournalFailed,
  ): PartitionLog | AppendResult {
    if (!(outcome instanceof PartitionLog) || outcome.isDeleted) return outcome;
    if (this.#numbers[i * NUMBERS]! < outcome.highWatermark) return outcome;
    return failure(fault("storage", error.message), -1);
  }
}

/** A batch larger than a group, on its way in parts. */
export interface LargeBatch {
  readonly log: PartitionLog;
  readonly bytes: Buffer;
  staged: number;
  hasFailed: boolean;
}

/** The answer for a partition that took nothing. */
function failure(problem: AppendFault, logStartOffset: number): AppendResult {
  return {
    error: problem.error,
    errorMessage: problem.message,
    recordErrors: problem.recordErrors,
    baseOffset: -1,
    appendTimeMs: -1,
    logStartOffset,
  };
}
