import type { BrokerError } from "../errors.ts";

/** One item of a call about many; the others may have fared differently. */
export interface ItemResult {
  /** Why this item failed, or null. */
  readonly error: BrokerError | null;
}

/** The items themselves when none failed. @throws the error, or an AggregateError when several items failed */
export function orThrow<R extends ItemResult>(results: readonly R[]): readonly R[] {
  const errors = results.flatMap(({ error }) => (error === null ? [] : [error]));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors[0]!.message);
  return results;
}
