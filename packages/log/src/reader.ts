/**
 * Reads of many partitions (LG7–LG9): whole batches, starting with the one that holds the offset asked for. What memory holds is served
 * from there, as views of slabs; older bytes come from segment files.
 *
 * Sizes, as in Kafka: no partition gets more than its own limit, all together no more than the request's, except that the first partition
 * with data always gets one whole batch. Where the memory for reads is short (read-memory.ts) a request gets less than it asks for.
 *
 * A read waits for as long as less is there than it wants, which may be more than one answer takes: a consumer that lags behind is never
 * kept waiting by batches that do not fit, nor by the end of a segment.
 */
import type { Clock } from "@ottla/platform";
import { batchSize, lastOffset } from "@ottla/protocol";
import type { AbortedTransactions } from "./aborted-transactions.ts";
import type { LogErrorKind, ReadPartition, ReadRequest, ReadResult } from "./engine.ts";
import type { PartitionLog, Topic } from "./partition-log.ts";
import type { LogProbe } from "./probe.ts";
import { LEAST_BYTES, type ReadMemory } from "./read-memory.ts";
import type { SegmentReader } from "./segment-reader.ts";
import type { Slab, Slabs } from "./slabs.ts";
import { ReadWaiter, type ReadWaiters } from "./waiters.ts";

/** What a reader needs of the engine. */
export interface ReaderContext {
  readonly clock: Clock;
  readonly probe: LogProbe;
  readonly waiters: ReadWaiters;
  readonly slabs: Slabs;
  readonly readMemory: ReadMemory;
  readonly leaderEpoch: number;
  readonly isClosed: boolean;
  findTopic(topicId: string): Topic | null;
  /** The partition, made on first use; null when the topic has fewer. */
  findLog(topic: Topic, partition: number): PartitionLog | null;
}

/** Batches that were found, their size, and what gives their memory back, if anything does. */
export interface FoundRecords {
  readonly records: readonly Buffer[];
  readonly sizeBytes: number;
  /** What may be read behind them already, as {@link PartitionLog.bytesUpTo} counts. */
  readonly moreBytes: number;
  readonly release: (() => void) | null;
}

const NOTHING: FoundRecords = { records: [], sizeBytes: 0, moreBytes: 0, release: null };
const NONE_ABORTED: readonly [] = [];

/** From more batches than this, below this average size, a result is copied into one buffer. */
const MERGED_BATCHES = 8;
const SMALL_BATCH_BYTES = 1024;

interface Pass {
  readonly request: ReadRequest;
  readonly results: ReadResult[];
  sizeBytes: number;
  /** With what was there but did not fit, as far as each partition's own limit. */
  availableBytes: number;
  hasError: boolean;
  /** Whether a partition has had data; the first one may exceed the limits. */
  hasData: boolean;
  /** Whether partitions got nothing because memory is short: who waits for more than it has waits in vain. */
  isCut: boolean;
}

export class Reader {
  readonly #context: ReaderContext;
  readonly #segments: SegmentReader;
  readonly #aborted: AbortedTransactions;

  constructor(context: ReaderContext, segments: SegmentReader, aborted: AbortedTransactions) {
    this.#context = context;
    this.#segments = segments;
    this.#aborted = aborted;
  }

  async read(request: ReadRequest): Promise<readonly ReadResult[]> {
    const { clock, waiters } = this.#context;
    const deadline = clock.monotonic() + request.maxWaitMs;
    const wantedBytes = Math.min(request.minBytes, request.maxBytes);
    for (;;) {
      const { version } = waiters;
      const collected = this.#collect(request);
      const pass = collected instanceof Promise ? await collected : collected;
      const remainingMs = deadline - clock.monotonic();
      if (
        pass.hasError ||
        pass.isCut ||
        pass.availableBytes >= wantedBytes ||
        remainingMs <= 0 ||
        request.signal?.aborted === true ||
        request.partitions.length === 0
      ) {
        return this.#finish(pass);
      }
      // While files were read, something may have changed that nobody could tell this read of.
      releaseAll(pass.results);
      if (version !== waiters.version) continue;
      const reason = await this.#park(request, wantedBytes - pass.availableBytes, remainingMs);
      if (reason === "data") continue;
      const last = this.#collect(request);
      return this.#finish(last instanceof Promise ? await last : last);
    }
  }

