/**
 * Bytes that all requests in flight may hold together (`queued.max.request.bytes`). A connection takes a request's share when it knows
 * the frame's size and gives it back when it is answered. Who finds no share stops reading its socket and waits in line.
 *
 * Small requests do not stand in that line as long as a reserve on top of the capacity lasts: heartbeats and single records go on while
 * large requests wait for each other.
 */
export interface SmallRequests {
  /** Requests up to this size are small. */
  readonly smallBytes: number;
  /** What they may take together when the capacity is used up. */
  readonly reserveBytes: number;
}

/** The bytes that requests in flight hold, and who waits for some. */
export class MemoryBudget {
  readonly capacityBytes: number;
  readonly #small: SmallRequests;
  #usedBytes = 0;
  #isGranting = false;
  #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(capacityBytes: number, small: SmallRequests = { smallBytes: 0, reserveBytes: 0 }) {
    this.capacityBytes = capacityBytes;
    this.#small = small;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether somebody waits for a share. */
  get isContended(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes `bytes` now, or answers false. A request larger than the whole budget is admitted when nothing else is in flight. */
  tryTake(bytes: number): boolean {
    if (!this.#fitsReserve(bytes) && (this.#waiting.length > 0 || !this.#fits(bytes))) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Calls `grant` once `bytes` have been taken for the caller, first come, first served. Returns what withdraws the request. */
  wait(bytes: number, grant: () => void): () => void {
    const entry = { bytes, grant };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      this.#grantWaiting();
    };
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#grantWaiting();
  }

  #fitsReserve(bytes: number): boolean {
    const { smallBytes, reserveBytes } = this.#small;
    return bytes <= smallBytes && this.#usedBytes + bytes <= this.capacityBytes + reserveBytes;
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.capacityBytes;
  }

  /** Who is granted a share may give it back at once: the next is granted here then, not further down the stack. */
  #grantWaiting(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    try {
      while (this.#waiting.length > 0) {
        const next = this.#waiting[0]!;
        if (!this.#fits(next.bytes)) return;
        this.#waiting.shift();
        this.#usedBytes += next.bytes;
        next.grant();
      }
    } finally {
      this.#isGranting = false;
    }
  }
}
