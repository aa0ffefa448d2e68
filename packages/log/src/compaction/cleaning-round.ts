/**
 * One round of the cleaner over one log: two walks over segments.
 *
 * The first walk, over the dirty ones, notes the last offset of each key (dirty-keys.ts), until the map is full; the second, over all from the log's
 * start to where the first ended, writes what is left of each batch (batch-cleaner.ts) to new segments, several old ones into one where they
 * fit (cleaned-segment.ts), each of which takes the place of the old ones for itself (segment-swap.ts). So a round that is cut short
 * has done good as far as it got, and needs disk for one segment beside the log.
 *
 * Memory: the map, two pieces of a segment (piece-memory.ts), what one piece becomes, and what is not written yet. Between slices of a
 * piece others have the event loop. Bytes read and written count against `ioMaxBytesPerSecond`.
 */
import { DIRECT_ALIGNMENT } from "@ottla/platform";
import { batchSize } from "@ottla/protocol";
import type { AbortedTransactions } from "../aborted-transactions.ts";
import type { EngineState } from "../engine-state.ts";
import type { PartitionFiles } from "../partition-files.ts";
import type { PartitionLog } from "../partition-log.ts";
import { summarize } from "../producer-state.ts";
import { Segment } from "../segment.ts";
import type { AbortedTransaction } from "../transaction-index.ts";
import { BatchCleaner, type CleaningRules } from "./batch-cleaner.ts";
import { LEAST_PIECE_BYTES, readBatches } from "./batch-source.ts";
import { CleanedSegment, cleanedEnding, type SegmentEnding } from "./cleaned-segment.ts";
import { DirtyKeys } from "./dirty-keys.ts";
import { OffsetMap } from "./offset-map.ts";
import { PieceMemory } from "./piece-memory.ts";
import { type CleaningPlan, groupSegments, planCleaning } from "./plan.ts";
import type { SegmentSwap } from "./segment-swap.ts";
import { Throttle } from "./throttle.ts";
import { TransactionSieve } from "./transaction-sieve.ts";

/** The most that is read at once: more does not make it faster. */
const LARGEST_PIECE_BYTES = 524_288;

/** The log changed under a round: it was deleted or shortened, or the engine closes. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  constructor() {
    super("the log changed while it was cleaned");
  }
}

/** Counts of a round. */
interface RoundCounts {
  bytesRead: number;
  bytesScanned: number;
  bytesWritten: number;
  recordsRead: number;
  recordsKept: number;
}

/** Makes rounds, one at a time. */
export class Rounds {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #aborted: AbortedTransactions;
  readonly #swap: SegmentSwap;
  readonly #throttle: Throttle;
  readonly #closing: AbortSignal;
  #memory: PieceMemory | null = null;

  /** `closing` ends waiting for the throttle. */
  constructor(
    state: EngineState,
    files: PartitionFiles,
    aborted: AbortedTransactions,
    swap: SegmentSwap,
    closing: AbortSignal,
  ) {
    this.#state = state;
    this.#files = files;
    this.#aborted = aborted;
    this.#swap = swap;
    const { cleaner } = state.options;
    this.#throttle = new Throttle(state.clock, () => cleaner.ioMaxBytesPerSecond);
    this.#closing = closing;
  }

