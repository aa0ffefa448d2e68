/**
 * The time index of a segment, `%020d.timeindex`: entries of twelve bytes, timestamp int64 and relative offset int32, both growing. An
 * entry says: no batch up to this offset has a greater timestamp. So a search for a time starts behind the last entry below it.
 *
 * In memory as {@link OffsetIndex}: what is not in the file yet, and the file's entries while they are loaded.
 */

import { getInt64 } from "./journal-format.ts";

export const TIME_ENTRY_BYTES = 12;

export class TimeIndex {
  persisted: number;
  /** Entries behind the file's, flat: timestamp, relative offset. */
  pending: number[] = [];
  /** −1 when there is none; a double from the start, as in a segment. */
  lastTimestamp = Number.NaN;
  /** The greatest in the file. */
  #lastPersisted = Number.NaN;
  #loaded: Float64Array | null = null;

  constructor(persisted: number, lastTimestamp: number) {
    this.persisted = persisted;
    this.lastTimestamp = lastTimestamp;
    this.#lastPersisted = lastTimestamp;
    if (persisted === 0) this.#loaded = new Float64Array(0);
  }

  get entries(): number {
    return this.persisted + this.pending.length / 2;
  }

  get isLoaded(): boolean {
    return this.#loaded !== null;
  }

  get loadedBytes(): number {
    return this.#loaded?.byteLength ?? 0;
  }

  /** Adds an entry unless the timestamp does not grow. */
  add(timestampMs: number, relativeOffset: number): void {
    if (timestampMs <= this.lastTimestamp) return;
    this.pending.push(timestampMs, relativeOffset);
    this.lastTimestamp = timestampMs;
  }

  load(bytes: Buffer): number {
    const count = Math.min(this.persisted, Math.floor(bytes.length / TIME_ENTRY_BYTES));
    const loaded = new Float64Array(count * 2);
    let sound = 0;
    let lastTimestamp = -2;
    let lastOffset = -1;
    for (; sound < count; sound++) {
      const timestamp = getInt64(bytes, sound * 12);
      const offset = bytes.readInt32BE(sound * 12 + 8);
      if (timestamp <= lastTimestamp || offset < lastOffset) break;
      loaded[sound * 2] = lastTimestamp = timestamp;
      loaded[sound * 2 + 1] = lastOffset = offset;
    }
    this.#loaded = loaded.subarray(0, sound * 2);
    return sound;
  }

  replace(entries: number[]): void {
    this.persisted = 0;
    this.#loaded = new Float64Array(0);
    this.pending = entries;
    this.#lastPersisted = -1;
    this.lastTimestamp = entries.length > 0 ? entries[entries.length - 2]! : -1;
  }

  unload(): void {
    if (this.persisted > 0) this.#loaded = null;
  }

  /** Relative offset up to which nothing has a timestamp of at least `timestampMs`; −1 when nothing is known. */
  lookup(timestampMs: number): number {
    const inPending = lastBelow(this.pending, timestampMs);
    if (inPending >= 0) return this.pending[inPending + 1]!;
    if (this.#loaded === null) return -1;
    const inLoaded = lastBelow(this.#loaded, timestampMs);
    return inLoaded >= 0 ? this.#loaded[inLoaded + 1]! : -1;
  }

  /** As that of the offset index, up to the relative offset `end`. */
  takePending(end = Infinity): Buffer {
    const { pending } = this;
    let count = pending.length / 2;
    while (count > 0 && pending[count * 2 - 1]! >= end) count--;
    const bytes = Buffer.allocUnsafe(count * TIME_ENTRY_BYTES);
    for (let i = 0; i < count; i++) {
      bytes.writeBigInt64BE(BigInt(pending[i * 2]!), i * 12);
      bytes.writeInt32BE(pending[i * 2 + 1]!, i * 12 + 8);
    }
    this.persisted += count;
    if (count > 0) {
      this.#loaded = null;
      this.#lastPersisted = pending[count * 2 - 2]!;
    }
    this.pending = pending.slice(count * 2);
    return bytes;
  }

  /** Drops pending entries at or behind an offset that never became durable. */
  truncateTo(relativeOffset: number): void {
    const { pending } = this;
    while (pending.length > 0 && pending[pending.length - 1]! >= relativeOffset) {
      pending.length -= 2;
    }
    this.lastTimestamp = pending.length > 0 ? pending[pending.length - 2]! : this.#lastPersisted;
  }
}

/** Index of the last pair whose timestamp is below `timestampMs`, or −1. */
function lastBelow(pairs: ArrayLike<number>, timestampMs: number): number {
  let low = -1;
  let high = pairs.length / 2 - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pairs[middle * 2]! < timestampMs) low = middle;
    else high = middle - 1;
  }
  return low < 0 ? -1 : low * 2;
}
