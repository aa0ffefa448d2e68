/**
 * The batches that an engine keeps in memory, oldest first over all partitions, within one budget of bytes. Batches leave when the budget
 * is exceeded and they are in their segments; if the oldest are not, their partitions are written first. When it is exceeded by as much as
 * its least, {@link TailMemory.isFull} says so and appends wait. Between the two lies what is appended while all partitions are written once:
 * before that nothing can leave, as the oldest batches are of all of them.
 *
 * What is in memory of a partition when its oldest batches have to leave goes to its segment in one write. With a thousand partitions these
 * writes would be small and cost more than all the rest, so the budget grows with the partitions that are being written.
 *
 * Most batches lie in slabs, whose memory is free when the last batch in them has left. So they leave by slabs: of each that was retired the tail
 * knows the partitions with batches in it, and up to which batch of each. Batches with buffers of their own leave some together.
 */
import type { PartitionLog } from "./partition-log.ts";
import { type BatchHolder, TAIL_BATCH_OVERHEAD } from "./partition-tail.ts";
import { Slab, type Slabs } from "./slabs.ts";

/** What the budget allows each partition, within {@link LARGEST_FACTOR}. */
const BYTES_PER_PARTITION = 163_840;
/** How much larger the budget may be with many partitions than with few. */
const LARGEST_FACTOR = 2.5;
/** How many partitions behind the oldest batch's are looked at for further ones to write. */
const LOOK_AHEAD = 64;

/** From how many bytes on batches with buffers of their own leave together. */
const OWN_PART_BYTES = 262_144;

/** Batches that leave together. */
interface Part {
  /** The partitions whose batches they are, oldest first. */
  readonly logs: PartitionLog[];
  /** Of each the index behind its last batch. */
  readonly ends: number[];
  /** What they lie in, held for them; null for those with buffers of their own. */
  readonly slab: Slab | null;
  /** Of those buffers. */
  readonly sizes: number[];
  ownBytes: number;
  /** The first partition whose batches are still here. */
  next: number;
}

/** What appends that may make room can take beyond what others can, in slabs. */
const SPARE_SLABS = 2;

/** The most memory that slabs take while nobody but the tail and the journal hold any. */
export function mostTailBytes(budgetBytes: number): number {
  return Math.ceil(budgetBytes * (LARGEST_FACTOR + 1));
}

export class TailMemory {
  readonly #smallestBytes: number;
  #budgetBytes: number;
  readonly #slabs: Slabs;
  readonly #write: (log: PartitionLog) => boolean;
  /** Oldest first, from {@link TailMemory.#oldest} on. */
  #parts: Part[] = [];
  #oldest = 0;
  /** The slab that took in the newest batch. */
  #newest: Slab | null = null;
  /** The part that took in the newest batch with a buffer of its own, while it may take in more. */
  #own: Part | null = null;
  #batches = 0;
  #ownBytes = 0;

  /** `write` is called with a partition whose oldest batch must go to its segment, and says whether there may be another beside it. */
  constructor(budgetBytes: number, slabs: Slabs, write: (log: PartitionLog) => boolean) {
    this.#smallestBytes = budgetBytes;
    this.#budgetBytes = budgetBytes;
    this.#slabs = slabs;
    this.#write = write;
    slabs.onRetired = (slab) => this.#close(slab);
  }

  get bytes(): number {
    return this.#ownBytes + this.#batches * TAIL_BATCH_OVERHEAD + this.#slabs.retiredBytes;
  }

  get isFull(): boolean {
    return this.bytes > this.#budgetBytes + this.#smallestBytes;
  }

  /** Whether it is so full that not even those appends go on which may make room. */
  get isFullForAll(): boolean {
    const spareBytes = SPARE_SLABS * this.#slabs.sizeBytes;
    return this.bytes > this.#budgetBytes + this.#smallestBytes + spareBytes;
  }

