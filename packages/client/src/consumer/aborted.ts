/**
 * Which transactional batches of a partition belong to aborted transactions, for `read_committed`. A fetch answer lists aborted
 * transactions as (producer, first offset); one lasts until the producer's abort marker, which may come answers later and be listed again
 * with each of them. Kept per producer in order of first offset, so that a producer that aborts twice in one answer is told apart.
 */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export class AbortedTransactions {
  /** First offsets of aborts whose marker was not seen yet, ascending. */
  readonly #byProducer = new Map<number, number[]>();

  /** Takes what an answer lists; what is known already counts once. */
  add(listed: readonly AbortedTransaction[]): void {
    for (const { producerId, firstOffset } of listed) {
      const known = this.#byProducer.get(producerId);
      if (known === undefined) {
        this.#byProducer.set(producerId, [firstOffset]);
        continue;
      }
      let at = known.length;
      while (at > 0 && known[at - 1]! > firstOffset) at--;
      if (at === 0 || known[at - 1] !== firstOffset) known.splice(at, 0, firstOffset);
    }
  }

  /** Whether a transactional batch of the producer at `offset` was aborted. */
  has(producerId: number, offset: number): boolean {
    const first = this.#byProducer.get(producerId)?.[0];
    return first !== undefined && first <= offset;
  }

  /** The producer's abort marker at `offset` ends everything of it that began before. */
  onAbortMarker(producerId: number, offset: number): void {
    const known = this.#byProducer.get(producerId);
    if (known === undefined) return;
    while (known.length > 0 && known[0]! < offset) known.shift();
    if (known.length === 0) this.#byProducer.delete(producerId);
  }

  /** Aborts whose marker was not seen. */
  get size(): number {
    return this.#byProducer.size;
  }

  clear(): void {
    this.#byProducer.clear();
  }
}
