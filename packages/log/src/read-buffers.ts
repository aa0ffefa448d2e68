/**
 * Memory that segments are read into, used again and again: fresh pages cost the kernel more than the bytes copied into them, and buffers
 * outside the heap make the garbage collector run for their sake.
 *
 * A buffer is lent until it is given back, or for ever: one that never comes back is left to the garbage collector, so forgetting costs
 * time and nothing else. Kept for reuse are at most {@link KEPT_BYTES}; what exceeds that is left to the garbage collector too.
 */

const KEPT_BYTES = 33_554_432;
const SMALLEST_BYTES = 16_384;

export class ReadBuffers {
  /** By the power of two of their size. */
  readonly #kept: Buffer[][] = [];
  #keptBytes = 0;

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer of at least `size` bytes; what it holds is of no meaning. */
  take(size: number): Buffer {
    const power = powerOf(size);
    const kept = this.#kept[power]?.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(2 ** power);
    this.#keptBytes -= kept.length;
    return kept;
  }

  /** Takes back a buffer of {@link take}, whole, which nobody may read any more. */
  give(buffer: Buffer): void {
    if (this.#keptBytes + buffer.length > KEPT_BYTES) return;
    const power = powerOf(buffer.length);
    this.#kept[power] ??= [];
    this.#kept[power].push(buffer);
    this.#keptBytes += buffer.length;
  }
}

function powerOf(size: number): number {
  return 32 - Math.clz32(Math.max(size, SMALLEST_BYTES) - 1);
}
