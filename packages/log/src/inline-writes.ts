/**
 * Whether a write of the journal is made on the event loop's own thread. On solid-state disks the switches of threads around a small flush
 * take about as long as the flush; but whatever the write takes, the event loop stands still for, so only the smallest are made there (a few
 * records, as when there is little to do: larger groups come from many requests, whose work goes on beside the flush), and
 * only while such writes have been quick lately. One slow write turns it off for a while.
 */
const INLINE_BYTES = 8192;
const QUICK_MS = 0.4;
const SLOW_MS = 2;
const QUICK_WRITES_BEFORE_INLINE = 16;
const QUICK_WRITES_AFTER_SLOW = 64;

export class InlineWrites {
  /** By how much quick small writes outnumber others lately. */
  #quickWrites = 0;

  allows(sizeBytes: number): boolean {
    return sizeBytes <= INLINE_BYTES && this.#quickWrites >= QUICK_WRITES_BEFORE_INLINE;
  }

  /** A write took so long. */
  note(sizeBytes: number, tookMs: number): void {
    if (sizeBytes > INLINE_BYTES) return;
    if (tookMs >= SLOW_MS) this.#quickWrites = QUICK_WRITES_BEFORE_INLINE - QUICK_WRITES_AFTER_SLOW;
    else if (tookMs > QUICK_MS) this.#quickWrites--;
    else if (this.#quickWrites < 2 * QUICK_WRITES_BEFORE_INLINE) this.#quickWrites++;
  }
}
