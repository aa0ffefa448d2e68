/**
 * ListOffsets (LG11): the ends of a log, the record with the greatest timestamp, and the first record at or after a time, exact also inside
 * compressed batches.
 *
 * By time: the first segment whose greatest timestamp reaches the target is searched from behind the last time-index entry below it, batch
 * by batch, by the batches' max timestamps; only the batch that is found is looked into.
 */
import { lastOffset, maxTimestamp, partitionLeaderEpoch, RecordCursor } from "@ottla/protocol";
import type { LogErrorKind, OffsetAnswer, OffsetQuery } from "./engine.ts";
import type { EngineState } from "./engine-state.ts";
import { SegmentReplaced } from "./errors.ts";
import type { PartitionLog } from "./partition-log.ts";
import { epochError } from "./reader.ts";
import type { Segment } from "./segment.ts";
import type { SegmentReader } from "./segment-reader.ts";

/** Kafka's special timestamps. */
export const OffsetTime = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestTiered: -5,
  earliestPendingUpload: -6,
} as const;

/** How long lookups keep the event loop: each may decompress a batch. */
const TURN_MS = 20;

interface Found {
  readonly offset: number;
  readonly timestampMs: number;
  /** That of the batch: epochs that end below the log start are forgotten otherwise. */
  readonly leaderEpoch: number;
}

export class OffsetLookup {
  readonly #state: EngineState;
  readonly #segments: SegmentReader;

  constructor(state: EngineState, segments: SegmentReader) {
    this.#state = state;
    this.#segments = segments;
  }

  async list(queries: readonly OffsetQuery[]): Promise<readonly OffsetAnswer[]> {
    const answers: OffsetAnswer[] = [];
    const { clock } = this.#state.options;
    let turnBeganMs = clock.monotonic();
    for (const query of queries) {
      if (clock.monotonic() - turnBeganMs >= TURN_MS) {
        await nextTurn();
        turnBeganMs = clock.monotonic();
      }
      answers.push(await this.#answer(query));
    }
    return answers;
  }

  async #answer(query: OffsetQuery): Promise<OffsetAnswer> {
    const state = this.#state;
    const topic = state.findTopic(query.topicId);
    if (state.isClosed) return refuse("shuttingDown");
    if (topic === null) return refuse("unknownTopic");
    const log = state.findLog(topic, query.partition);
    if (log === null) return refuse("unknownPartition");
    const error = epochError(query.currentLeaderEpoch, state.leaderEpoch);
    if (error !== null) return refuse(error);
    const end = query.isolation === "committed" ? log.lastStableOffset : log.highWatermark;
    switch (query.timestampMs) {
      // Without tiers nothing is uploaded, so −5 and −6 have no answer.
      case OffsetTime.latest:
        return answer({ offset: end, timestampMs: -1 }, state.leaderEpoch);
      case OffsetTime.earliest:
      case OffsetTime.earliestLocal:
        return answer({ offset: log.logStart, timestampMs: -1 }, log.epochs.epochOf(log.logStart));
      case OffsetTime.latestTiered:
        return answer({ offset: -1, timestampMs: -1 }, -1);
      case OffsetTime.earliestPendingUpload:
        return answer({ offset: -1, timestampMs: -1 }, -1);
    }
    if (query.timestampMs < 0 && query.timestampMs !== OffsetTime.maxTimestamp) {
      return refuse("unsupportedForMessageFormat");
    }
    try {
      const found = await this.#find(log, query.timestampMs);
      if (found === null || found.offset >= end) {
        return answer({ offset: -1, timestampMs: -1 }, -1);
      }
      return answer(found, found.leaderEpoch);
    } catch (cause) {
      state.probe.storageFailed(cause as Error);
      return refuse("storage");
    }
  }

