/**
 * The batches of one partition that are in memory, ascending: a ring that doubles when it is full. Indexes count up for ever and hold
 * until the next await. The oldest leave first; what is taken back leaves from the end.
 *
 * There may be a million of them, so they are no objects, which the garbage collector would visit and move: the ring is one array for
 * each kind of number.
 */
import { maxTimestamp } from "@ottla/protocol";
import type { Segment } from "./segment.ts";
import { Slab } from "./slabs.ts";

/** Where a batch is: in a slab, or in a buffer of its own when it was large or found at start-up. */
export type BatchHolder = Slab | Buffer;

/** What memory a batch costs beside its bytes and its share of a group's directory: its places in the rings, which may be half empty. */
export const TAIL_BATCH_OVERHEAD = 64;

const SMALLEST_RING = 8;
/** A larger ring that falls empty is given up: a burst of one partition must not be paid for by ten thousand idle ones. */
const KEPT_RING = 64;
/** Of a batch among {@link PartitionTail.#numbers}, and at which of its places they are. */
const NUMBERS = 4;
const POSITION = 0;
const SIZE = 1;
const AT = 2;
const LAST_DELTA = 3;

const NO_HOLDERS: (BatchHolder | null)[] = [];
const NO_BASES = new Float64Array(0);
const NO_NUMBERS = new Int32Array(0);

export class PartitionTail {
  /** As many as a power of two; null where no batch is. */
  #holders = NO_HOLDERS;
  /** Base offsets. */
  #bases = NO_BASES;
  /** Position in the segment, size, place in the holder, offsets up to the last one. */
  #numbers = NO_NUMBERS;
  #first = 0;
  #end = 0;
  /** The first that is not in its segment, unless that is before the oldest. */
  #unwritten = 0;
  /** From which index on batches are in which segment; one more each time a segment is rolled. */
  #segments: { readonly from: number; readonly segment: Segment }[] = [];

  /** Index of the oldest batch. */
  get first(): number {
    return this.#first;
  }

  /** Index behind the newest batch. */
  get end(): number {
    return this.#end;
  }

  /** As that of the partition. */
  touch(): number {
    const slot = this.#end & (this.#holders.length - 1);
    return this.#holders[slot] === null ? this.#numbers[slot * NUMBERS]! + this.#bases[slot]! : 0;
  }

