/**
 * The batches that an engine keeps in memory, oldest first over all partitions, within one budget of bytes. A batch leaves when the budget
 * is exceeded and the batch is in its segment; if the oldest is not, its partition is written first. When twice the budget is exceeded,
 * {@link TailMemory.isFull} says so and appends wait. Between the two lies what is appended while all partitions are written once: before that
 * nothing can leave, as the oldest batches are of all of them.
 *
 * What is in memory of a partition when its oldest batch has to leave goes to its segment in one write. With a thousand partitions these
 * writes would be small and cost more than all the rest, so the budget grows with the partitions that are being written.
 *
 * Most batches lie in slabs, and what counts is how many of these are retired: their memory is free when the last batch in them has left.
 */
import type { PartitionLog } from "./partition-log.ts";
import { TAIL_BATCH_OVERHEAD, type TailBatch } from "./partition-tail.ts";
import type { Slabs } from "./slabs.ts";

const MINIMUM_SLOTS = 1024;
/** What the budget allows each partition, within {@link LARGEST_FACTOR}. */
const BYTES_PER_PARTITION = 163_840;
/** How much larger the budget may be with many partitions than with few. */
const LARGEST_FACTOR = 1.75;
/** How many batches behind the oldest are looked at for further partitions to write. */
const LOOK_AHEAD = 64;

export class TailMemory {
  readonly #smallestBytes: number;
  #budgetBytes: number;
  readonly #slabs: Slabs;
  readonly #write: (log: PartitionLog) => boolean;
  /** A ring; batches that left early have no buffer any more. */
  #slots: (TailBatch | null)[] = new Array(MINIMUM_SLOTS).fill(null);
  #first = 0;
  #count = 0;
  /** Of buffers of their own, and the overhead of all batches. */
  #ownBytes = 0;

  /** `write` is called with a partition whose oldest batch must go to its segment, and says whether there may be another beside it. */
  constructor(budgetBytes: number, slabs: Slabs, write: (log: PartitionLog) => boolean) {
    this.#smallestBytes = budgetBytes;
    this.#budgetBytes = budgetBytes;
    this.#slabs = slabs;
    this.#write = write;
  }

  get bytes(): number {
    return this.#ownBytes + this.#slabs.retiredBytes;
  }

  get isFull(): boolean {
    return this.bytes > this.#budgetBytes * 2;
  }

  /** Fits the budget to the number of partitions that are being written. */
  fit(partitions: number): void {
    const wanted = Math.max(this.#smallestBytes, partitions * BYTES_PER_PARTITION);
    this.#budgetBytes = Math.min(wanted, this.#smallestBytes * LARGEST_FACTOR);
  }

  add(batch: TailBatch): void {
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#count) & (this.#slots.length - 1)] = batch;
    this.#count++;
    this.#ownBytes += ownBytes(batch);
    if (batch.slab !== null) this.#slabs.hold(batch.slab);
  }

  /** Drops what exceeds the budget, as far as it is in segments. */
  trim(): void {
    const mask = this.#slots.length - 1;
    while (this.#count > 0 && this.bytes > this.#budgetBytes) {
      const batch = this.#slots[this.#first & mask]!;
      if (batch.isInMemory) {
        const { log } = batch;
        if (batch.lastOffset >= log.writtenOffset) {
          this.#writeOldest();
          return;
        }
        log.tail.shift();
        this.#letGo(batch);
      }
      this.#slots[this.#first & mask] = null;
      this.#first = (this.#first + 1) & mask;
      this.#count--;
    }
  }

  /**
   * Writes the partitions of the oldest batches, several beside each other: with many partitions the writes are small, and one after the other each
   * would wait for a turn of the event loop. What is not durable yet cannot be written; the group commit that makes it so trims again.
   */
  #writeOldest(): void {
    const mask = this.#slots.length - 1;
    const end = Math.min(this.#count, LOOK_AHEAD);
    for (let i = 0; i < end; i++) {
      const batch = this.#slots[(this.#first + i) & mask]!;
      const { log } = batch;
      if (!batch.isInMemory || batch.lastOffset < log.writtenOffset) continue;
      if (batch.baseOffset >= log.highWatermark || !this.#write(log)) return;
    }
  }

  /** Batches were taken back or belong to a deleted topic: their memory is free at once. */
  drop(batches: readonly TailBatch[]): void {
    for (const batch of batches) this.#letGo(batch);
  }

  #letGo(batch: TailBatch): void {
    const { slab } = batch;
    this.#ownBytes -= ownBytes(batch);
    batch.slab = null;
    batch.own = null;
    if (slab !== null) this.#slabs.letGo(slab);
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

function ownBytes({ own }: TailBatch): number {
  return TAIL_BATCH_OVERHEAD + (own === null ? 0 : own.length);
}
