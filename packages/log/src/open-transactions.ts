/**
 * The transactions of one partition that hold its last stable offset back (TX11), in the order in which they began.
 *
 * A transaction leaves when its marker is durable, not when the marker is staged: readers of committed data must not pass an
 * outcome that a failed group takes back. So each has one of three states: open; ended by a marker above the high watermark; gone.
 */

export interface OpenTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker that ended it, or −1 while it is open. */
  lastOffset: number;
}

export class OpenTransactions {
  /** Ascending by first offset. */
  #list: OpenTransaction[] = [];
  #ended = 0;

  /** First offset of the earliest, or −1. */
  get firstOffset(): number {
    return this.#list.length > 0 ? this.#list[0]!.firstOffset : -1;
  }

  /** The producers of all of them. */
  producerIds(): Set<number> {
    return new Set(this.#list.map(({ producerId }) => producerId));
  }

  begin(producerId: number, firstOffset: number): void {
    let at = this.#list.length;
    while (at > 0 && this.#list[at - 1]!.firstOffset > firstOffset) at--;
    this.#list.splice(at, 0, { producerId, firstOffset, lastOffset: -1 });
  }

  /**
   * Ends the producer's open transaction by the marker at `lastOffset`.
   * @returns the last stable offset once this and all earlier markers are durable.
   */
  end(producerId: number, lastOffset: number): number {
    let stableOffset = lastOffset + 1;
    let isFirst = true;
    for (const transaction of this.#list) {
      if (transaction.lastOffset >= 0) continue;
      if (transaction.producerId === producerId) {
        transaction.lastOffset = lastOffset;
        this.#ended++;
      } else if (isFirst) {
        stableOffset = transaction.firstOffset;
        isFirst = false;
      }
    }
    return stableOffset;
  }

  /** Everything below `end` is durable: what was ended there holds nothing back any more. */
  settle(end: number): void {
    if (this.#ended === 0) return;
    const left = this.#list.filter(({ lastOffset }) => lastOffset < 0 || lastOffset >= end);
    this.#ended -= this.#list.length - left.length;
    this.#list = left;
  }

  /** Everything at or above `end` is taken back. */
  truncateTo(end: number): void {
    while (this.#list.length > 0 && this.#list[this.#list.length - 1]!.firstOffset >= end) {
      if (this.#list.pop()!.lastOffset >= 0) this.#ended--;
    }
    for (const transaction of this.#list) {
      if (transaction.lastOffset < end) continue;
      transaction.lastOffset = -1;
      this.#ended--;
    }
  }
}
