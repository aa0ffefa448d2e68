/**
 * The batches of one partition that are in memory, ascending: a ring that doubles when it is full. Indexes count up for ever and hold
 * until the next await. The oldest leave first; what is taken back leaves from the end.
 */
import { maxTimestamp } from "@ottla/protocol";
import type { PartitionLog } from "./partition-log.ts";
import type { Segment } from "./segment.ts";
import type { Slab } from "./slabs.ts";

/** A batch in memory: in a slab, or in a buffer of its own when it was large or found at start-up. */
export class TailBatch {
  readonly log: PartitionLog;
  readonly segment: Segment;
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** One of them holds its bytes; both are null once it left memory. */
  slab: Slab | null;
  own: Buffer | null;
  /** Where in the slab. */
  readonly at: number;

  constructor(
    log: PartitionLog,
    segment: Segment,
    position: number,
    sizeBytes: number,
    baseOffset: number,
    lastOffset: number,
    place: Buffer | Slab,
    at: number,
  ) {
    this.log = log;
    this.segment = segment;
    this.position = position;
    this.sizeBytes = sizeBytes;
    this.baseOffset = baseOffset;
    this.lastOffset = lastOffset;
    this.slab = Buffer.isBuffer(place) ? null : place;
    this.own = Buffer.isBuffer(place) ? place : null;
    this.at = at;
  }

  get isInMemory(): boolean {
    return this.slab !== null || this.own !== null;
  }

  /** While it is in memory: that of its header. */
  get maxTimestamp(): number {
    return this.own === null ? maxTimestamp(this.slab!.bytes, this.at) : maxTimestamp(this.own, 0);
  }

  /** Its bytes, while it is in memory: a view that holds until then, or for as long as a reader holds the slab. */
  get bytes(): Buffer {
    return this.own ?? this.slab!.bytes.subarray(this.at, this.at + this.sizeBytes);
  }

  /** Copies its bytes, without a view of them. */
  copyTo(target: Uint8Array, at: number): void {
    if (this.own !== null) this.own.copy(target, at);
    else this.slab!.bytes.copy(target, at, this.at, this.at + this.sizeBytes);
  }
}

/** What memory a batch costs beside its bytes and its share of a group's directory: its entry, its places in two rings, offsets above 2^31. */
export const TAIL_BATCH_OVERHEAD = 160;

const SMALLEST_RING = 8;
/** A larger ring that falls empty is given up: a burst of one partition must not be paid for by ten thousand idle ones. */
const KEPT_RING = 64;
const NO_SLOTS: (TailBatch | null)[] = [];

export class PartitionTail {
  /** A power of two; empty slots are null. */
  #slots = NO_SLOTS;
  #first = 0;
  #end = 0;
  /** The first that is not in its segment, unless that is before the oldest. */
  #unwritten = 0;

  /** As that of the partition. */
  touch(): number {
    return this.#slots[this.#end & (this.#slots.length - 1)] === null ? 1 : 0;
  }

  /** Adds a batch behind all others. */
  push(batch: TailBatch): void {
    if (this.#end - this.#first === this.#slots.length) this.#grow();
    this.#slots[this.#end & (this.#slots.length - 1)] = batch;
    this.#end++;
  }

  oldest(): TailBatch | null {
    return this.at(this.#first);
  }

  newest(): TailBatch | null {
    return this.at(this.#end - 1);
  }

  /** The oldest batch leaves. */
  shift(): void {
    this.#slots[this.#first & (this.#slots.length - 1)] = null;
    this.#first++;
    this.#giveUpEmpty();
  }

  /** The newest batch leaves. */
  pop(): void {
    this.#end--;
    this.#slots[this.#end & (this.#slots.length - 1)] = null;
    if (this.#unwritten > this.#end) this.#unwritten = this.#end;
    this.#giveUpEmpty();
  }

  /** All leave. */
  clear(): TailBatch[] {
    const cleared: TailBatch[] = [];
    for (let batch = this.oldest(); batch !== null; batch = this.oldest()) {
      cleared.push(batch);
      this.shift();
    }
    return cleared;
  }

  /** The batch that holds `offset`, as an index for {@link at}; −1 when memory does not reach that far back. */
  indexOf(offset: number): number {
    let low = this.#first;
    let high = this.#end - 1;
    if (low > high || this.at(low)!.baseOffset > offset) return -1;
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2);
      if (this.at(middle)!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** null behind the last and before the first. */
  at(index: number): TailBatch | null {
    if (index < this.#first || index >= this.#end) return null;
    return this.#slots[index & (this.#slots.length - 1)]!;
  }

  /** Index of the first batch that is not in its segment. */
  firstUnwrittenIndex(): number {
    return Math.max(this.#unwritten, this.#first);
  }

  /** Everything below `nextOffset` is in its segment. @returns the bytes of the batches that this is new for. */
  markWritten(nextOffset: number): number {
    let bytes = 0;
    let index = this.firstUnwrittenIndex();
    for (let batch = this.at(index); batch !== null; batch = this.at(index)) {
      if (batch.baseOffset >= nextOffset) break;
      bytes += batch.sizeBytes;
      index++;
    }
    this.#unwritten = index;
    return bytes;
  }

  #giveUpEmpty(): void {
    if (this.#first === this.#end && this.#slots.length > KEPT_RING) this.#slots = NO_SLOTS;
  }

  #grow(): void {
    const slots = this.#slots;
    const larger: (TailBatch | null)[] = new Array(Math.max(SMALLEST_RING, slots.length * 2)).fill(
      null,
    );
    for (let index = this.#first; index < this.#end; index++) {
      larger[index & (larger.length - 1)] = slots[index & (slots.length - 1)]!;
    }
    this.#slots = larger;
  }
}
