/**
 * Counts what a reader gets. The clock starts when the reader knows its partitions, so that joining a group is not measured, and before
 * it fetches, because a first fetch may bring a good part of everything.
 */
export class Tally {
  readonly #wanted: { readonly records: number; readonly valueBytes: number };
  #records = 0;
  #bytes = 0;
  #startedAt = Number.NaN;
  #endedAt = Number.NaN;

  constructor(wanted: { readonly records: number; readonly valueBytes: number }) {
    this.#wanted = wanted;
  }

  start(): void {
    this.#startedAt = performance.now();
  }

  /** Some records and the bytes of all their values. */
  add(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
    if (this.isComplete) this.#endedAt = performance.now();
  }

  get isComplete(): boolean {
    return this.#records >= this.#wanted.records;
  }

  /** @throws when what came is not exactly what was written */
  seconds(): number {
    const { records, valueBytes } = this.#wanted;
    if (this.#records !== records || this.#bytes !== records * valueBytes) {
      throw new Error(
        `read ${this.#records} records with ${this.#bytes} bytes of values, ${records} of ${valueBytes} bytes were written`,
      );
    }
    return (this.#endedAt - this.#startedAt) / 1000;
  }
}
