/**
 * The aborted transactions of a segment, `%020d.txnindex`, in Kafka's format: entries of 34 bytes in the order of their markers,
 *
 * version int16 = 0 | producer id int64 | first offset int64 | offset of the abort marker int64 | last stable offset int64
 *
 * An entry lies in the segment of its marker. Its last stable offset is the one that holds once the marker is durable: everything below it is
 * decided, so a search for what overlaps a range may end at an entry whose last stable offset is not below the range's end (KIP-98).
 *
 * In memory: all entries that are not in the file, and those of the file once loaded. A checkpoint carries the former, and takes them to the
 * file first, with a flush, so that every entry is in one of the two; the file exists only when there is an entry.
 */

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export const ABORTED_ENTRY_BYTES = 34;
const VERSION = 0;

export class TransactionIndex {
  /** Entries in the file. */
  persisted = 0;
  /** Entries behind those. */
  pending: AbortedTransaction[] = [];
  #loaded: AbortedTransaction[] | null = [];

  /** Puts back what a checkpoint says. */
  restore(persisted: number, pending: AbortedTransaction[]): void {
    this.persisted = persisted;
    this.pending = pending;
    this.#loaded = persisted === 0 ? [] : null;
  }

  get size(): number {
    return this.persisted + this.pending.length;
  }

  get isLoaded(): boolean {
    return this.#loaded !== null;
  }

  /** Entries of the file that are in memory. */
  get loadedEntries(): number {
    return this.#loaded?.length ?? 0;
  }

  add(entry: AbortedTransaction): void {
    this.pending.push(entry);
  }

  /** Takes the file's bytes. Returns false, and stays unloaded, when they are not what was written. */
  load(bytes: Buffer): boolean {
    if (bytes.length < this.persisted * ABORTED_ENTRY_BYTES) return false;
    const entries: AbortedTransaction[] = [];
    for (let i = 0; i < this.persisted; i++) {
      const entry = decodeAborted(bytes, i * ABORTED_ENTRY_BYTES);
      const isSound =
        entry !== null &&
        entry.firstOffset <= entry.lastOffset &&
        entry.lastOffset > (entries.at(-1)?.lastOffset ?? -1);
      if (!isSound) return false;
      entries.push(entry);
    }
    this.#loaded = entries;
    return true;
  }

  /** Frees the file's entries. */
  unload(): void {
    if (this.persisted > 0) this.#loaded = null;
  }

  /** The first `count` pending entries are in the file. */
  markPersisted(count: number): void {
    const entries = this.pending.splice(0, count);
    this.#loaded?.push(...entries);
    this.persisted += entries.length;
  }

  /** Drops entries whose marker never became durable. */
  truncateTo(offset: number): void {
    const { pending } = this;
    while (pending.length > 0 && pending[pending.length - 1]!.lastOffset >= offset) pending.pop();
  }

  /**
   * Adds the transactions that overlap `[from, to)`. Call only when loaded.
   * @returns whether no later segment can have another one.
   */
  collect(from: number, to: number, found: AbortedTransaction[]): boolean {
    return (
      collectFrom(this.#loaded!, from, to, found) || collectFrom(this.pending, from, to, found)
    );
  }
}

function collectFrom(
  entries: readonly AbortedTransaction[],
  from: number,
  to: number,
  found: AbortedTransaction[],
): boolean {
  for (let i = firstEndingAt(entries, from); i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.firstOffset < to) found.push(entry);
    if (entry.lastStableOffset >= to) return true;
  }
  return false;
}

/** Index of the first entry whose marker is at or above `offset`. */
function firstEndingAt(entries: readonly AbortedTransaction[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function encodeAborted(entries: readonly AbortedTransaction[]): Buffer {
  const bytes = Buffer.alloc(entries.length * ABORTED_ENTRY_BYTES);
  let at = 0;
  for (const entry of entries) {
    at = bytes.writeInt16BE(VERSION, at);
    at = bytes.writeBigInt64BE(BigInt(entry.producerId), at);
    at = bytes.writeBigInt64BE(BigInt(entry.firstOffset), at);
    at = bytes.writeBigInt64BE(BigInt(entry.lastOffset), at);
    at = bytes.writeBigInt64BE(BigInt(entry.lastStableOffset), at);
  }
  return bytes;
}

/** null for a version that is not known. */
export function decodeAborted(bytes: Buffer, at: number): AbortedTransaction | null {
  if (bytes.readInt16BE(at) !== VERSION) return null;
  return {
    producerId: Number(bytes.readBigInt64BE(at + 2)),
    firstOffset: Number(bytes.readBigInt64BE(at + 10)),
    lastOffset: Number(bytes.readBigInt64BE(at + 18)),
    lastStableOffset: Number(bytes.readBigInt64BE(at + 26)),
  };
}
