/**
 * Quantiles of durations over the last one to two minutes: counts in buckets that grow by an eighth, in two windows of which the older is dropped
 * every minute. Recording is two array accesses; memory is fixed; a quantile is exact to within its bucket.
 */
const BUCKETS_PER_DOUBLING = 6;
const SMALLEST_MS = 0.01;
const BUCKETS = 180;
const WINDOW_MS = 60_000;

export class Histogram {
  #current = new Uint32Array(BUCKETS);
  #previous = new Uint32Array(BUCKETS);
  #windowEndsMs = 0;
  #count = 0;

  /** Recordings since the start. */
  get count(): number {
    return this.#count;
  }

  record(durationMs: number, nowMs: number): void {
    if (nowMs >= this.#windowEndsMs) this.#turn(nowMs);
    this.#current[bucketOf(durationMs)]!++;
    this.#count++;
  }

  /** Upper bounds of the quantiles in ms, in the order asked; 0 without recordings. */
  quantiles(wanted: readonly number[], nowMs: number): number[] {
    if (nowMs >= this.#windowEndsMs) this.#turn(nowMs);
    let total = 0;
    for (let index = 0; index < BUCKETS; index++) total += this.#at(index);
    return wanted.map((quantile) => {
      let left = Math.ceil(total * quantile);
      for (let index = 0; index < BUCKETS && total > 0; index++) {
        left -= this.#at(index);
        if (left <= 0) return upperBoundMs(index);
      }
      return 0;
    });
  }

  #at(index: number): number {
    return this.#current[index]! + this.#previous[index]!;
  }

  #turn(nowMs: number): void {
    const spent = this.#previous;
    // After a pause of more than a window what is in the current one is too old as well.
    if (nowMs >= this.#windowEndsMs + WINDOW_MS) this.#current.fill(0);
    this.#previous = this.#current;
    this.#current = spent.fill(0);
    this.#windowEndsMs = nowMs + WINDOW_MS;
  }
}

function bucketOf(durationMs: number): number {
  if (!(durationMs > SMALLEST_MS)) return 0;
  const bucket = Math.ceil(Math.log2(durationMs / SMALLEST_MS) * BUCKETS_PER_DOUBLING);
  return Math.min(bucket, BUCKETS - 1);
}

function upperBoundMs(bucket: number): number {
  return SMALLEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING);
}
