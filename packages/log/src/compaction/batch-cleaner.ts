/**
 * What is left of one batch: itself, a new batch with fewer records, an empty one, or nothing (LG13).
 *
 * A record stays when it is the last of its key as far as the offset map reaches, or lies behind that. A tombstone stays likewise, until the
 * batch's delete horizon has passed: the first walk that keeps a tombstone sets the horizon, `deleteRetentionMs` from then, by attribute
 * bit 6 and in the place of the base timestamp; the records' timestamps are written relative to it (KIP-534). Records without a key go.
 *
 * Offsets never change, so a batch keeps base offset and last offset whatever it loses. Where nothing is left the batch goes too, except
 * (with an empty header) the last one of a producer that is still known, which carries its epoch and sequence (IP9), and the last one of the
 * round, without which a reader could not tell where the cleaned part ends (LG7).
 *
 * Producer, epoch, sequence, leader epoch and compression stay as they were.
 */
import {
  attributes,
  baseOffset,
  baseSequence,
  baseTimestamp,
  COMPRESSION_MASK,
  compress,
  compressionId,
  compressionTypes,
  DELETE_HORIZON_BIT,
  hasDeleteHorizon,
  isBatchCrcValid,
  isControl,
  isLogAppendTime,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  RecordCursor,
  readZigzagLong,
  recordsCount,
  varintCursor,
  writeBatchHeader,
  writeZigzag,
  zigzagSize,
} from "@ottla/protocol";
import type { OffsetMap } from "./offset-map.ts";
import type { TransactionSieve } from "./transaction-sieve.ts";

/** What holds for all batches of a round. */
export interface CleaningRules {
  readonly map: OffsetMap;
  /** Records at or behind this offset are not in the map and stay. */
  readonly mapEnd: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** The batch that ends here stays, if only as a header. */
  readonly roundEnd: number;
  readonly sieve: TransactionSieve;
  /**
   * Whether this batch tells the last of what is known of its producer: its last data batch or, of a producer without data, a marker of its
   * epoch.
   */
  isLastOfProducer(
    producerId: number,
    epoch: number,
    lastOffset: number,
    isMarker: boolean,
  ): boolean;
}

/** A batch that contradicts itself or its checksum; the log is left as it is. */
export class UncleanableBatch extends Error {
  override readonly name = "UncleanableBatch";
  readonly offset: number;

  constructor(offset: number, detail: string, cause?: unknown) {
    super(`the batch at offset ${offset} ${detail}`, { cause });
    this.offset = offset;
  }
}

/** Where batches lie. */
export interface BatchMemory {
  isCrcValid(buffer: Buffer, at: number): boolean;
  /** Room for a new batch. */
  allocate(sizeBytes: number): Buffer;
}

/** Any memory. */
export const ownMemory: BatchMemory = {
  isCrcValid: isBatchCrcValid,
  allocate: (sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes),
};

const NO_TIMESTAMP = -1;
/** As late as a horizon gets, however long tombstones are to stay: timestamps relative to it are exact numbers, and no infinite ones. */
const LATEST_HORIZON_MS = 2 ** 51;
const FIRST_RECORDS = 64;

export class BatchCleaner {
  readonly #rules: CleaningRules;
  readonly #cursor = new RecordCursor();
  readonly #memory: BatchMemory;
  /** Places of the records that stay: start, end; and their timestamps. As many of them as {@link #kept} says. */
  #places = new Float64Array(2 * FIRST_RECORDS);
  #timestamps = new Float64Array(FIRST_RECORDS);
  #kept = 0;
  #hasTombstones = false;
  /** Records looked at and kept so far. */
  recordsRead = 0;
  recordsKept = 0;

  constructor(rules: CleaningRules, memory: BatchMemory = ownMemory) {
    this.#rules = rules;
    this.#memory = memory;
  }

  /**
   * @returns null when nothing stays, a view of `buffer` when all does, or a new batch.
   * @throws {UncleanableBatch}
   */
  clean(buffer: Buffer, at: number, sizeBytes: number): Buffer | null {
    if (!this.#memory.isCrcValid(buffer, at)) {
      throw new UncleanableBatch(baseOffset(buffer, at), "does not match its CRC");
    }
    const { sieve, nowMs, deleteRetentionMs } = this.#rules;
    const isUnneeded = sieve.discards(buffer, at);
    const isMarker = isControl(buffer, at);
    const hasHorizon = hasDeleteHorizon(buffer, at);
    const isPastHorizon = hasHorizon && baseTimestamp(buffer, at) <= nowMs;
    const count = recordsCount(buffer, at);
    this.recordsRead += count;
    this.#kept = 0;
    this.#hasTombstones = false;
    if (isMarker ? !(isUnneeded && isPastHorizon) : !isUnneeded) {
      this.#select(buffer, at, isMarker, isPastHorizon);
    }
    const kept = this.#kept;
    this.recordsKept += kept;
    if (kept === 0) return this.#mustStay(buffer, at, isMarker) ? this.#emptied(buffer, at) : null;
    const needsHorizon = !hasHorizon && (this.#hasTombstones || (isMarker && isUnneeded));
    if (kept === count && !needsHorizon) return buffer.subarray(at, at + sizeBytes);
    const horizonMs = Math.min(nowMs + deleteRetentionMs, LATEST_HORIZON_MS);
    return this.#rebuild(buffer, at, needsHorizon ? horizonMs : -1);
  }

  /** Notes the records that stay. */
  #select(buffer: Buffer, at: number, isMarker: boolean, isPastHorizon: boolean): void {
    const { map, mapEnd } = this.#rules;
    const cursor = this.#cursor;
    try {
      cursor.start(buffer, at);
      while (cursor.next()) {
        const hasValue = cursor.valueStart >= 0;
        if (!isMarker && cursor.offset < mapEnd) {
          if (cursor.keyStart < 0 || (!hasValue && isPastHorizon)) continue;
          if (cursor.offset < map.get(cursor.buffer, cursor.keyStart, cursor.keyEnd)) continue;
        }
        if (!hasValue) this.#hasTombstones = true;
        this.#keep(cursor.recordStart, cursor.recordEnd, cursor.timestampMs);
      }
    } catch (cause) {
      throw new UncleanableBatch(baseOffset(buffer, at), "cannot be read", cause);
    }
  }