  /** @throws {UncleanableBatch} or {CorruptLog}, {Interrupted}, or what disk and journal throw */
  async run(log: PartitionLog): Promise<void> {
    const { clock, random, options, probe } = this.#state;
    const startMs = clock.monotonic();
    const counts: RoundCounts = {
      bytesRead: 0,
      bytesScanned: 0,
      bytesWritten: 0,
      recordsRead: 0,
      recordsKept: 0,
    };
    const nowMs = clock.now();
    const plan = planCleaning(log, log.topic.config, nowMs);
    const roundEnd = cleanableEnd(log, plan);
    const sources = log.segments.filter(({ baseOffset }) => baseOffset < roundEnd);
    const first = sources[0];
    if (first === undefined || roundEnd <= plan.firstDirty) return;
    const aborted = await this.#aborted.load(log, first.baseOffset, roundEnd);
    const memory = this.#memoryOf(pieceBytes(options.cleaner.ioBufferBytes));
    const map = new OffsetMap(options.cleaner.dedupeBufferBytes, random.integer(0x7fff_ffff));
    const dirtyEnd = await this.#findKeys(
      log,
      sources,
      plan.firstDirty,
      roundEnd,
      map,
      aborted,
      memory,
      counts,
    );
    const sieve = new TransactionSieve<AbortedTransaction>(aborted, first.baseOffset);
    const targets = sources.filter(({ baseOffset }) => baseOffset < dirtyEnd);
    const targetEnd = sources[targets.length]?.baseOffset ?? roundEnd;
    const groups = groupSegments(targets, targetEnd, log.topic.config);
    for (const [i, group] of groups.entries()) {
      const isLast = i === groups.length - 1;
      const cleanedOffset = isLast ? dirtyEnd : Math.max(log.cleanedOffset, -1);
      const rules: CleaningRules = {
        map,
        mapEnd: dirtyEnd,
        nowMs,
        deleteRetentionMs: log.topic.config.deleteRetentionMs,
        roundEnd,
        sieve,
        isLastOfProducer: lastOfProducers(log),
      };
      await this.#rewrite(log, group, rules, sieve, cleanedOffset, memory, counts);
    }
    probe.cleaned?.(log.topic.name, log.partition, {
      ...counts,
      elapsedMs: clock.monotonic() - startMs,
      mapUtilization: map.bytes / options.cleaner.dedupeBufferBytes,
    });
  }

  /** The first walk. @returns where it ended: everything dirty before that is in the map. */
  async #findKeys(
    log: PartitionLog,
    sources: readonly Segment[],
    firstDirty: number,
    roundEnd: number,
    map: OffsetMap,
    aborted: readonly AbortedTransaction[],
    memory: PieceMemory,
    counts: RoundCounts,
  ): Promise<number> {
    const keys = new DirtyKeys(map, firstDirty, new TransactionSieve(aborted, firstDirty), memory);
    for (const [i, segment] of sources.entries()) {
      if ((sources[i + 1]?.baseOffset ?? roundEnd) <= firstDirty) continue;
      let hasRoom = true;
      await this.#read(log, segment, memory, counts, async (batches) => {
        for (let at = 0; hasRoom && at < batches.length; at += batchSize(batches, at)) {
          hasRoom = keys.add(batches, at);
        }
        return hasRoom;
      });
      if (!hasRoom) return keys.end;
    }
    return roundEnd;
  }

  /** The second walk, over one group. */
  async #rewrite(
    log: PartitionLog,
    group: readonly Segment[],
    rules: CleaningRules,
    sieve: TransactionSieve<AbortedTransaction>,
    cleanedOffset: number,
    memory: PieceMemory,
    counts: RoundCounts,
  ): Promise<void> {
    const { fileSystem } = this.#state.options;
    const base = group[0]!.baseOffset;
    const cleaning = log.cleanings + 1;
    const pathOf = (ending: SegmentEnding) =>
      this.#files.segmentPath(log, base, cleanedEnding(ending, cleaning));
    const segment = Segment.empty(base, group[group.length - 1]!.createdMs, 0);
    const { indexIntervalBytes } = log.topic.config;
    const output = new CleanedSegment(segment, fileSystem, pathOf, indexIntervalBytes);
    const batchCleaner = new BatchCleaner(rules, memory);
    let isChanged = group.length > 1;
    try {
      await output.open();
      for (const source of group) {
        await this.#read(log, source, memory, counts, async (batches) => {
          counts.bytesScanned += batches.length;
          const left: Buffer[] = [];
          for (let at = 0; at < batches.length; ) {
            const size = batchSize(batches, at);
            const kept = batchCleaner.clean(batches, at, size);
            if (kept !== null) left.push(kept);
            if (kept?.buffer !== batches.buffer) isChanged = true;
            at += size;
          }
          const before = segment.sizeBytes;
          await output.append(left);
          memory.reuse();
          counts.bytesWritten += segment.sizeBytes - before;
          await this.#throttle.take(segment.sizeBytes - before, this.#closing);
          return true;
        });
      }
      counts.recordsRead += batchCleaner.recordsRead;
      counts.recordsKept += batchCleaner.recordsKept;
      const aborted = sieve.takeKept();
      isChanged ||= aborted.length !== group[0]!.aborted.size;
      if (!isChanged) {
        await output.discard();
        log.cleanedOffset = cleanedOffset;
        this.#state.markDirty(log);
        return;
      }
      await output.finish(aborted);
      segment.isCheckpointed = true;
      if (!(await this.#swap.commit(log, group, segment, cleanedOffset))) throw new Interrupted();
    } catch (error) {
      if (!log.hasFailedCleaning && !log.isMoving) await discard(output, log);
      throw error;
    }
  }

  /** The last round's, if it is of that size: there is one round at a time. */
  #memoryOf(pieceBytes: number): PieceMemory {
    if (this.#memory?.pieces[0].length !== pieceBytes) this.#memory = new PieceMemory(pieceBytes);
    this.#memory.reuse();
    return this.#memory;
  }

  async #read(
    log: PartitionLog,
    segment: Segment,
    memory: PieceMemory,
    counts: RoundCounts,
    take: (batches: Buffer) => Promise<boolean>,
  ): Promise<void> {
    const { fileSystem } = this.#state.options;
    const source = {
      fileSystem,
      path: this.#files.segmentPath(log, segment.baseOffset, "log"),
      sizeBytes: segment.sizeBytes,
      pieces: memory.pieces,
    };
    if (log.isDeleted || segment.isReplaced) throw new Interrupted();
    await readBatches(source, async (batches) => {
      if (log.isDeleted || this.#state.isClosed) throw new Interrupted();
      counts.bytesRead += batches.length;
      await this.#throttle.take(batches.length, this.#closing);
      return take(batches);
    });
  }
}