  /** Fits the budget to the number of partitions that are being written. */
  fit(partitions: number): void {
    const wanted = Math.max(this.#smallestBytes, partitions * BYTES_PER_PARTITION);
    this.#budgetBytes = Math.min(wanted, this.#smallestBytes * LARGEST_FACTOR);
  }

  /** Counts the newest batch of the partition. */
  add(log: PartitionLog, holder: BatchHolder): void {
    this.#batches++;
    if (holder instanceof Slab) {
      this.#newest = holder;
      if (log.newestFill === holder.fill) return;
      log.newestFill = holder.fill;
      holder.logs.push(log);
    } else {
      const own = this.#ownPart();
      own.logs.push(log);
      own.ends.push(log.tail.end);
      own.ownBytes += holder.length;
      own.sizes.push(holder.length);
      this.#ownBytes += holder.length;
      if (own.ownBytes >= OWN_PART_BYTES) this.#own = null;
    }
  }

  /** So many batches were taken back, belong to a deleted topic or were compacted. What they lie in leaves with its other batches. */
  forget(batches: number): void {
    this.#batches -= batches;
  }

  /** After many batches were forgotten: gives up what nobody needs any more, rather than others to make room for it. */
  sweep(): void {
    const parts = this.#parts.slice(this.#oldest);
    for (const part of parts) if (part.slab === null) this.#sweepOwn(part);
    const isNeeded = (part: Part) =>
      part.slab === null ? part.ownBytes > 0 : isAlive(part.slab, part.logs);
    this.#parts = parts.filter(isNeeded);
    this.#oldest = 0;
    for (const part of parts) if (!isNeeded(part)) this.#release(part);
  }

  #sweepOwn(part: Part): void {
    for (let i = part.next; i < part.logs.length; i++) {
      if (part.logs[i]!.tail.has(part.ends[i]! - 1)) continue;
      part.ownBytes -= part.sizes[i]!;
      this.#ownBytes -= part.sizes[i]!;
      part.sizes[i] = 0;
    }
  }

  /** Drops what exceeds the budget, as far as it is in segments. */
  trim(): void {
    while (this.bytes > this.#budgetBytes) {
      const part = this.#oldestPart();
      if (part === null) return;
      for (; part.next < part.logs.length; part.next++) {
        const { tail } = part.logs[part.next]!;
        const end = part.ends[part.next]!;
        if (tail.firstUnwritten < Math.min(end, tail.end)) {
          this.#writeOldest(part);
          return;
        }
        this.#batches -= tail.dropBefore(end);
      }
      this.#leave(part);
    }
  }

  /** The part that leaves next; where no slab is retired, what is in the one that is being filled. */
  #oldestPart(): Part | null {
    if (this.#oldest === this.#parts.length && this.#newest !== null) this.#close(this.#newest);
    return this.#parts[this.#oldest] ?? null;
  }

  #ownPart(): Part {
    if (this.#own === null) {
      this.#own = { logs: [], ends: [], slab: null, sizes: [], ownBytes: 0, next: 0 };
      this.#parts.push(this.#own);
    }
    return this.#own;
  }

  /** The batches in the slab leave together. */
  #close(slab: Slab): void {
    if (slab === this.#newest) this.#newest = null;
    const logs = this.#slabs.refill(slab);
    if (!isAlive(slab, logs)) return;
    this.#slabs.hold(slab);
    const ends = logs.map(({ tail }) => tail.end);
    this.#parts.push({ logs, ends, slab, sizes: [], ownBytes: 0, next: 0 });
  }

  #leave(part: Part): void {
    this.#release(part);
    this.#oldest++;
    if (this.#oldest * 2 < this.#parts.length) return;
    this.#parts = this.#parts.slice(this.#oldest);
    this.#oldest = 0;
  }

  #release(part: Part): void {
    if (part === this.#own) this.#own = null;
    this.#ownBytes -= part.ownBytes;
    if (part.slab !== null) this.#slabs.letGo(part.slab);
  }

  /**
   * Writes the partitions of the oldest batches, several beside each other: with many partitions the writes are small, and one after the other each
   * would wait for a turn of the event loop. What is not durable yet cannot be written; the group commit that makes it so trims again.
   */
  #writeOldest({ logs, ends, next }: Part): void {
    const last = Math.min(logs.length, next + LOOK_AHEAD);
    for (let i = next; i < last; i++) {
      const log = logs[i]!;
      const { tail } = log;
      const index = tail.firstUnwritten;
      if (index >= Math.min(ends[i]!, tail.end)) continue;
      if (tail.baseOffset(index) >= log.highWatermark || !this.#write(log)) return;
    }
  }
}

/** Whether a batch of any of these partitions lies in the slab. */
function isAlive(slab: Slab, logs: readonly PartitionLog[]): boolean {
  return logs.some(({ tail }) => tail.isIn(slab));
}