  /** Adds a batch behind all others. `at` is where in its slab it is. */
  push(
    segment: Segment,
    position: number,
    sizeBytes: number,
    baseOffset: number,
    lastOffset: number,
    holder: BatchHolder,
    at: number,
  ): void {
    if (this.#end - this.#first === this.#holders.length) this.#grow();
    const slot = this.#end & (this.#holders.length - 1);
    this.#holders[slot] = holder;
    this.#bases[slot] = baseOffset;
    const numbers = this.#numbers;
    const start = slot * NUMBERS;
    numbers[start + POSITION] = position;
    numbers[start + SIZE] = sizeBytes;
    numbers[start + AT] = at;
    numbers[start + LAST_DELTA] = lastOffset - baseOffset;
    const { length } = this.#segments;
    if (length === 0 || this.#segments[length - 1]!.segment !== segment) {
      this.#segments.push({ from: this.#end, segment });
    }
    this.#end++;
  }

  /** Whether there is a batch of this index. */
  has(index: number): boolean {
    return index >= this.#first && index < this.#end;
  }

  baseOffset(index: number): number {
    return this.#bases[this.#slot(index)]!;
  }

  lastOffset(index: number): number {
    const slot = this.#slot(index);
    return this.#bases[slot]! + this.#numbers[slot * NUMBERS + LAST_DELTA]!;
  }

  /** Where in its segment. */
  position(index: number): number {
    return this.#numbers[this.#slot(index) * NUMBERS + POSITION]!;
  }

  sizeBytes(index: number): number {
    return this.#numbers[this.#slot(index) * NUMBERS + SIZE]!;
  }

  segment(index: number): Segment {
    let run = this.#segments.length - 1;
    while (this.#segments[run]!.from > index) run--;
    return this.#segments[run]!.segment;
  }

  /** null when the batch has a buffer of its own. */
  slab(index: number): Slab | null {
    const holder = this.#holders[this.#slot(index)]!;
    return holder instanceof Slab ? holder : null;
  }

  /** Its bytes: a view that holds as long as it is in memory, or for as long as a reader holds the slab. */
  bytes(index: number): Buffer {
    const slot = this.#slot(index);
    const holder = this.#holders[slot]!;
    if (!(holder instanceof Slab)) return holder;
    const at = this.#numbers[slot * NUMBERS + AT]!;
    return holder.bytes.subarray(at, at + this.#numbers[slot * NUMBERS + SIZE]!);
  }

  /** Its address in the memory that the slabs of an engine share; −1 when it is elsewhere. */
  address(index: number): number {
    const slot = this.#slot(index);
    const holder = this.#holders[slot]!;
    if (!(holder instanceof Slab) || holder.address < 0) return -1;
    return holder.address + this.#numbers[slot * NUMBERS + AT]!;
  }

  /** That of its header. */
  maxTimestamp(index: number): number {
    const slot = this.#slot(index);
    const holder = this.#holders[slot]!;
    if (!(holder instanceof Slab)) return maxTimestamp(holder, 0);
    return maxTimestamp(holder.bytes, this.#numbers[slot * NUMBERS + AT]!);
  }

  /** Copies its bytes, without a view of them. */
  copyTo(index: number, target: Uint8Array, targetAt: number): void {
    const slot = this.#slot(index);
    const holder = this.#holders[slot]!;
    if (holder instanceof Slab) {
      const at = this.#numbers[slot * NUMBERS + AT]!;
      holder.bytes.copy(target, targetAt, at, at + this.#numbers[slot * NUMBERS + SIZE]!);
    } else holder.copy(target, targetAt);
  }

  /** The batches before `index` leave. @returns how many. */
  dropBefore(index: number): number {
    const from = this.#first;
    const end = Math.min(index, this.#end);
    if (end <= from) return 0;
    for (let i = from; i < end; i++) this.#holders[this.#slot(i)] = null;
    this.#first = end;
    while (this.#segments.length > 1 && this.#segments[1]!.from <= end) this.#segments.shift();
    this.#giveUpEmpty();
    return end - from;
  }

  /** The batches from `index` on leave. @returns how many. */
  dropFrom(index: number): number {
    const end = this.#end;
    const from = Math.max(index, this.#first);
    for (let i = from; i < end; i++) this.#holders[this.#slot(i)] = null;
    this.#end = Math.min(end, from);
    if (this.#unwritten > this.#end) this.#unwritten = this.#end;
    while (this.#segments.length > 0 && this.#segments.at(-1)!.from >= this.#end) {
      this.#segments.pop();
    }
    this.#giveUpEmpty();
    return end - this.#end;
  }

  /** All leave. @returns how many there were. */
  clear(): number {
    return this.dropBefore(this.#end);
  }

  /** Index of the batch that holds `offset`; −1 when memory does not reach that far back. */
  indexOf(offset: number): number {
    let low = this.#first;
    let high = this.#end - 1;
    if (low > high || this.baseOffset(low) > offset) return -1;
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2);
      if (this.baseOffset(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Index of the first batch that is not in its segment. */
  get firstUnwritten(): number {
    return Math.max(this.#unwritten, this.#first);
  }

  /** Everything below `nextOffset` is in its segment. @returns the bytes of the batches that this is new for. */
  markWritten(nextOffset: number): number {
    let bytes = 0;
    let index = this.firstUnwritten;
    for (; index < this.#end && this.baseOffset(index) < nextOffset; index++) {
      bytes += this.sizeBytes(index);
    }
    this.#unwritten = index;
    return bytes;
  }

  #slot(index: number): number {
    return index & (this.#holders.length - 1);
  }

  #giveUpEmpty(): void {
    if (this.#first < this.#end) return;
    this.#segments = [];
    if (this.#holders.length <= KEPT_RING) return;
    this.#holders = NO_HOLDERS;
    this.#bases = NO_BASES;
    this.#numbers = NO_NUMBERS;
  }

  #grow(): void {
    const { length } = this.#holders;
    const larger = Math.max(SMALLEST_RING, length * 2);
    const holders: (BatchHolder | null)[] = new Array(larger).fill(null);
    const bases = new Float64Array(larger);
    const numbers = new Int32Array(larger * NUMBERS);
    for (let index = this.#first; index < this.#end; index++) {
      const from = index & (length - 1);
      const to = index & (larger - 1);
      holders[to] = this.#holders[from]!;
      bases[to] = this.#bases[from]!;
      for (let i = 0; i < NUMBERS; i++) {
        numbers[to * NUMBERS + i] = this.#numbers[from * NUMBERS + i]!;
      }
    }
    this.#holders = holders;
    this.#bases = bases;
    this.#numbers = numbers;
  }
}
