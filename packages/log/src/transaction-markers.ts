/** What an end marker does to a partition: live and in replay. */
import { ProtocolError, readControlRecord } from "@ottla/protocol";
import type { PartitionLog } from "./partition-log.ts";
import { ProducerStates } from "./producer-state.ts";
import type { Segment } from "./segment.ts";

export interface Marker {
  readonly producerId: number;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly isAbort: boolean;
  readonly timestampMs: number;
}

/** The end marker in a control batch; null when it is a control batch of another kind or not a whole one. */
export function readMarker(
  batch: Buffer,
  producerId: number,
  epoch: number,
  timestampMs: number,
): Marker | null {
  try {
    const record = readControlRecord(batch);
    if (record === null || (record.type !== "abort" && record.type !== "commit")) return null;
    const { type, coordinatorEpoch } = record;
    return { producerId, epoch, coordinatorEpoch, isAbort: type === "abort", timestampMs };
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** The marker is the batch at `offset` of `segment`: the producer's transaction is over, and known as aborted if it is. */
export function applyMarker(
  log: PartitionLog,
  segment: Segment,
  marker: Marker,
  offset: number,
  seenMs: number,
): void {
  const { producerId, epoch, coordinatorEpoch, timestampMs } = marker;
  log.producers ??= new ProducerStates();
  const ended = log.producers.end(
    producerId,
    epoch,
    coordinatorEpoch,
    offset,
    timestampMs,
    seenMs,
    log.writtenOffset,
  );
  if (ended === null || !marker.isAbort) return;
  const { firstOffset, lastStableOffset } = ended;
  segment.aborted.add({ producerId, firstOffset, lastOffset: offset, lastStableOffset });
  log.hasAborted = true;
}
