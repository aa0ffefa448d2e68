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
/** A larger ring that is hardly used shrinks, and is given up when it is empty: what one burst took must not stay for ever. */
const KEPT_RING = 64;
/** Of a batch in the ring, and at which of its places they are. */
const NUMBERS = 5;
const BASE = 0;
const LAST = 1;
const POSITION = 2;
const SIZE = 3;
const PLACE = 4;

const NO_RING = new Float64Array(0);

/**
 * The same number. What comes out of a Float64Array is a double to V8, even when it is small and whole, and a double in a field that held small
 * integers gives all objects of the class another shape, one by one, while compiled code that knows the old one is thrown away.
 */
function integer(value: number): number {
  const small = value | 0;
  return small === value ? small : value;
}

/** Batches in a row that have something in common. */
interface Stretch<T> {
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
  #segments: Stretch<Segment>[] = [];
  #holders: Stretch<BatchHolder>[] = [];

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
    return this.#end + this.#ring.length + (this.#holder === null ? 0 : 1);
  }

  /** Both ends of what a batch will take, which may be in two cache lines. */
  touchNumbers(): number {
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
    if (end - this.#first > this.#mask) this.#resize(Math.max(SMALLEST_RING, (this.#mask + 1) * 2));
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
    return integer(this.#ring[(index & this.#mask) * NUMBERS + BASE]!);
  }

  lastOffset(index: number): number {
    return integer(this.#ring[(index & this.#mask) * NUMBERS + LAST]!);
  }

  /** Where in its segment. */
  position(index: number): number {
    return integer(this.#ring[(index & this.#mask) * NUMBERS + POSITION]!);
  }

  sizeBytes(index: number): number {
    return integer(this.#ring[(index & this.#mask) * NUMBERS + SIZE]!);
  }

  segment(index: number): Segment {
    return find(this.#segments, index);
  }

  /** null when the batch has a buffer of its own. */
  slab(index: number): Slab | null {
    const holder = find(this.#holders, index);
    return holder instanceof Slab ? holder : null;
  }

  /** Whether any batch lies in it. */
  isIn(holder: BatchHolder): boolean {
    return this.#holders.some(({ value }) => value === holder);
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
    dropStretchesBefore(this.#segments, end);
    dropStretchesBefore(this.#holders, end);
    this.#giveUpUnused();
    return end - from;
  }

  /** The batches from `index` on leave. @returns how many. */
  dropFrom(index: number): number {
    const end = this.#end;
    const from = Math.max(index, this.#first);
    if (from >= end) return 0;
    this.#end = from;
    if (this.#unwritten > from) this.#unwritten = from;
    this.#segment = dropStretchesFrom(this.#segments, from);
    this.#holder = dropStretchesFrom(this.#holders, from);
    this.#giveUpUnused();
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

  #giveUpUnused(): void {
    const used = this.#end - this.#first;
    const slots = this.#mask + 1;
    if (used === 0) {
      this.#segment = null;
      this.#holder = null;
      this.#segments = [];
      this.#holders = [];
    }
    if (slots <= KEPT_RING || used > slots / 8) return;
    if (used > 0) this.#resize(slots / 4);
    else {
      this.#ring = NO_RING;
      this.#mask = -1;
    }
  }

  #resize(slots: number): void {
    const old = this.#ring;
    const oldMask = this.#mask;
    const mask = slots - 1;
    const ring = new Float64Array(slots * NUMBERS);
    for (let index = this.#first; index < this.#end; ) {
      const from = index & oldMask;
      const to = index & mask;
      const count = Math.min(this.#end - index, oldMask + 1 - from, slots - to);
      ring.set(old.subarray(from * NUMBERS, (from + count) * NUMBERS), to * NUMBERS);
      index += count;
    }
    this.#ring = ring;
    this.#mask = mask;
  }
}

function bytesOf(holder: BatchHolder): Buffer {
  return holder instanceof Slab ? holder.bytes : holder;
}

/** What the batch of this index shares with others. */
function find<T>(stretches: readonly Stretch<T>[], index: number): T {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (stretches[middle]!.from <= index) low = middle;
    else high = middle - 1;
  }
  return stretches[low]!.value;
}

function dropStretchesBefore(stretches: Stretch<unknown>[], first: number): void {
  let dropped = 0;
  while (dropped + 1 < stretches.length && stretches[dropped + 1]!.from <= first) dropped++;
  if (dropped === 0) return;
  for (let i = dropped; i < stretches.length; i++) stretches[i - dropped] = stretches[i]!;
  stretches.length -= dropped;
}

/** @returns what the newest batch has. */
function dropStretchesFrom<T>(stretches: Stretch<T>[], end: number): T | null {
  while (stretches.length > 0 && stretches[stretches.length - 1]!.from >= end) stretches.pop();
  return stretches[stretches.length - 1]?.value ?? null;
}