  #finish(pass: Pass): readonly ReadResult[] {
    const { probe } = this.#context;
    for (let i = 0; i < pass.results.length; i++) {
      const { sizeBytes } = pass.results[i]!;
      if (sizeBytes > 0) {
        const topic = this.#context.findTopic(pass.request.partitions[i]!.topicId);
        if (topic !== null) probe.served(topic.name, sizeBytes);
      }
    }
    return pass.results;
  }

  #park(request: ReadRequest, missingBytes: number, waitMs: number): Promise<string> {
    const { clock, waiters } = this.#context;
    const logs: PartitionLog[] = [];
    for (const asked of request.partitions) {
      const topic = this.#context.findTopic(asked.topicId);
      const log = topic === null ? null : this.#context.findLog(topic, asked.partition);
      if (log !== null) logs.push(log);
    }
    return new Promise((resolve) => {
      const { signal } = request;
      const abort = () => waiters.finish(waiter, "timeout");
      const waiter = new ReadWaiter(
        logs,
        request.isolation === "committed",
        missingBytes,
        (reason) => {
          signal?.removeEventListener("abort", abort);
          resolve(reason);
        },
      );
      signal?.addEventListener("abort", abort);
      waiter.cancelTimer = clock.schedule(waitMs, () => waiters.finish(waiter, "timeout"));
      waiters.park(waiter);
    });
  }

  /** One pass over all partitions; asynchronous only when files must be read. */
  #collect(request: ReadRequest): Pass | Promise<Pass> {
    const pass: Pass = {
      request,
      results: [],
      sizeBytes: 0,
      availableBytes: 0,
      hasError: false,
      hasData: false,
      isCut: false,
    };
    return this.#collectFrom(pass, 0);
  }

  #collectFrom(pass: Pass, start: number): Pass | Promise<Pass> {
    const { partitions } = pass.request;
    for (let i = start; i < partitions.length; i++) {
      const found = this.#readPartition(pass, partitions[i]!);
      if (found !== null) return this.#collectCold(pass, i, found);
    }
    return pass;
  }

  async #collectCold(pass: Pass, index: number, cold: ColdRead): Promise<Pass> {
    const { log, asked } = cold;
    let { found } = cold;
    try {
      let aborted: ReadResult["abortedTransactions"] = null;
      for (;;) {
        const { cleanings } = log;
        found ??= await this.#readCold(cold);
        if (pass.request.isolation !== "committed") break;
        aborted = await this.#aborted.load(log, asked.offset, endOf(found));
        // Records from before a cleaning may need to be told about transactions that are unknown behind it.
        if (log.cleanings === cleanings) break;
        found.release?.();
        found = null;
      }
      const { isDeleted } = log.topic;
      if (isDeleted || asked.offset < log.logStart) {
        found.release?.();
        this.#addError(pass, isDeleted ? "unknownTopic" : "offsetOutOfRange");
      } else this.#add(pass, log, found, aborted);
    } catch (error) {
      found?.release?.();
      this.#context.probe.storageFailed(error as Error);
      this.#addError(pass, "storage");
    }
    return this.#collectFrom(pass, index + 1);
  }

  /** From files, or from memory behind them where compaction left nothing in between (LG7). */
  async #readCold(cold: ColdRead): Promise<FoundRecords> {
    const { log, asked, limitOffset, maxBytes, mustReturn } = cold;
    const { offset } = asked;
    const found = await this.#segments.read(log, offset, limitOffset, maxBytes, mustReturn);
    if (found !== null) return found;
    const index = log.tail.indexOf(Math.max(offset, log.tailOffset));
    if (index < 0) return NOTHING;
    return readTail(this.#context, log, index, offset, limitOffset, maxBytes, mustReturn);
  }

  /** Adds a result, or returns what must be read from files. */
  #readPartition(pass: Pass, asked: ReadPartition): ColdRead | null {
    const { request } = pass;
    const context = this.#context;
    const topic = context.findTopic(asked.topicId);
    if (context.isClosed || topic === null) {
      this.#addError(pass, context.isClosed ? "shuttingDown" : "unknownTopic");
      return null;
    }
    const log = context.findLog(topic, asked.partition);
    if (log === null) {
      this.#addError(pass, "unknownPartition");
      return null;
    }
    const error =
      epochError(asked.currentLeaderEpoch, context.leaderEpoch) ??
      (topic.config.compressionType === "zstd" && !request.allowsZstd
        ? "unsupportedCompression"
        : null);
    if (error !== null) {
      this.#addError(pass, error);
      return null;
    }
    if (asked.lastFetchedEpoch >= 0) {
      const end = log.epochs.endOf(asked.lastFetchedEpoch, log.logEnd);
      if (end.epoch < 0) {
        this.#addError(pass, "offsetOutOfRange");
        return null;
      }
      if (end.epoch < asked.lastFetchedEpoch || end.endOffset < asked.offset) {
        this.#add(pass, log, NOTHING, NONE_ABORTED, end);
        pass.hasError = true;
        return null;
      }
    }
    if (asked.offset < log.logStart || asked.offset > log.logEnd) {
      this.#addError(pass, "offsetOutOfRange");
      return null;
    }
    const limitOffset =
      request.isolation === "committed" ? log.lastStableOffset : log.highWatermark;
    const { isShort } = context.readMemory;
    const mostBytes = isShort ? Math.min(request.maxBytes, LEAST_BYTES) : request.maxBytes;
    const maxBytes = Math.min(asked.maxBytes, mostBytes - pass.sizeBytes);
    const mustReturn = !pass.hasData;
    if (asked.offset >= limitOffset || (maxBytes <= 0 && !mustReturn)) {
      if (asked.offset < limitOffset && isShort) pass.isCut = true;
      this.#add(pass, log, NOTHING, NONE_ABORTED);
      return null;
    }
    const index = log.tail.indexOf(asked.offset);
    if (index < 0) return { log, asked, limitOffset, maxBytes, mustReturn, found: null };
    const { offset } = asked;
    const found = readTail(context, log, index, offset, limitOffset, maxBytes, mustReturn);
    let aborted: ReadResult["abortedTransactions"] = NONE_ABORTED;
    if (log.hasAborted && request.isolation === "committed") {
      aborted = this.#aborted.find(log, offset, endOf(found));
      if (aborted === null) return { log, asked, limitOffset, maxBytes, mustReturn, found };
    }
    this.#add(pass, log, found, aborted);
    return null;
  }

  #add(
    pass: Pass,
    log: PartitionLog,
    found: FoundRecords,
    abortedTransactions: ReadResult["abortedTransactions"],
    divergingEpoch: ReadResult["divergingEpoch"] = null,
  ): void {
    if (found.sizeBytes > 0) pass.hasData = true;
    pass.sizeBytes += found.sizeBytes;
    pass.availableBytes += available(found, pass.request.partitions[pass.results.length]!);
    pass.results.push({
      error: null,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStart,
      records: found.records,
      sizeBytes: found.sizeBytes,
      release: found.release,
      divergingEpoch,
      abortedTransactions: pass.request.isolation === "committed" ? abortedTransactions : null,
    });
  }

  #addError(pass: Pass, error: LogErrorKind): void {
    pass.hasError = true;
    pass.results.push({
      error,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      records: [],
      sizeBytes: 0,
      release: null,
      divergingEpoch: null,
      abortedTransactions: null,
    });
  }
}

