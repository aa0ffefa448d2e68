/**
 * The batches of one partition that are in memory, ascending: a ring that doubles when it is full. Indexes count up for ever and hold
 * until the next await. The oldest leave first; what is taken back leaves from the end.
 *
 * There may be a million of them, so they are no objects, which the garbage collector would visit and move, but numbers in one array; that
 * of an idle partition is in no cache, and one array is one miss.
 */
import { maxTimestamp } from "@ottla/protocol";
import type { Segment } from "./segment.ts";
import { Slab } from "./slabs.ts";

/** Where a batch is: in a slab, or in a buffer of its own when it was large or found at start-up. */
export type BatchHolder = Slab | Buffer;

/** What memory a batch costs beside its bytes and its share of a group's directory: its numbers in a ring that may be half empty. */
export const TAIL_BATCH_OVERHEAD = 64;

const SMALLEST_RING = 8;
/** A larger ring that falls empty is given up: a burst of one partition must not be paid for by ten thousand idle ones. */
const KEPT_RING = 64;
/** Of a batch in the ring, and at which of its places they are. */
const NUMBERS = 5;
const BASE = 0;
const LAST = 1;
const POSITION = 2;
const SIZE = 3;
const PLACE = 4;

const NO_RING = new Float64Array(0);

/** Batches in a row that have something in common. */
interface Run<T> {
  /** Index of the first. */
  readonly from: number;
  readonly value: T;
}

export class PartitionTail {
  /**
   * Of each batch: base offset, last offset, position in its segment, size, and place. That is an address in the arena or, for what lies elsewhere,
   * −1 less where in its holder.
   */
  #ring = NO_RING;
  /** Of slots less one; slots are as many as a power of two. */
  #mask = -1;
  #first = 0;
  #end = 0;
  /** The first that is not in its segment, unless that is before the oldest. */
  #unwritten = 0;
  /** Of the newest batch. */
  #segment: Segment | null = null;
  #holder: BatchHolder | null = null;
  #segments: Run<Segment>[] = [];
  #holders: Run<BatchHolder>[] = [];

  /** Index of the oldest batch. */
  get first(): number {
    return this.#first;
  }

  /** Index behind the newest batch. */
  get end(): number {
    return this.#end;
  }

