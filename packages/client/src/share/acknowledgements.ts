/** What a member of a share group says about records it acquired (KIP-932), and the shape in which requests carry it. */
import type { BrokerError } from "../errors.ts";

/**
 * `accept`: done. `release`: somebody may try again. `reject`: nobody should. `renew`: still at work, the lock starts anew (KIP-1222);
 * such a record has to be acknowledged once more.
 */
export type AcknowledgeType = "accept" | "release" | "reject" | "renew";

export interface AcknowledgementResult {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: readonly number[];
  /** Null when the broker took all of them; else none of them counts. */
  readonly error: BrokerError | null;
}

export interface AcknowledgementBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly acknowledgeTypes: number[];
}

/** An acquired offset without a record, as compaction and transaction markers leave. */
export const GAP = 0;
export const RENEW = 4;

export const CODES: Readonly<Record<AcknowledgeType, number>> = {
  accept: 1,
  release: 2,
  reject: 3,
  renew: RENEW,
};

/** Acknowledgement codes by offset as runs of offsets without a hole; a run of one code names it once. */
export function acknowledgementBatches(codes: ReadonlyMap<number, number>): AcknowledgementBatch[] {
  const offsets = [...codes.keys()].sort((a, b) => a - b);
  const batches: AcknowledgementBatch[] = [];
  let first = 0;
  for (let i = 1; i <= offsets.length; i++) {
    if (i < offsets.length && offsets[i] === offsets[i - 1]! + 1) continue;
    const run = offsets.slice(first, i);
    const types = run.map((offset) => codes.get(offset)!);
    batches.push({
      firstOffset: run[0]!,
      lastOffset: run.at(-1)!,
      acknowledgeTypes: types.every((type) => type === types[0]) ? [types[0]!] : types,
    });
    first = i;
  }
  return batches;
}
