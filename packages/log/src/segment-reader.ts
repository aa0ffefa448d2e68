/**
 * Reads of what has left memory, from segment files through the page cache: index lookup, one positioned read into a buffer that the reader may
 * give back (`BufferPool`), and a walk over batch headers. A reader that goes on where it stopped finds its place without the index.
 *
 * An index is trusted only as far as the log agrees: the batch at the place it names must be whole and start at or below the offset asked
 * for. If not, or when the index file is missing or short, it is made again by a scan of the segment. A batch in the log that cannot be one
 * is {@link CorruptLog}, with file and position.
 *
 * The cleaner may replace a segment while it is being read (compaction/segment-swap.ts): files then have other bytes under the same names. Whoever
 * waited for a file looks at {@link Segment.isReplaced} before it believes what it got, and starts again with {@link SegmentReplaced}.
 */
import { BufferPool, type FileHandle } from "@ottla/platform";
import {
  baseOffset,
  batchSize,
  lastOffset,
  maxTimestamp,
  RECORD_BATCH_OVERHEAD,
} from "@ottla/protocol";
import type { EngineState } from "./engine-state.ts";
import { CorruptLog, SegmentReplaced } from "./errors.ts";
import { FileCache } from "./file-cache.ts";
import type { PartitionFiles } from "./partition-files.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { FoundRecords } from "./reader.ts";
import type { Segment } from "./segment.ts";

const SCAN_BYTES = 1_048_576;
const MAX_READ_BYTES = 4_194_304;
/** Memory kept for the next reads. */
const KEPT_BUFFER_BYTES = 33_554_432;
/** Loaded indexes, for the whole engine. */
const INDEX_MEMORY_BYTES = 16_777_216;
const NOTHING: FoundRecords = { records: [], sizeBytes: 0, moreBytes: 0, release: null };

export class SegmentReader {
  readonly #state: EngineState;
  readonly #files: PartitionFiles;
  readonly #handles: FileCache;
  readonly #buffers = new BufferPool(KEPT_BUFFER_BYTES);
  /** Segments with loaded indexes, least recently loaded first. */
  readonly #loaded = new Set<Segment>();
  #loadedBytes = 0;

