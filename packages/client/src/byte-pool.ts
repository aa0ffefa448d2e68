/**
 * Memory that is used over and over: for large frames as they are received, for records that are decompressed and for batches that are
 * compressed. What is taken belongs to the taker; one who knows that nobody looks at it any more may give it back, and the next of about
 * its size lies in the same place. What is not given back is garbage like any other.
 *
 * It matters because fresh memory is slow: a consumer that leaves its frames to the collector spends a third of its time on pages that
 * the kernel has to clear and the processor's cache has never seen.
 *
 * What was free throughout a whole period is let go at its end, so that a pool nobody uses is empty soon and one in use keeps what it needs.
 */
import type { Clock } from "@ottla/platform";

const MAX_FREE_BYTES = 32 * 1024 * 1024;
const PERIOD_MS = 1_000;
/** Less is not worth the trouble. */
const MIN_BYTES = 4 * 1024;
/** Sizes are rounded up to a multiple of an eighth of the power of two below, so that what is about as large shares places. */
const STEPS_PER_DOUBLING_LOG2 = 3;

export class BytePool {
  readonly #clock: Clock;
  readonly #maxFreeBytes: number;
  /** By size. */
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;
  /** The least that was free in this period. */
  #unusedBytes = 0;
  #isWatched = false;
  /** What was taken and not given back. */
  readonly #taken = new WeakSet<ArrayBufferLike>();

  /** Keeps so many bytes for later at most. */
  constructor(clock: Clock, maxFreeBytes: number = MAX_FREE_BYTES) {
    this.#clock = clock;
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** Memory for `bytes` bytes, whose content is arbitrary. */
  readonly take = (bytes: number): Buffer => {
    if (bytes < MIN_BYTES) return Buffer.allocUnsafe(bytes);
    const size = roundedUp(bytes);
    let place = this.#free.get(size)?.pop();
    if (place === undefined) {
      place = Buffer.allocUnsafeSlow(size);
    } else {
      this.#freeBytes -= size;
      this.#unusedBytes = Math.min(this.#unusedBytes, this.#freeBytes);
    }
    this.#taken.add(place.buffer);
    return place.subarray(0, bytes);
  };

  /** Takes back what `bytes` is a view of, from whoever took it, once. Nothing happens if it does not come from here. */
  giveBack(bytes: Buffer): void {
    const { buffer } = bytes;
    const size = buffer.byteLength;
    // What the application has transferred to another thread is detached and empty.
    if (!this.#taken.delete(buffer) || size === 0 || size > this.#maxFreeBytes) return;
    if (this.#freeBytes + size > this.#maxFreeBytes) {
      // Sizes that no longer come would otherwise keep out those that do.
      this.#drop(this.#freeBytes);
    }
    const places = this.#free.get(size);
    if (places === undefined) this.#free.set(size, [Buffer.from(buffer)]);
    else places.push(Buffer.from(buffer));
    this.#freeBytes += size;
    if (!this.#isWatched) this.#watch();
  }

  #watch(): void {
    this.#isWatched = true;
    this.#clock.schedule(PERIOD_MS, () => {
      this.#drop(this.#unusedBytes);
      this.#unusedBytes = this.#freeBytes;
      this.#isWatched = false;
      if (this.#freeBytes > 0) this.#watch();
    });
  }

  /** Lets go of so many bytes, or a little more. */
  #drop(bytes: number): void {
    let left = bytes;
    for (const [size, places] of this.#free) {
      if (left <= 0) break;
      const count = Math.min(places.length, Math.ceil(left / size));
      places.length -= count;
      if (places.length === 0) this.#free.delete(size);
      left -= count * size;
      this.#freeBytes -= count * size;
    }
    this.#unusedBytes = Math.min(this.#unusedBytes, this.#freeBytes);
  }
}

function roundedUp(bytes: number): number {
  const step = 2 ** (31 - Math.clz32(bytes) - STEPS_PER_DOUBLING_LOG2);
  return Math.ceil(bytes / step) * step;
}
