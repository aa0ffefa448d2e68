/**
 * Which log is cleaned next, and how far (LG13).
 *
 * ```
 *  logStart          firstDirty                 uncleanable            logEnd
 *     │ ── clean ─────── │ ────── dirty ──────────── │ ── left alone ────│
 * ```
 *
 * Cleanable are whole segments below the active one, below the last stable offset and older than `min.compaction.lag.ms`. A log is due when the
 * dirty part makes up more than `min.cleanable.dirty.ratio` of clean and dirty, or when its oldest dirty record has waited
 * for `max.compaction.lag.ms`. The one with the greatest share comes first.
 */
import type { LogConfig } from "../engine.ts";
import { MAX_OFFSET_SPAN, OFFSET_ENTRY_BYTES } from "../offset-index.ts";
import { TIME_ENTRY_BYTES } from "../time-index.ts";

/** What the plan looks at in a segment. */
export interface PlannedSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** −1 when it has none. */
  readonly maxTimestamp: number;
  /** Of its first batch; −1 when it has none. */
  readonly firstTimestamp: number;
  readonly createdMs: number;
}

export interface PlannedLog {
  /** Ascending; the last one is active. */
  readonly segments: readonly PlannedSegment[];
  readonly logStart: number;
  readonly logEnd: number;
  readonly lastStableOffset: number;
  /** Everything below was cleaned; −1 before the first time. */
  readonly cleanedOffset: number;
}

export interface CleaningPlan {
  readonly firstDirty: number;
  /** Base offset of the first segment that is left alone. */
  readonly uncleanable: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** Of the dirty in both. */
  readonly dirtyRatio: number;
  readonly isDue: boolean;
  /** Dirty segments that a compaction lag holds back or will make due: time alone may change the plan. */
  readonly waitsForTime: boolean;
}

export function planCleaning(log: PlannedLog, config: LogConfig, nowMs: number): CleaningPlan {
  const { segments } = log;
  const firstDirty = firstDirtyOffset(log);
  const active = segments[segments.length - 1];
  let uncleanable = active === undefined ? log.logStart : active.baseOffset;
  let isHeldBack = false;
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < segments.length; i++) {
    const segment = segments[i]!;
    const end = segments[i + 1]!.baseOffset;
    if (segment.baseOffset < firstDirty) cleanBytes += segment.sizeBytes;
    if (end <= firstDirty) continue;
    const isYoung =
      config.minCompactionLagMs > 0 && newestMs(segment) > nowMs - config.minCompactionLagMs;
    if (end > log.lastStableOffset || isYoung) {
      isHeldBack = isYoung;
      uncleanable = segment.baseOffset;
      break;
    }
    dirtyBytes += segment.sizeBytes;
    if (segment.sizeBytes > 0) oldestMs = Math.min(oldestMs, oldestOf(segment));
  }
  const total = cleanBytes + dirtyBytes;
  const dirtyRatio = total === 0 ? 0 : dirtyBytes / total;
  const hasMaxLag = Number.isFinite(config.maxCompactionLagMs) && config.maxCompactionLagMs > 0;
  const isOverdue = hasMaxLag && dirtyBytes > 0 && oldestMs < nowMs - config.maxCompactionLagMs;
  return {
    firstDirty,
    uncleanable,
    cleanBytes,
    dirtyBytes,
    dirtyRatio,
    isDue: dirtyBytes > 0 && (isOverdue || dirtyRatio > config.minCleanableDirtyRatio),
    waitsForTime: isHeldBack || (hasMaxLag && dirtyBytes > 0 && !isOverdue),
  };
}

/** Where the last round ended, unless the log was cut on either side since. */
function firstDirtyOffset(log: PlannedLog): number {
  const { cleanedOffset, logStart, logEnd } = log;
  return cleanedOffset < logStart || cleanedOffset > logEnd ? logStart : cleanedOffset;
}

function newestMs(segment: PlannedSegment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs;
}

function oldestOf(segment: PlannedSegment): number {
  return segment.firstTimestamp >= 0 ? segment.firstTimestamp : segment.createdMs;
}

/** What grouping looks at. */
export interface GroupedSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly index: { readonly entries: number };
  readonly timeIndex: { readonly entries: number };
}

/**
 * Consecutive segments that become one, so that segments do not get ever smaller: together no larger than a segment may be. `end` is where
 * the last of them ends.
 */
export function groupSegments<S extends GroupedSegment>(
  segments: readonly S[],
  end: number,
  limits: { readonly segmentBytes: number; readonly segmentIndexBytes: number },
): S[][] {
  const groups: S[][] = [];
  let sizeBytes = 0;
  let offsetBytes = 0;
  let timeBytes = 0;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    const segmentEnd = segments[i + 1]?.baseOffset ?? end;
    sizeBytes += segment.sizeBytes;
    offsetBytes += segment.index.entries * OFFSET_ENTRY_BYTES;
    timeBytes += segment.timeIndex.entries * TIME_ENTRY_BYTES;
    const group = groups[groups.length - 1];
    const fits =
      group !== undefined &&
      sizeBytes <= limits.segmentBytes &&
      offsetBytes <= limits.segmentIndexBytes &&
      timeBytes <= limits.segmentIndexBytes &&
      segmentEnd - 1 - group[0]!.baseOffset <= MAX_OFFSET_SPAN;
    if (fits) {
      group.push(segment);
      continue;
    }
    groups.push([segment]);
    sizeBytes = segment.sizeBytes;
    offsetBytes = segment.index.entries * OFFSET_ENTRY_BYTES;
    timeBytes = segment.timeIndex.entries * TIME_ENTRY_BYTES;
  }
  return groups;
}
