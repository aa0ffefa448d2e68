/**
 * Appends in batches what need not be atomic, such as tombstones of a clean-up. How large a batch the log takes is not known here, and may change
 * at any time (`max.message.bytes`): a batch that is too large is halved, down to single records, and what fits again is doubled.
 */
import { rejectionOf } from "./errors.ts";

/** What did not happen, and why; empty and null when all did. */
export interface Remainder<T> {
  readonly records: readonly T[];
  readonly cause: unknown;
}

const RECORDS_PER_BATCH = 1_000;

/** Goes on behind a record that is too large by itself. Any other rejection is one of the shard, and ends it. */
export async function appendInBatches<T>(
  records: readonly T[],
  append: (batch: readonly T[]) => Promise<void>,
): Promise<Remainder<T>> {
  const refused: T[] = [];
  let reason: unknown = null;
  let size = RECORDS_PER_BATCH;
  for (let from = 0; from < records.length; ) {
    const batch = records.slice(from, from + size);
    try {
      await append(batch);
    } catch (cause) {
      if (rejectionOf(cause) !== "tooLarge") {
        return { records: [...refused, ...records.slice(from)], cause };
      }
      if (batch.length > 1) {
        size = Math.ceil(batch.length / 2);
        continue;
      }
      refused.push(batch[0]!);
      reason ??= cause;
    }
    from += batch.length;
    size = Math.min(size * 2, RECORDS_PER_BATCH);
  }
  return { records: refused, cause: reason };
}
