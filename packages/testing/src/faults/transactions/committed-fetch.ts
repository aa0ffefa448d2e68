import { errorName, fetch } from "@ottla/protocol";
import { CONTROL, type ReadBatch, readBatches, TRANSACTIONAL } from "../../wire/batch.ts";
import type { WireConnection } from "../../wire/connection.ts";
import type { PlacedValue } from "./history.ts";

export interface CommittedPoll {
  readonly partition: number;
  readonly from: number;
  /** The next offset to read. */
  readonly to: number;
  readonly records: readonly PlacedValue[];
}

export interface CommittedFetchOptions {
  readonly topic: string;
  /** The next offset to read of each partition. */
  readonly positions: ReadonlyMap<number, number>;
  readonly maxWaitMs: number;
  readonly partitionMaxBytes?: number;
}

/**
 * One Fetch of committed records, as clients do it: of what is transactional, all that no aborted transaction of the answer covers.
 * Partitions that cannot be read just now are left out; `refused` is told of errors that should not be.
 */
export async function fetchCommitted(
  connection: WireConnection,
  { topic, positions, maxWaitMs, partitionMaxBytes = 65_536 }: CommittedFetchOptions,
  refused: (what: string) => void,
): Promise<CommittedPoll[]> {
  const answer = await connection.request(fetch, 11, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1_048_576,
    isolationLevel: 1,
    topics: [
      {
        topic,
        partitions: Array.from(positions, ([partition, fetchOffset]) => ({
          partition,
          fetchOffset,
          partitionMaxBytes,
        })),
      },
    ],
  });
  const polls: CommittedPoll[] = [];
  for (const each of answer.responses[0]?.partitions ?? []) {
    const { partitionIndex: partition, abortedTransactions, records } = each;
    const error = errorName(each.errorCode);
    const from = positions.get(partition) ?? 0;
    if (error === "OFFSET_OUT_OF_RANGE") refused(`${error} at ${topic}-${partition}@${from}`);
    if (error !== "NONE" || records === null || records.length === 0) continue;
    const batches = readBatches(records);
    const kept = withoutAborted(batches, abortedTransactions ?? []);
    polls.push({
      partition,
      from,
      to: (batches.at(-1)?.lastOffset ?? from - 1) + 1,
      records: kept.filter(({ offset }) => offset >= from),
    });
  }
  return polls;
}

interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What a client delivers of these batches, given the aborted transactions of the answer in the order of their first offsets. */
export function withoutAborted(
  batches: readonly ReadBatch[],
  aborted: readonly AbortedTransaction[],
): PlacedValue[] {
  const coming = [...aborted];
  const open = new Set<number>();
  const kept: PlacedValue[] = [];
  for (const batch of batches) {
    while (coming.length > 0 && coming[0]!.firstOffset <= batch.lastOffset) {
      open.add(coming.shift()!.producerId);
    }
    const marker = markerOf(batch);
    if (marker === "abort") open.delete(batch.producerId);
    if (marker !== null) continue;
    if ((batch.attributes & TRANSACTIONAL) !== 0 && open.has(batch.producerId)) continue;
    kept.push(...valuesOf(batch));
  }
  return kept;
}

/** What the markers themselves say is committed, from all batches of a partition. */
export function committedByMarkers(batches: readonly ReadBatch[]): PlacedValue[] {
  const open = new Map<number, PlacedValue[]>();
  const committed: PlacedValue[] = [];
  for (const batch of batches) {
    const marker = markerOf(batch);
    const { producerId } = batch;
    if (marker !== null) {
      if (marker === "commit") committed.push(...(open.get(producerId) ?? []));
      open.delete(producerId);
    } else if ((batch.attributes & TRANSACTIONAL) === 0) committed.push(...valuesOf(batch));
    else open.set(producerId, [...(open.get(producerId) ?? []), ...valuesOf(batch)]);
  }
  return committed.sort((a, b) => a.offset - b.offset);
}

function valuesOf(batch: ReadBatch): PlacedValue[] {
  return (batch.records ?? []).map(({ offset, value }) => ({ offset, value: value ?? "" }));
}

/** The key of a marker is its version and its type, two bytes each. */
function markerOf(batch: ReadBatch): "commit" | "abort" | null {
  if ((batch.attributes & CONTROL) === 0) return null;
  return batch.records?.[0]?.key?.charCodeAt(3) === 1 ? "commit" : "abort";
}
