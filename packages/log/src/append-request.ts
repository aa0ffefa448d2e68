/** An append request from its call to its answer, which comes with the group that carries its last batch. */
import { type AppendFault, fault } from "./append-validation.ts";
import type { AppendRequest, AppendResult } from "./engine.ts";
import type { JournalFailed } from "./errors.ts";
import type { GroupWaiter } from "./journal-group.ts";
import type { PartitionLog } from "./partition-log.ts";

/** A request on its way. */
export class Append implements GroupWaiter {
  readonly request: AppendRequest;
  readonly results: AppendResult[] = [];
  /** Per result, the partition it was staged to; null where it failed. */
  readonly logs: (PartitionLog | null)[] = [];
  readonly promise: Promise<readonly AppendResult[]>;
  /** A batch larger than a group, part of which is staged. */
  large: LargeBatch | null = null;
  #resolve!: (results: readonly AppendResult[]) => void;

  constructor(request: AppendRequest) {
    this.request = request;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  settle(error: JournalFailed | null): void {
    const { results, logs } = this;
    for (let i = 0; i < results.length; i++) {
      const log = logs[i]!;
      if (log === null) continue;
      if (log.isDeleted) results[i] = failure(fault("unknownTopic", null), -1);
      else if (error !== null && results[i]!.baseOffset >= log.highWatermark) {
        results[i] = failure(fault("storage", error.message), -1);
      }
    }
    this.#resolve(results);
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
export function failure(problem: AppendFault, logStartOffset: number): AppendResult {
  return {
    error: problem.error,
    errorMessage: problem.message,
    recordErrors: problem.recordErrors,
    baseOffset: -1,
    appendTimeMs: -1,
    logStartOffset,
  };
}
