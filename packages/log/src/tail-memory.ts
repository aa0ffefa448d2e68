/**
 * The batches that an engine keeps in memory, oldest first over all partitions, within one budget of bytes. A batch leaves when the budget
 * is exceeded and the batch is in its segment; if the oldest is not, its partition is written first. At twice the budget
 * {@link TailMemory.isFull} says so and appends wait.
 */
import { type PartitionLog, TAIL_BATCH_OVERHEAD, type TailBatch } from "./partition-log.ts";

const MINIMUM_SLOTS = 1024;

export class TailMemory {
  readonly #budgetBytes: number;
  readonly #write: (log: PartitionLog) => void;
  /** A ring; batches that left early have no buffer any more. */
  #slots: (TailBatch | null)[] = new Array(MINIMUM_SLOTS).fill(null);
  #first = 0;
  #count = 0;
  #bytes = 0;

  /** `write` is called with a partition whose oldest batch must go to its segment. */
  constructor(budgetBytes: number, write: (log: PartitionLog) => void) {
    this.#budgetBytes = budgetBytes;
    this.#write = write;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes > 2 * this.#budgetBytes;
  }

  add(batch: TailBatch): void {
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#count) & (this.#slots.length - 1)] = batch;
    this.#count++;
    this.#bytes += batch.sizeBytes + TAIL_BATCH_OVERHEAD;
  }

  /** Drops what exceeds the budget, as far as it is in segments. */
  trim(): void {
    const mask = this.#slots.length - 1;
    while (this.#count > 0 && this.#bytes > this.#budgetBytes) {
      const batch = this.#slots[this.#first & mask]!;
      if (batch.buffer !== null) {
        const { log } = batch;
        // What is not durable yet cannot be written; the group commit that makes it so trims again.
        if (batch.baseOffset >= log.highWatermark) return;
        if (batch.lastOffset >= log.writtenOffset) {
          this.#write(log);
          return;
        }
        log.shift();
        batch.buffer = null;
        this.#bytes -= batch.sizeBytes + TAIL_BATCH_OVERHEAD;
      }
      this.#slots[this.#first & mask] = null;
      this.#first = (this.#first + 1) & mask;
      this.#count--;
    }
  }

  /** Batches were taken back or belong to a deleted topic: their memory is free at once. */
  drop(batches: readonly TailBatch[]): void {
    for (const batch of batches) {
      batch.buffer = null;
      this.#bytes -= batch.sizeBytes + TAIL_BATCH_OVERHEAD;
    }
  }

  #grow(): void {
    const { length } = this.#slots;
    const larger: (TailBatch | null)[] = new Array(length * 2).fill(null);
    for (let i = 0; i < this.#count; i++) {
      larger[i] = this.#slots[(this.#first + i) & (length - 1)] ?? null;
    }
    this.#slots = larger;
    this.#first = 0;
  }
}
