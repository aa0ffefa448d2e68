/**
 * The sparse offset index of a segment, `%020d.index`: entries of eight bytes, relative offset int32 and position int32, both
 * growing. An entry names the last offset of a batch and where that batch starts, so the greatest entry at or below an offset is a
 * place from which a scan forward meets the batch that holds it.
 *
 * In memory: only the entries that are not in the file yet; the file's are loaded when a cold read asks and may be dropped again.
 * The file is written behind the log without a flush, so after a crash it is believed only entry by entry: what does not grow, or points
 * behind the end of the log, ends it, and a scan of the log supplies the rest (segment-reader.ts).
 */

export const OFFSET_ENTRY_BYTES = 8;
/** The largest relative offset that an entry can hold: no segment reaches further. */
export const MAX_OFFSET_SPAN = 0x7fff_ffff;

export class OffsetIndex {
  /** Entries in the file. */
  persisted: number;
  /** Entries behind those, flat: relative offset, position. */
  pending: number[] = [];
  /** The file's entries, flat, once loaded. */
  #loaded: Int32Array | null = null;

  constructor(persisted: number) {
    this.persisted = persisted;
    if (persisted === 0) this.#loaded = new Int32Array(0);
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

  add(relativeOffset: number, position: number): void {
    this.pending.push(relativeOffset, position);
  }

  /** Takes the file's bytes; returns how many of the `persisted` entries are sound. */
  load(bytes: Buffer, segmentBytes: number): number {
    const count = Math.min(this.persisted, Math.floor(bytes.length / OFFSET_ENTRY_BYTES));
    const loaded = new Int32Array(count * 2);
    let sound = 0;
    let lastOffset = -1;
    let lastPosition = -1;
    for (; sound < count; sound++) {
      const offset = bytes.readInt32BE(sound * 8);
      const position = bytes.readInt32BE(sound * 8 + 4);
      if (offset <= lastOffset || position <= lastPosition || position >= segmentBytes) break;
      loaded[sound * 2] = lastOffset = offset;
      loaded[sound * 2 + 1] = lastPosition = position;
    }
    this.#loaded = loaded.subarray(0, sound * 2);
    return sound;
  }

  /** Replaces everything by the entries of a scan. */
  replace(entries: number[]): void {
    this.persisted = 0;
    this.#loaded = new Int32Array(0);
    this.pending = entries;
  }

  /** Frees the file's entries. */
  unload(): void {
    if (this.persisted > 0) this.#loaded = null;
  }

  /** Position of the greatest entry at or below the offset, or 0. Call only when loaded, or when {@link covers} says so. */
  lookup(relativeOffset: number): number {
    const { pending } = this;
    if (pending.length > 0 && pending[0]! <= relativeOffset) {
      return pending[greatestAtMost(pending, relativeOffset) + 1]!;
    }
    const loaded = this.#loaded;
    if (loaded === null || loaded.length === 0 || loaded[0]! > relativeOffset) return 0;
    return loaded[greatestAtMost(loaded, relativeOffset) + 1]!;
  }

  /** Whether the entries in memory suffice for this offset. */
  covers(relativeOffset: number): boolean {
    return this.#loaded !== null || (this.pending.length > 0 && this.pending[0]! <= relativeOffset);
  }

  /**
   * Bytes of the pending entries of batches before position `end`, for the file at `persisted × 8`; they count as persisted afterwards, and are
   * not taken back any more.
   */
  takePending(end = Infinity): Buffer {
    const { pending } = this;
    let count = pending.length;
    while (count > 0 && pending[count - 1]! >= end) count -= 2;
    const bytes = Buffer.allocUnsafe(count * 4);
    for (let i = 0; i < count; i++) bytes.writeInt32BE(pending[i]!, i * 4);
    this.persisted += count / 2;
    if (count > 0) this.#loaded = null;
    this.pending = pending.slice(count);
    return bytes;
  }

  /** Drops pending entries at or behind a position that never became durable. */
  truncateTo(position: number): void {
    const { pending } = this;
    while (pending.length > 0 && pending[pending.length - 1]! >= position) pending.length -= 2;
  }
}

/** Index of the key of the last pair whose key is at most `key`; the first pair's is. */
function greatestAtMost(pairs: ArrayLike<number>, key: number): number {
  let low = 0;
  let high = pairs.length / 2 - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (pairs[middle * 2]! <= key) low = middle;
    else high = middle - 1;
  }
  return low * 2;
}
