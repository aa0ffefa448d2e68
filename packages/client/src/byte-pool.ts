/**
 * Memory that is used over and over: for large frames as they are received, for records that are decompressed and for batches that are
 * compressed. What is taken belongs to the taker; one who knows that nobody looks at it any more may give it back, and the next of about
 * its size lies in the same place. What is not given back is garbage like any other.
 *
 * It matters because fresh memory is slow: a consumer that leaves its frames to the collector spends a third of its time on pages that
 * the kernel has to clear and the processor's cache has never seen.
 */

const MAX_FREE_BYTES = 32 * 1024 * 1024;
/** Less is not worth the trouble. */
const MIN_BYTES = 4 * 1024;
/** Sizes are rounded up to a multiple of an eighth of the power of two below, so that what is about as large shares places. */
const STEPS_PER_DOUBLING_LOG2 = 3;

export class BytePool {
  readonly #maxFreeBytes: number;
  /** By size. */
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;
  /** What was taken and not given back. */
  readonly #taken = new WeakSet<ArrayBufferLike>();

  /** Keeps so many bytes for later at most. */
  constructor(maxFreeBytes: number = MAX_FREE_BYTES) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** Memory for `bytes` bytes, whose content is arbitrary. */
  readonly take = (bytes: number): Buffer => {
    if (bytes < MIN_BYTES) return Buffer.allocUnsafe(bytes);
    const size = roundedUp(bytes);
    let place = this.#free.get(size)?.pop();
    if (place === undefined) place = Buffer.allocUnsafeSlow(size);
    else this.#freeBytes -= size;
    this.#taken.add(place.buffer);
    return place.subarray(0, bytes);
  };

  /** Takes back what `bytes` is a view of. Nothing happens if it does not come from here or was given back before. */
  giveBack(bytes: Buffer): void {
    const { buffer } = bytes;
    if (!this.#taken.delete(buffer)) return;
    const size = buffer.byteLength;
    if (this.#freeBytes + size > this.#maxFreeBytes) {
      // Sizes that no longer come would otherwise stay for ever.
      this.trim(0);
      if (size > this.#maxFreeBytes) return;
    }
    const places = this.#free.get(size);
    if (places === undefined) this.#free.set(size, [Buffer.from(buffer)]);
    else places.push(Buffer.from(buffer));
    this.#freeBytes += size;
  }

  /** Lets go of all but so many bytes. */
  trim(bytes: number): void {
    for (const [size, places] of this.#free) {
      if (this.#freeBytes <= bytes) return;
      const kept = Math.max(0, places.length - Math.ceil((this.#freeBytes - bytes) / size));
      this.#freeBytes -= (places.length - kept) * size;
      if (kept === 0) this.#free.delete(size);
      else places.length = kept;
    }
  }
}

function roundedUp(bytes: number): number {
  const step = 2 ** (31 - Math.clz32(bytes) - STEPS_PER_DOUBLING_LOG2);
  return Math.ceil(bytes / step) * step;
}
