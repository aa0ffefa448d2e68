/**
 * The transactions of one partition that hold its last stable offset back (TX11), in the order in which they began.
 *
 * A transaction leaves when its marker is durable, not when the marker is staged: readers of committed data must not pass an
 * outcome that a failed group takes back. So each has one of three states: open; ended by a marker above the high watermark; gone.
 *
 * Tens of thousands may be open at once and end together, so none of this looks at all of them each time: those that are gone stay in the list
 * until they are half of it, and where the first is that is not gone, and the first that is open, is remembered.
 */

export interface OpenTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker that ended it, or −1 while it is open. */
  lastOffset: number;
  isGone: boolean;
}

export class OpenTransactions {
  /** Ascending by first offset, once it was asked for. */
  #list: OpenTransaction[] = [];
  #isSorted = true;
  /** Before this index all are gone. */
  #first = 0;
  /** Before this index none is open. */
  #firstOpen = 0;
  #gone = 0;
  /** By producer, which has one at most. */
  readonly #open = new Map<number, OpenTransaction>();
  /** Those whose markers are not durable, in the order of the markers. */
  #ended: OpenTransaction[] = [];

  /** First offset of the earliest, or −1. */
  get firstOffset(): number {
    const list = this.#sorted();
    while (this.#first < list.length && list[this.#first]!.isGone) this.#first++;
    return this.#first < list.length ? list[this.#first]!.firstOffset : -1;
  }

  /** The producers of all of them. */
  producerIds(): Set<number> {
    return new Set([...this.#open.keys(), ...this.#ended.map(({ producerId }) => producerId)]);
  }

  begin(producerId: number, firstOffset: number): void {
    const transaction = { producerId, firstOffset, lastOffset: -1, isGone: false };
    const last = this.#list.at(-1);
    // Those of a checkpoint come in any order.
    if (last !== undefined && last.firstOffset > firstOffset) this.#isSorted = false;
    this.#list.push(transaction);
    this.#open.set(producerId, transaction);
  }

  /**
   * Ends the producer's open transaction by the marker at `lastOffset`.
   * @returns the last stable offset once this and all earlier markers are durable.
   */
  end(producerId: number, lastOffset: number): number {
    const transaction = this.#open.get(producerId);
    if (transaction !== undefined) {
      transaction.lastOffset = lastOffset;
      this.#open.delete(producerId);
      this.#ended.push(transaction);
    }
    const list = this.#sorted();
    while (this.#firstOpen < list.length && list[this.#firstOpen]!.lastOffset >= 0) {
      this.#firstOpen++;
    }
    return this.#firstOpen < list.length ? list[this.#firstOpen]!.firstOffset : lastOffset + 1;
  }

  /** Everything below `end` is durable: what was ended there holds nothing back any more. */
  settle(end: number): void {
    const ended = this.#ended;
    let settled = 0;
    while (settled < ended.length && ended[settled]!.lastOffset < end) {
      ended[settled++]!.isGone = true;
    }
    if (settled === 0) return;
    ended.splice(0, settled);
    this.#gone += settled;
    if (this.#gone * 2 >= this.#list.length) this.#dropGone();
  }

  #dropGone(): void {
    this.#list = this.#list.filter(({ isGone }) => !isGone);
    this.#gone = 0;
    this.#first = 0;
    this.#firstOpen = 0;
  }

  /** Everything at or above `end` is taken back, which nothing is that was durable. */
  truncateTo(end: number): void {
    const list = this.#sorted();
    while (list.length > 0 && list[list.length - 1]!.firstOffset >= end) {
      const { producerId, lastOffset } = list.pop()!;
      if (lastOffset < 0) this.#open.delete(producerId);
    }
    const ended = this.#ended;
    while (ended.length > 0 && ended[ended.length - 1]!.lastOffset >= end) {
      const transaction = ended.pop()!;
      if (transaction.firstOffset >= end) continue;
      transaction.lastOffset = -1;
      this.#open.set(transaction.producerId, transaction);
    }
    this.#first = Math.min(this.#first, list.length);
    this.#firstOpen = this.#first;
  }

  #sorted(): OpenTransaction[] {
    if (this.#isSorted) return this.#list;
    this.#list.sort((a, b) => a.firstOffset - b.firstOffset);
    this.#isSorted = true;
    this.#first = 0;
    this.#firstOpen = 0;
    return this.#list;
  }
}