  constructor(state: EngineState, files: PartitionFiles) {
    this.#state = state;
    this.#files = files;
    this.#handles = new FileCache(
      state.options.fileSystem,
      Math.max(8, Math.floor(state.options.maxOpenFiles / 2)),
      { access: "read" },
    );
  }

  /**
   * Whole batches from the one that holds `offset`, below `limitOffset`, as in reader.ts; null when the files have nothing there, because
   * compaction left nothing up to what only memory has.
   */
  async read(
    log: PartitionLog,
    offset: number,
    limitOffset: number,
    maxBytes: number,
    mustReturn: boolean,
  ): Promise<FoundRecords | null> {
    let segment = segmentOf(log, offset);
    while (segment !== null) {
      try {
        const found = await this.#readSegment(
          log,
          segment,
          offset,
          limitOffset,
          maxBytes,
          mustReturn,
        );
        if (found !== null) return found;
      } catch (error) {
        if (!(error instanceof SegmentReplaced)) throw error;
        segment = segmentOf(log, offset);
        continue;
      }
      // Nothing at or behind the offset here (compaction may empty the end of a segment).
      segment = log.segments.find(({ baseOffset: base }) => base > segment!.baseOffset) ?? null;
    }
    return null;
  }

  /**
   * Calls `visit` with each batch of a segment from the one that holds `offset` on, until it returns false. The batch is a view that is lent
   * for the call.
   * @throws {SegmentReplaced} when the cleaner has replaced the segment, maybe after visits
   */
  async scan(
    log: PartitionLog,
    segment: Segment,
    offset: number,
    visit: (buffer: Buffer, at: number, sizeBytes: number) => boolean,
  ): Promise<void> {
    const position = await this.#positionOf(log, segment, offset);
    await this.#walk(log, segment, position, visit);
  }

  /** Loads the segment's indexes, from their files or by a scan. @throws {SegmentReplaced} */
  async loadIndexes(log: PartitionLog, segment: Segment): Promise<void> {
    const { index, timeIndex } = segment;
    if (index.isLoaded && timeIndex.isLoaded) return;
    if (segment.moving !== null) await segment.moving;
    const { fileSystem } = this.#state.options;
    const path = (ending: string) => this.#files.segmentPath(log, segment.baseOffset, ending);
    const persisted = [index.persisted, timeIndex.persisted];
    const offsets = index.isLoaded ? null : await fileSystem.readFile(path("index"));
    const times = timeIndex.isLoaded ? null : await fileSystem.readFile(path("timeindex"));
    if (segment.isReplaced) throw new SegmentReplaced();
    const isSound =
      (index.isLoaded ||
        (offsets !== null && index.load(offsets, segment.sizeBytes) === persisted[0])) &&
      (timeIndex.isLoaded || (times !== null && timeIndex.load(times) === persisted[1]));
    if (!isSound) await this.#rebuildIndexes(log, segment);
    this.#loaded.add(segment);
    this.#loadedBytes += index.loadedBytes + timeIndex.loadedBytes;
    for (const other of this.#loaded) {
      if (this.#loadedBytes <= INDEX_MEMORY_BYTES || other === segment) break;
      this.#loaded.delete(other);
      this.#loadedBytes -= other.index.loadedBytes + other.timeIndex.loadedBytes;
      other.index.unload();
      other.timeIndex.unload();
    }
  }

  async forgetSegment(log: PartitionLog, segment: Segment): Promise<void> {
    await this.#handles.forget(this.#files.segmentPath(log, segment.baseOffset, "log"));
  }

  close(): Promise<void> {
    return this.#handles.close();
  }

  async #readSegment(
    log: PartitionLog,
    segment: Segment,
    offset: number,
    limitOffset: number,
    maxBytes: number,
    mustReturn: boolean,
  ): Promise<FoundRecords | null> {
    const { readMemory } = this.#state;
    let position = await this.#positionOf(log, segment, offset);
    // What the index names is up to an interval before the offset.
    const isExact = position === hintedPosition(log, segment, offset);
    const slack = RECORD_BATCH_OVERHEAD + (isExact ? 0 : log.topic.config.indexIntervalBytes);
    let wanted = Math.min(
      isExact ? Math.max(maxBytes, slack) : Math.max(maxBytes, 0) + slack,
      MAX_READ_BYTES,
    );
    /** Less would not do. */
    let least = slack;
    for (;;) {
      const end = segment.writtenBytes;
      if (position >= end) return null;
      const allowed = Math.max(least, readMemory.allowanceBytes);
      const buffer = this.#buffers.take(Math.min(wanted, allowed, end - position));
      const giveBack = this.#lend(buffer);
      let found: FoundRecords | null = null;
      try {
        await this.#fill(log, segment, position, buffer);
        let at = 0;
        // Batches before the offset are passed over.
        while (at + RECORD_BATCH_OVERHEAD <= buffer.length && lastOffset(buffer, at) < offset) {
          at += this.#sizeAt(log, segment, buffer, at, position);
        }
        if (at + RECORD_BATCH_OVERHEAD > buffer.length) {
          position += at;
          const left = end - position;
          if (left > 0 && left < RECORD_BATCH_OVERHEAD) {
            throw this.#corrupt(log, segment, position, "the last batch is incomplete");
          }
          continue;
        }
        const first = this.#sizeAt(log, segment, buffer, at, position);
        if (baseOffset(buffer, at) >= limitOffset) return NOTHING;
        if (first > maxBytes && !mustReturn) {
          return { ...NOTHING, moreBytes: log.bytesUpTo(limitOffset, segment, position + at) };
        }
        if (at + first > buffer.length) {
          position += at;
          wanted = Math.max(first, Math.min(maxBytes, MAX_READ_BYTES));
          least = first;
          continue;
        }
        found = this.#take(log, segment, buffer, at, position, limitOffset, maxBytes, giveBack);
        return found;
      } finally {
        if (found === null) giveBack();
      }
    }
  }

  /**
   * Whole batches from `at` on: at least one, no more than `maxBytes` beyond it. They end before a damaged one, which is for the next read to
   * report.
   */
  #take(
    log: PartitionLog,
    segment: Segment,
    buffer: Buffer,
    at: number,
    position: number,
    limitOffset: number,
    maxBytes: number,
    release: () => void,
  ): FoundRecords {
    let end = at + this.#sizeAt(log, segment, buffer, at, position);
    let nextOffset = lastOffset(buffer, at) + 1;
    while (end + RECORD_BATCH_OVERHEAD <= buffer.length && baseOffset(buffer, end) < limitOffset) {
      const size = batchSize(buffer, end);
      if (!isPlausibleSize(buffer, end)) break;
      if (end + size > buffer.length || end + size - at > maxBytes) break;
      nextOffset = lastOffset(buffer, end) + 1;
      end += size;
    }
    log.readHint = { segment, offset: nextOffset, position: position + end };
    const moreBytes =
      nextOffset >= limitOffset ? 0 : log.bytesUpTo(limitOffset, segment, position + end);
    return { records: [buffer.subarray(at, end)], sizeBytes: end - at, moreBytes, release };
  }

  /** Counts a buffer of the pool. @returns what gives it back, once: given back twice it would be somebody else's by then. */
  #lend(buffer: Buffer): () => void {
    // The pool's memory is of a power of two; small buffers share theirs with others.
    const bytes = Math.min(buffer.buffer.byteLength, 2 * buffer.length);
    const letGo = this.#state.readMemory.hold(bytes);
    let isLent = true;
    return () => {
      if (!isLent) return;
      isLent = false;
      letGo();
      this.#buffers.give(buffer);
    };
  }

  async #positionOf(log: PartitionLog, segment: Segment, offset: number): Promise<number> {
    const hinted = hintedPosition(log, segment, offset);
    if (hinted >= 0) return hinted;
    const relative = offset - segment.baseOffset;
    if (relative <= 0) return 0;
    if (!segment.index.covers(relative)) await this.loadIndexes(log, segment);
    const position = segment.index.lookup(relative);
    if (position === 0 || (await this.#isBatchAt(log, segment, position, offset))) return position;
    await this.#rebuildIndexes(log, segment);
    return segment.index.lookup(relative);
  }

  async #isBatchAt(
    log: PartitionLog,
    segment: Segment,
    position: number,
    offset: number,
  ): Promise<boolean> {
    if (position + RECORD_BATCH_OVERHEAD > segment.writtenBytes) {
      // Not in the file yet, so the entry was made by this run.
      return position < segment.sizeBytes;
    }
    const header = await this.#readAt(log, segment, position, RECORD_BATCH_OVERHEAD);
    const base = baseOffset(header, 0);
    return base >= segment.baseOffset && base <= offset && isPlausibleSize(header, 0);
  }

  async #rebuildIndexes(log: PartitionLog, segment: Segment): Promise<void> {
    const interval = log.topic.config.indexIntervalBytes;
    const offsets: number[] = [];
    const times: number[] = [];
    let maxSoFar = -1;
    let maxOffset = -1;
    let sinceEntry = 0;
    let position = 0;
    await this.#walk(log, segment, 0, (buffer, at, sizeBytes) => {
      const timestamp = maxTimestamp(buffer, at);
      if (timestamp > maxSoFar) {
        maxSoFar = timestamp;
        maxOffset = lastOffset(buffer, at);
      }
      if (sinceEntry > interval) {
        offsets.push(lastOffset(buffer, at) - segment.baseOffset, position);
        if (maxSoFar >= 0 && (times.length === 0 || times[times.length - 2]! < maxSoFar)) {
          times.push(maxSoFar, maxOffset - segment.baseOffset);
        }
        sinceEntry = 0;
      }
      sinceEntry += sizeBytes;
      position += sizeBytes;
      return true;
    });
    // Entries of batches that were appended meanwhile, or are not in the file yet, stay.
    for (let i = 0; i < segment.index.pending.length; i += 2) {
      if (segment.index.pending[i + 1]! >= position) {
        offsets.push(segment.index.pending[i]!, segment.index.pending[i + 1]!);
      }
    }
    const lastTime = times.length > 0 ? times[times.length - 2]! : -1;
    for (let i = 0; i < segment.timeIndex.pending.length; i += 2) {
      if (segment.timeIndex.pending[i]! > lastTime) {
        times.push(segment.timeIndex.pending[i]!, segment.timeIndex.pending[i + 1]!);
      }
    }
    segment.replaceIndexes(offsets, times);
    this.#state.markDirty(log);
  }

  async #walk(
    log: PartitionLog,
    segment: Segment,
    start: number,
    visit: (buffer: Buffer, at: number, sizeBytes: number) => boolean,
  ): Promise<void> {
    let position = start;
    let wanted = SCAN_BYTES;
    while (position < segment.writtenBytes) {
      const size = Math.min(wanted, segment.writtenBytes - position);
      const buffer = await this.#readAt(log, segment, position, size);
      let at = 0;
      while (at + RECORD_BATCH_OVERHEAD <= buffer.length) {
        const batch = this.#sizeAt(log, segment, buffer, at, position);
        if (at + batch > buffer.length) {
          wanted = Math.max(SCAN_BYTES, batch);
          break;
        }
        if (!visit(buffer, at, batch)) return;
        at += batch;
      }
      if (at === 0 && size < RECORD_BATCH_OVERHEAD) {
        throw this.#corrupt(log, segment, position, "the last batch is incomplete");
      }
      position += at;
    }
  }

  /** Size of the batch at `at`, all of which is in the segment. `position` is where the buffer starts. */
  #sizeAt(
    log: PartitionLog,
    segment: Segment,
    buffer: Buffer,
    at: number,
    position: number,
  ): number {
    const start = position + at;
    if (!isPlausibleSize(buffer, at)) {
      throw this.#corrupt(log, segment, start, "no record batch starts here");
    }
    const size = batchSize(buffer, at);
    if (start + size > segment.writtenBytes) {
      throw this.#corrupt(log, segment, start, "the batch goes beyond the end of the segment");
    }
    return size;
  }

  #corrupt(log: PartitionLog, segment: Segment, position: number, detail: string): CorruptLog {
    const path = this.#files.segmentPath(log, segment.baseOffset, "log");
    this.#state.probe.corrupted(path, position, detail);
    return new CorruptLog(path, position, detail);
  }

  async #readAt(
    log: PartitionLog,
    segment: Segment,
    position: number,
    size: number,
  ): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(size);
    await this.#fill(log, segment, position, buffer);
    return buffer;
  }

  async #fill(
    log: PartitionLog,
    segment: Segment,
    position: number,
    target: Buffer,
  ): Promise<void> {
    if (segment.moving !== null) await segment.moving;
    if (segment.isReplaced) throw new SegmentReplaced();
    const path = this.#files.segmentPath(log, segment.baseOffset, "log");
    let read = 0;
    try {
      read = await this.#handles.use(path, (handle: FileHandle) => handle.read(target, position));
    } catch (error) {
      throw segment.isReplaced ? new SegmentReplaced() : error;
    }
    // The bytes may be those of the segment that has the name now.
    if (segment.isReplaced) throw new SegmentReplaced();
    if (read < target.length) {
      throw this.#corrupt(log, segment, position + read, "the file is too short");
    }
  }
}

/** Where the batch at `offset` starts if the last read of the partition ended there; −1 otherwise. */
function hintedPosition(log: PartitionLog, segment: Segment, offset: number): number {
  const hint = log.readHint;
  return hint !== null && hint.segment === segment && hint.offset === offset ? hint.position : -1;
}

/** The segment that holds `offset`, or the first one behind it. */
export function segmentOf(log: PartitionLog, offset: number): Segment | null {
  const { segments } = log;
  let low = 0;
  let high = segments.length - 1;
  if (high < 0) return null;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (segments[middle]!.baseOffset <= offset) low = middle;
    else high = middle - 1;
  }
  return segments[low]!;
}

function isPlausibleSize(buffer: Buffer, at: number): boolean {
  return buffer[at + 16] === 2 && batchSize(buffer, at) >= RECORD_BATCH_OVERHEAD;
}
