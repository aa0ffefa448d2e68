/** When a partition goes on in a new segment (LG12), and how that begins. */
import type { Random } from "@ottla/platform";
import type { BatchInfo } from "./append-validation.ts";
import type { LogConfig } from "./engine.ts";
import { MAX_OFFSET_SPAN } from "./offset-index.ts";
import type { PartitionLog } from "./partition-log.ts";
import { encodeSnapshot } from "./producer-snapshot.ts";
import { Segment } from "./segment.ts";

/** The segment that takes the next batch: the active one, or a new one when that must be rolled (LG12). */
export function segmentFor(
  log: PartitionLog,
  sizeBytes: number,
  info: BatchInfo,
  nowMs: number,
  random: Random,
): Segment {
  const { config } = log.topic;
  if (log.hasSegments) {
    const { active } = log;
    if (!mustRoll(log, active, sizeBytes, info, nowMs)) return active;
  }
  return rollSegment(log, nowMs, drawJitter(random, config.segmentMs, config.segmentJitterMs));
}

function mustRoll(
  log: PartitionLog,
  active: Segment,
  sizeBytes: number,
  info: BatchInfo,
  nowMs: number,
): boolean {
  if (active.sizeBytes === 0) return false;
  const { config } = log.topic;
  const waitedMs =
    active.firstTimestamp >= 0
      ? info.maxTimestamp - active.firstTimestamp
      : nowMs - active.createdMs;
  return (
    active.sizeBytes + sizeBytes > config.segmentBytes ||
    waitedMs > longestMs(config) - active.jitterMs ||
    active.nextIndexBytes > config.segmentIndexBytes ||
    log.logEnd + info.lastOffsetDelta - active.baseOffset > MAX_OFFSET_SPAN
  );
}

/** How long a segment takes appends: what waits to be compacted must not wait in the active one. */
function longestMs({ cleanupPolicy, segmentMs, maxCompactionLagMs }: LogConfig): number {
  return cleanupPolicy.compact ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
}

/** Starts a new segment at the log end. */
export function rollSegment(log: PartitionLog, nowMs: number, jitterMs: number): Segment {
  const segment = Segment.empty(log.logEnd, nowMs, jitterMs);
  if (log.segments.length > 0) {
    log.active.addTimeEntry();
    if (log.producers !== null && log.snapshotOffset < log.logEnd) {
      log.snapshots.push({
        offset: log.logEnd,
        bytes: encodeSnapshot(log.producers.entries(), log.logEnd),
      });
      log.snapshotOffset = log.logEnd;
    }
  }
  log.addSegment(segment);
  return segment;
}

/** Kafka draws from the positive int32, whatever the settings say. */
const MAX_JITTER_MS = 0x7fff_ffff;

/** By how much a segment is rolled early, so that partitions do not roll together. */
export function drawJitter(random: Random, segmentMs: number, segmentJitterMs: number): number {
  const limit = Math.min(segmentJitterMs, segmentMs, MAX_JITTER_MS);
  return limit > 0 ? random.integer(limit) : 0;
}
