/**
 * The memory that large frames are received into. Frames belong to whoever gets them; one who knows that nobody looks at a frame any more
 * may give it back, and the next one of about its size lies in the same place. What is not given back is garbage like any other.
 *
 * It matters because fresh memory is slow: a consumer of uncompressed records that leaves its frames to the collector spends a third of
 * its time on pages that the kernel has to clear and the processor's cache has never seen.
 */

/** What is held back at most, in bytes. */
const MAX_FREE_BYTES = 32 * 1024 * 1024;
/** Sizes are rounded up to a multiple of an eighth of the power of two below, so that frames of about the same size share places. */
const STEPS_PER_DOUBLING_LOG2 = 3;

export class FrameMemory {
  /** By size. */
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;
  /** What was taken and not given back. */
  readonly #taken = new WeakSet<ArrayBufferLike>();

  /** Memory for `bytes` bytes, at least 16, whose content is arbitrary. */
  take(bytes: number): Buffer {
    const size = roundedUp(bytes);
    let place = this.#free.get(size)?.pop();
    if (place === undefined) place = Buffer.allocUnsafeSlow(size);
    else this.#freeBytes -= size;
    this.#taken.add(place.buffer);
    return place.subarray(0, bytes);
  }

  /** Takes back what `memory` is a view of. Nothing happens if it does not come from here or was given back before. */
  giveBack(memory: Buffer): void {
    const { buffer } = memory;
    if (!this.#taken.delete(buffer)) return;
    const size = buffer.byteLength;
    if (this.#freeBytes + size > MAX_FREE_BYTES) {
      // Sizes that no longer come would otherwise stay for ever.
      this.#free.clear();
      this.#freeBytes = 0;
      if (size > MAX_FREE_BYTES) return;
    }
    const places = this.#free.get(size);
    if (places === undefined) this.#free.set(size, [Buffer.from(buffer)]);
    else places.push(Buffer.from(buffer));
    this.#freeBytes += size;
  }
}

function roundedUp(bytes: number): number {
  const step = 2 ** (31 - Math.clz32(bytes) - STEPS_PER_DOUBLING_LOG2);
  return Math.ceil(bytes / step) * step;
}
