/** How what the transaction coordinator says reaches clients of different age (TX4). */
import type { TransactionErrorName } from "@ottla/coordinator";
import { type ErrorName, errorCode } from "@ottla/protocol";

/** 0, or the code of an answer; `knowsFencing` is whether the version has PRODUCER_FENCED. */
export function transactionErrorCode(error: TransactionErrorName, knowsFencing: boolean): number {
  return errorCode(error === "PRODUCER_FENCED" && !knowsFencing ? "INVALID_PRODUCER_EPOCH" : error);
}

/** Faults of the moment: a producer comes again after this one. */
const MOMENTARY: ReadonlySet<TransactionErrorName> = new Set<TransactionErrorName>([
  "CONCURRENT_TRANSACTIONS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);

/** The same on the path of records, where the coordinator's own errors would be unexpected. */
export function produceError(error: TransactionErrorName, knowsAborting: boolean): ErrorName {
  if (MOMENTARY.has(error)) return "NOT_ENOUGH_REPLICAS";
  if (error === "PRODUCER_FENCED") return "INVALID_PRODUCER_EPOCH";
  return error === "TRANSACTION_ABORTABLE" && !knowsAborting ? "INVALID_TXN_STATE" : error;
}