  /** As that of the partition: both ends of what a batch will take, which may be in two cache lines. */
  touch(): number {
    const ring = this.#ring;
    const start = (this.#end & this.#mask) * NUMBERS;
    return ring.length === 0 ? 0 : ring[start + BASE]! + ring[start + PLACE]!;
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
    const end = this.#end;
    if (end - this.#first > this.#mask) this.#grow();
    if (segment !== this.#segment) {
      this.#segment = segment;
      this.#segments.push({ from: end, value: segment });
    }
    if (holder !== this.#holder) {
      this.#holder = holder;
      this.#holders.push({ from: end, value: holder });
    }
    const ring = this.#ring;
    const start = (end & this.#mask) * NUMBERS;
    ring[start + BASE] = baseOffset;
    ring[start + LAST] = lastOffset;
    ring[start + POSITION] = position;
    ring[start + SIZE] = sizeBytes;
    ring[start + PLACE] =
      holder instanceof Slab && holder.address >= 0 ? holder.address + at : -1 - at;
    this.#end = end + 1;
  }

  /** Whether there is a batch of this index. */
  has(index: number): boolean {
    return index >= this.#first && index < this.#end;
  }

  baseOffset(index: number): number {
    return this.#ring[(index & this.#mask) * NUMBERS + BASE]!;
  }

  lastOffset(index: number): number {
    return this.#ring[(index & this.#mask) * NUMBERS + LAST]!;
  }

  /** Where in its segment. */
  position(index: number): number {
    return this.#ring[(index & this.#mask) * NUMBERS + POSITION]!;
  }

  sizeBytes(index: number): number {
    return this.#ring[(index & this.#mask) * NUMBERS + SIZE]!;
  }

  segment(index: number): Segment {
    return find(this.#segments, index);
  }

  /** null when the batch has a buffer of its own. */
  slab(index: number): Slab | null {
    const holder = find(this.#holders, index);
    return holder instanceof Slab ? holder : null;
  }

  /** Its bytes: a view that holds as long as it is in memory, or for as long as a reader holds the slab. */
  bytes(index: number): Buffer {
    const holder = find(this.#holders, index);
    if (!(holder instanceof Slab)) return holder;
    const at = this.#placeIn(holder, index);
    return holder.bytes.subarray(at, at + this.sizeBytes(index));
  }

  /** Its address in the arena, which the slabs of an engine share; −1 when it is elsewhere. */
  address(index: number): number {
    return Math.max(-1, this.#ring[(index & this.#mask) * NUMBERS + PLACE]!);
  }

  /** That of its header. */
  maxTimestamp(index: number): number {
    const holder = find(this.#holders, index);
    return maxTimestamp(bytesOf(holder), this.#placeIn(holder, index));
  }

  /** Copies its bytes, without a view of them. */
  copyTo(index: number, target: Uint8Array, targetAt: number): void {
    const holder = find(this.#holders, index);
    const at = this.#placeIn(holder, index);
    bytesOf(holder).copy(target, targetAt, at, at + this.sizeBytes(index));
  }

  /** The batches before `index` leave. @returns how many. */
  dropBefore(index: number): number {
    const from = this.#first;
    const end = Math.min(index, this.#end);
    if (end <= from) return 0;
    this.#first = end;
    dropRunsBefore(this.#segments, end);
    dropRunsBefore(this.#holders, end);
    this.#giveUpEmpty();
    return end - from;
  }

  /** The batches from `index` on leave. @returns how many. */
  dropFrom(index: number): number {
    const end = this.#end;
    const from = Math.max(index, this.#first);
    if (from >= end) return 0;
    this.#end = from;
    if (this.#unwritten > from) this.#unwritten = from;
    this.#segment = dropRunsFrom(this.#segments, from);
    this.#holder = dropRunsFrom(this.#holders, from);
    this.#giveUpEmpty();
    return end - from;
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

  #placeIn(holder: BatchHolder, index: number): number {
    const place = this.#ring[(index & this.#mask) * NUMBERS + PLACE]!;
    return place < 0 ? -1 - place : place - (holder as Slab).address;
  }

  #giveUpEmpty(): void {
    if (this.#first < this.#end) return;
    this.#segment = null;
    this.#holder = null;
    this.#segments = [];
    this.#holders = [];
    if (this.#mask < KEPT_RING) return;
    this.#ring = NO_RING;
    this.#mask = -1;
  }

  #grow(): void {
    const mask = Math.max(SMALLEST_RING, (this.#mask + 1) * 2) - 1;
    const ring = new Float64Array((mask + 1) * NUMBERS);
    for (let index = this.#first; index < this.#end; index++) {
      const from = (index & this.#mask) * NUMBERS;
      ring.set(this.#ring.subarray(from, from + NUMBERS), (index & mask) * NUMBERS);
    }
    this.#ring = ring;
    this.#mask = mask;
  }
}

function bytesOf(holder: BatchHolder): Buffer {
  return holder instanceof Slab ? holder.bytes : holder;
}

/** What the batch of this index shares with others. */
function find<T>(runs: readonly Run<T>[], index: number): T {
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (runs[middle]!.from <= index) low = middle;
    else high = middle - 1;
  }
  return runs[low]!.value;
}

function dropRunsBefore(runs: Run<unknown>[], first: number): void {
  let dropped = 0;
  while (dropped + 1 < runs.length && runs[dropped + 1]!.from <= first) dropped++;
  if (dropped === 0) return;
  for (let i = dropped; i < runs.length; i++) runs[i - dropped] = runs[i]!;
  runs.length -= dropped;
}

/** @returns what the newest batch has. */
function dropRunsFrom<T>(runs: Run<T>[], end: number): T | null {
  while (runs.length > 0 && runs[runs.length - 1]!.from >= end) runs.pop();
  return runs[runs.length - 1]?.value ?? null;
}