function pieceBytes(ioBufferBytes: number): number {
  const wanted = Math.min(Math.max(ioBufferBytes, LEAST_PIECE_BYTES), LARGEST_PIECE_BYTES);
  return wanted - (wanted % DIRECT_ALIGNMENT);
}

/** Where a round may go: as far as planned, and as a checkpoint knows the segments as finished. */
export function cleanableEnd(log: PartitionLog, plan: CleaningPlan): number {
  for (const segment of log.segments) {
    if (segment.baseOffset >= plan.uncleanable || !segment.isCheckpointed) {
      return segment.baseOffset;
    }
  }
  return plan.uncleanable;
}

/** What is known of producers now, as the rules ask for it. */
function lastOfProducers(log: PartitionLog): CleaningRules["isLastOfProducer"] {
  const last = new Map<number, { readonly dataOffset: number; readonly epoch: number }>();
  for (const entry of log.producers?.entries() ?? []) {
    const summary = summarize(entry, log.highWatermark);
    if (summary === null) continue;
    last.set(summary.producerId, {
      dataOffset: summary.lastBatch?.lastOffset ?? -1,
      epoch: summary.epoch,
    });
  }
  return (producerId, epoch, lastOffset, isMarker) => {
    const known = last.get(producerId);
    if (known === undefined) return false;
    return known.dataOffset >= 0
      ? known.dataOffset === lastOffset
      : isMarker && known.epoch === epoch;
  };
}

/** What is left is removed before the next round of the log if it cannot be removed now. */
async function discard(output: CleanedSegment, log: PartitionLog): Promise<void> {
  if (!log.isDeleted) await output.discard().catch(() => {});
}