/** What a partition adds to the bytes that its reader waits for. */
function available({ sizeBytes, moreBytes }: FoundRecords, { maxBytes }: ReadPartition): number {
  if (moreBytes === 0 || moreBytes === Infinity) return sizeBytes + moreBytes;
  return Math.max(sizeBytes, Math.min(sizeBytes + moreBytes, maxBytes));
}

/** Gives back what was read and will be read again. */
function releaseAll(results: readonly ReadResult[]): void {
  for (const { release } of results) release?.();
}

interface ColdRead {
  readonly log: PartitionLog;
  readonly asked: ReadPartition;
  readonly limitOffset: number;
  readonly maxBytes: number;
  readonly mustReturn: boolean;
  /** What memory had, when only the aborted transactions are missing. */
  readonly found: FoundRecords | null;
}

/** The offset behind the last batch; 0 when there is none. */
function endOf({ records }: FoundRecords): number {
  const buffer = records[records.length - 1];
  if (buffer === undefined) return 0;
  let at = 0;
  for (let size = batchSize(buffer, at); at + size < buffer.length; size = batchSize(buffer, at)) {
    at += size;
  }
  return lastOffset(buffer, at) + 1;
}

/** Older than ours: the reader missed a change; newer: we did. */
export function epochError(asked: number, current: number): LogErrorKind | null {
  if (asked < 0 || asked === current) return null;
  return asked < current ? "fencedLeaderEpoch" : "unknownLeaderEpoch";
}

/** Batches in memory from `index` on, below `limitOffset`. */
function readTail(
  { slabs, readMemory }: ReaderContext,
  log: PartitionLog,
  index: number,
  offset: number,
  limitOffset: number,
  maxBytes: number,
  mustReturn: boolean,
): FoundRecords {
  const { tail } = log;
  const records: Buffer[] = [];
  const held: Slab[] = [];
  let last: Slab | null = null;
  let sizeBytes = 0;
  let moreBytes = 0;
  for (let i = index; i < tail.end && tail.baseOffset(i) < limitOffset; i++) {
    if (tail.lastOffset(i) < offset) continue;
    const isFirst = records.length === 0;
    const batchBytes = tail.sizeBytes(i);
    if (sizeBytes + batchBytes > maxBytes && !(isFirst && mustReturn)) {
      moreBytes = log.bytesUpTo(limitOffset, tail.segment(i), tail.position(i));
      break;
    }
    records.push(tail.bytes(i));
    const slab = tail.slab(i);
    if (slab !== null && slab !== last) held.push(slab);
    last = slab;
    sizeBytes += batchBytes;
  }
  // A socket takes one buffer sooner than hundreds of tiny ones, and tiny ones are cheap to copy.
  if (records.length === 0) return { ...NOTHING, moreBytes };
  const isTiny = records.length > MERGED_BATCHES && sizeBytes < records.length * SMALL_BATCH_BYTES;
  // One batch would keep all of its slab.
  if (readMemory.isShort || (isTiny && sizeBytes <= readMemory.allowanceBytes)) {
    const copied = [Buffer.concat(records, sizeBytes)];
    return { records: copied, sizeBytes, moreBytes, release: readMemory.hold(sizeBytes) };
  }
  return { records, sizeBytes, moreBytes, release: held.length === 0 ? null : slabs.lend(held) };
}