  async #find(log: PartitionLog, timestampMs: number): Promise<Found | null> {
    for (;;) {
      try {
        return timestampMs === OffsetTime.maxTimestamp
          ? await this.#findMaxTimestamp(log)
          : await this.#findByTime(log, timestampMs);
      } catch (error) {
        if (!(error instanceof SegmentReplaced)) throw error;
      }
    }
  }

  /** Also below the log start, as in Kafka, for as long as the segment is there. */
  async #findMaxTimestamp(log: PartitionLog): Promise<Found | null> {
    let best: Segment | null = null;
    for (const segment of log.segments) {
      if (segment.maxTimestamp > (best?.maxTimestamp ?? -1)) best = segment;
    }
    if (best === null) return null;
    const wanted = best.maxTimestamp;
    return this.#findInSegment(
      log,
      best,
      best.maxTimestampOffset,
      best.baseOffset,
      (batchMax) => batchMax >= wanted,
      wanted,
    );
  }

  async #findByTime(log: PartitionLog, timestampMs: number): Promise<Found | null> {
    for (const segment of [...log.segments]) {
      if (segment.maxTimestamp < timestampMs) continue;
      await this.#segments.loadIndexes(log, segment);
      const skip = segment.timeIndex.lookup(timestampMs);
      const from = Math.max(log.logStart, segment.baseOffset + skip);
      const found = await this.#findInSegment(
        log,
        segment,
        from,
        log.logStart,
        (max) => max >= timestampMs,
        timestampMs,
      );
      if (found !== null) return found;
    }
    return null;
  }

  /**
   * The first record at or above `start`, from the batch that holds `from` on, whose timestamp is at least `timestampMs`. A batch may claim
   * a time that no record of it has, and so may many others: they are looked into one a turn.
   */
  async #findInSegment(
    log: PartitionLog,
    segment: Segment,
    from: number,
    start: number,
    matches: (batchMaxTimestamp: number) => boolean,
    timestampMs: number,
  ): Promise<Found | null> {
    let next = from;
    for (;;) {
      const found = await this.#lookInto(log, segment, next, start, matches, timestampMs);
      if (typeof found !== "number") return found;
      next = found;
      await nextTurn();
    }
  }

  /** As {@link OffsetLookup.#findInSegment}, or where to go on behind a batch that has no such record. */
  async #lookInto(
    log: PartitionLog,
    segment: Segment,
    from: number,
    start: number,
    matches: (batchMaxTimestamp: number) => boolean,
    timestampMs: number,
  ): Promise<Found | number | null> {
    if (from < log.tailOffset) {
      let found: Found | number | null = null;
      await this.#segments.scan(log, segment, from, (buffer, at) => {
        const last = lastOffset(buffer, at);
        if (last < from || !matches(maxTimestamp(buffer, at))) return true;
        found = firstRecord(buffer, at, start, timestampMs) ?? last + 1;
        return false;
      });
      if (found !== null) return found;
    }
    const { tail } = log;
    const first = tail.indexOf(Math.max(from, log.tailOffset));
    if (first < 0) return null;
    for (let i = first; i < tail.end && tail.baseOffset(i) < log.highWatermark; i++) {
      const { baseOffset } = tail.segment(i);
      if (tail.lastOffset(i) < from || baseOffset < segment.baseOffset) continue;
      if (tail.segment(i) !== segment) return null;
      if (!matches(tail.maxTimestamp(i))) continue;
      return firstRecord(tail.bytes(i), 0, start, timestampMs) ?? tail.lastOffset(i) + 1;
    }
    return null;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function firstRecord(buffer: Buffer, at: number, from: number, timestampMs: number): Found | null {
  const cursor = new RecordCursor();
  cursor.start(buffer, at);
  while (cursor.next()) {
    if (cursor.offset >= from && cursor.timestampMs >= timestampMs) {
      return {
        offset: cursor.offset,
        timestampMs: cursor.timestampMs,
        leaderEpoch: partitionLeaderEpoch(buffer, at),
      };
    }
  }
  return null;
}

function answer(found: Omit<Found, "leaderEpoch">, leaderEpoch: number): OffsetAnswer {
  return { error: null, offset: found.offset, timestampMs: found.timestampMs, leaderEpoch };
}

function refuse(error: LogErrorKind): OffsetAnswer {
  return { error, offset: -1, timestampMs: -1, leaderEpoch: -1 };
}