  #keep(start: number, end: number, timestampMs: number): void {
    const kept = this.#kept++;
    if (kept === this.#timestamps.length) {
      this.#places = grown(this.#places);
      this.#timestamps = grown(this.#timestamps);
    }
    this.#places[2 * kept] = start;
    this.#places[2 * kept + 1] = end;
    this.#timestamps[kept] = timestampMs;
  }

  #mustStay(buffer: Buffer, at: number, isMarker: boolean): boolean {
    const end = lastOffset(buffer, at);
    if (end + 1 === this.#rules.roundEnd) return true;
    const id = producerId(buffer, at);
    return id >= 0 && this.#rules.isLastOfProducer(id, producerEpoch(buffer, at), end, isMarker);
  }

  /** A batch of the records that were selected; `horizonMs` is −1 when none is to be set. */
  #rebuild(buffer: Buffer, at: number, horizonMs: number): Buffer {
    const source = this.#cursor.buffer;
    const records =
      horizonMs < 0 ? this.#copyRecords(source) : this.#copyRecordsRelativeTo(source, horizonMs);
    const compression = compressionTypes[compressionId(buffer, at)]!;
    let batch = records;
    if (compression !== "none") {
      const packed = compress(compression, records.subarray(RECORD_BATCH_OVERHEAD));
      batch = this.#memory.allocate(RECORD_BATCH_OVERHEAD + packed.length);
      batch.set(packed, RECORD_BATCH_OVERHEAD);
    }
    let newest = NO_TIMESTAMP;
    for (let i = 0; i < this.#kept; i++) newest = Math.max(newest, this.#timestamps[i]!);
    writeHeaderLike(buffer, at, batch, {
      attributes: attributes(buffer, at) | (horizonMs < 0 ? 0 : DELETE_HORIZON_BIT),
      baseTimestamp: horizonMs < 0 ? baseTimestamp(buffer, at) : horizonMs,
      maxTimestamp: isLogAppendTime(buffer, at) ? maxTimestamp(buffer, at) : newest,
      recordsCount: this.#kept,
    });
    return batch;
  }

  /** The records as they are, behind room for a header. */
  #copyRecords(source: Buffer): Buffer {
    const places = this.#places;
    const end = 2 * this.#kept;
    let size = RECORD_BATCH_OVERHEAD;
    for (let i = 0; i < end; i += 2) size += places[i + 1]! - places[i]!;
    const records = this.#memory.allocate(size);
    let at = RECORD_BATCH_OVERHEAD;
    for (let i = 0; i < end; i += 2) {
      const start = places[i]!;
      // Neighbours are copied together.
      while (i + 2 < end && places[i + 2] === places[i + 1]) i += 2;
      at += source.copy(records, at, start, places[i + 1]!);
    }
    return records;
  }

  /** The same with timestamps relative to another base. */
  #copyRecordsRelativeTo(source: Buffer, baseMs: number): Buffer {
    const places = this.#places;
    const count = 2 * this.#kept;
    let size = RECORD_BATCH_OVERHEAD;
    // A timestamp and the length before it take at most ten and five bytes.
    for (let i = 0; i < count; i += 2) size += places[i + 1]! - places[i]! + 15;
    const records = this.#memory.allocate(size);
    let at = RECORD_BATCH_OVERHEAD;
    for (let i = 0; i < count; i += 2) {
      const end = places[i + 1]!;
      readZigzagLong(source, places[i]!, end);
      const bodyAt = varintCursor.position;
      readZigzagLong(source, bodyAt + 1, end);
      const restAt = varintCursor.position;
      const delta = this.#timestamps[i / 2]! - baseMs;
      at = writeZigzag(records, at, 1 + zigzagSize(delta) + end - restAt);
      records[at++] = source[bodyAt]!;
      at = writeZigzag(records, at, delta);
      at += source.copy(records, at, restAt, end);
    }
    return records.subarray(0, at);
  }

  /** The batch without its records. */
  #emptied(buffer: Buffer, at: number): Buffer {
    const batch = this.#memory.allocate(RECORD_BATCH_OVERHEAD);
    writeHeaderLike(buffer, at, batch, {
      attributes: attributes(buffer, at) & ~(COMPRESSION_MASK | DELETE_HORIZON_BIT),
      baseTimestamp: NO_TIMESTAMP,
      maxTimestamp: maxTimestamp(buffer, at),
      recordsCount: 0,
    });
    return batch;
  }
}

function grown(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

function writeHeaderLike(
  buffer: Buffer,
  at: number,
  batch: Buffer,
  changed: {
    readonly attributes: number;
    readonly baseTimestamp: number;
    readonly maxTimestamp: number;
    readonly recordsCount: number;
  },
): void {
  writeBatchHeader(batch, 0, {
    baseOffset: baseOffset(buffer, at),
    size: batch.length,
    partitionLeaderEpoch: partitionLeaderEpoch(buffer, at),
    lastOffsetDelta: lastOffsetDelta(buffer, at),
    producerId: producerId(buffer, at),
    producerEpoch: producerEpoch(buffer, at),
    baseSequence: baseSequence(buffer, at),
    ...changed,
  });
}
