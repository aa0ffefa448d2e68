/**
 * A queue whose memory is used again and again. Taking the first of an array moves all others, and one that has run empty is given fresh memory for the next.
 */
const SMALLEST_SLOTS = 8;
/** A larger ring is given up when it is empty: what one burst took must not stay for ever. */
const KEPT_SLOTS = 64;

export class Fifo<T> {
  /** A ring; as many slots as a power of two. */
  #slots = emptyRing<T>(SMALLEST_SLOTS);
  #from = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** How many it has memory for before it takes more. */
  get slots(): number {
    return this.#slots.length;
  }

  /** The one that has waited longest; undefined when there is none. */
  get first(): T | undefined {
    return this.#slots[this.#from];
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#resize(this.#length * 2);
    this.#slots[(this.#from + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  /** Takes out the one that has waited longest. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const from = this.#from;
    const item = this.#slots[from];
    this.#slots[from] = undefined;
    this.#from = (from + 1) & (this.#slots.length - 1);
    this.#length--;
    if (this.#length === 0 && this.#slots.length > KEPT_SLOTS) this.#reset();
    return item;
  }

  clear(): void {
    if (this.#length > 0) this.#reset();
  }

  /** From the one that has waited longest on. */
  *[Symbol.iterator](): Generator<T, void> {
    for (let i = 0; i < this.#length; i++) {
      yield this.#slots[(this.#from + i) & (this.#slots.length - 1)] as T;
    }
  }

  #reset(): void {
    this.#slots = emptyRing(SMALLEST_SLOTS);
    this.#from = 0;
    this.#length = 0;
  }

  #resize(slots: number): void {
    const items = [...this];
    this.#slots = emptyRing(slots);
    for (let i = 0; i < items.length; i++) this.#slots[i] = items[i];
    this.#from = 0;
  }
}

function emptyRing<T>(slots: number): (T | undefined)[] {
  return new Array<T | undefined>(slots).fill(undefined);
}
