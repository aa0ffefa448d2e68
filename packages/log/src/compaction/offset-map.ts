/**
 * The last offset of each key in the dirty part of a log, within a bound of bytes.
 *
 * Keys are compared byte by byte, so no key is ever taken for another; one of more than {@link EXACT_KEY_BYTES} stands there as its SHA-256. When
 * another key would not fit, {@link OffsetMap.put} says no and the pass over the log ends there: the rest stays dirty for the next pass.
 *
 * Open addressing with linear probing over slots of {@link SLOT_NUMBERS} numbers side by side, as a lookup is a miss of the processor's cache; the keys
 * themselves lie one after the other in chunks, each behind a byte with its length. The hash is seeded, so nobody can choose keys that collide. The map grows with
 * its content: a small log costs little. It does so in shards, each at a load of its own, so that no put takes long.
 */
import { hash } from "node:crypto";

const EXACT_KEY_BYTES = 32;
/** What stands before a digest instead of a length, so that a key equal to it is another key. */
const DIGEST_TAG = 0xff;
/** Of a slot: hash, place in the chunks plus one (0 when it is empty), and the two halves of the offset. */
const SLOT_NUMBERS = 4;
const HASH = 0;
const PLACE = 1;
const OFFSET_LOW = 2;
const OFFSET_HIGH = 3;
const SLOT_BYTES = SLOT_NUMBERS * Int32Array.BYTES_PER_ELEMENT;
const TWO_TO_32 = 0x1_0000_0000;
const FIRST_CAPACITY = 8;
const CHUNK_BITS = 16;
const CHUNK_BYTES = 1 << CHUNK_BITS;
const SHARDS = 64;
/** Below this many bytes one shard is enough. */
const SHARDED_BYTES = 1_048_576;
/** How full the slots of the first and of the last shard may be before they are doubled. */
const LEAST_GROWING_LOAD = 0.5;
const MOST_GROWING_LOAD = 0.8;
/** How full they may get when there is no memory to double them. */
const LARGEST_LOAD = 0.9;

class Shard {
  slots = new Int32Array(FIRST_CAPACITY * SLOT_NUMBERS);
  capacity = FIRST_CAPACITY;
  count = 0;
  readonly growingLoad: number;

  constructor(growingLoad: number) {
    this.growingLoad = growingLoad;
  }

  grow(): void {
    const { slots } = this;
    const capacity = this.capacity * 2;
    const grown = new Int32Array(capacity * SLOT_NUMBERS);
    const mask = grown.length - 1;
    for (let from = 0; from < slots.length; from += SLOT_NUMBERS) {
      if (slots[from + PLACE] === 0) continue;
      let to = Math.imul(slots[from + HASH]!, SLOT_NUMBERS) & mask;
      while (grown[to + PLACE] !== 0) to = (to + SLOT_NUMBERS) & mask;
      for (let i = 0; i < SLOT_NUMBERS; i++) grown[to + i] = slots[from + i]!;
    }
    this.slots = grown;
    this.capacity = capacity;
  }
}

export class OffsetMap {
  readonly #maxBytes: number;
  readonly #seed: number;
  readonly #shards: Shard[] = [];
  #slotBytes = 0;
  #count = 0;
  readonly #chunks: Buffer[] = [];
  /** Where the next key goes. */
  #end = 0;

  /** `maxBytes` counts slots and keys; at least one chunk and the first slots are always there. */
  constructor(maxBytes: number, seed: number) {
    this.#maxBytes = maxBytes;
    this.#seed = seed | 0;
    const shards = maxBytes < SHARDED_BYTES ? 1 : SHARDS;
    for (let i = 0; i < shards; i++) {
      const load = LEAST_GROWING_LOAD + ((MOST_GROWING_LOAD - LEAST_GROWING_LOAD) * i) / shards;
      this.#shards.push(new Shard(load));
    }
    this.#slotBytes = shards * FIRST_CAPACITY * SLOT_BYTES;
  }

  /** Number of keys. */
  get size(): number {
    return this.#count;
  }

  /** Memory in use. */
  get bytes(): number {
    return this.#slotBytes + this.#chunks.length * CHUNK_BYTES;
  }

  /** Notes that the key in `[start, end)` has a record at `offset`. False, and nothing changed, when there is no room for another key. */
  put(buffer: Buffer, start: number, end: number, offset: number): boolean {
    if (end - start > EXACT_KEY_BYTES) {
      const digest = digestOf(buffer, start, end);
      return this.#put(digest, 0, digest.length, DIGEST_TAG, offset);
    }
    return this.#put(buffer, start, end, end - start, offset);
  }

  /** The offset last put for the key, or −1. */
  get(buffer: Buffer, start: number, end: number): number {
    if (end - start > EXACT_KEY_BYTES) {
      const digest = digestOf(buffer, start, end);
      return this.#get(digest, 0, digest.length, DIGEST_TAG);
    }
    return this.#get(buffer, start, end, end - start);
  }

  #put(buffer: Buffer, start: number, end: number, tag: number, offset: number): boolean {
    const hashed = this.#hash(buffer, start, end);
    const shard = this.#shardOf(hashed);
    let slot = this.#find(shard, buffer, start, end, tag, hashed);
    if (shard.slots[slot + PLACE] === 0) {
      if (!this.#makeRoom(shard)) return false;
      const place = this.#store(buffer, start, end, tag);
      if (place < 0) return false;
      slot = this.#find(shard, buffer, start, end, tag, hashed);
      shard.slots[slot + HASH] = hashed;
      shard.slots[slot + PLACE] = place + 1;
      shard.count++;
      this.#count++;
    }
    shard.slots[slot + OFFSET_LOW] = offset;
    shard.slots[slot + OFFSET_HIGH] = Math.floor(offset / TWO_TO_32);
    return true;
  }

  #get(buffer: Buffer, start: number, end: number, tag: number): number {
    const hashed = this.#hash(buffer, start, end);
    const shard = this.#shardOf(hashed);
    const slot = this.#find(shard, buffer, start, end, tag, hashed);
    const { slots } = shard;
    if (slots[slot + PLACE] === 0) return -1;
    return slots[slot + OFFSET_HIGH]! * TWO_TO_32 + (slots[slot + OFFSET_LOW]! >>> 0);
  }

  /** By the upper bits of the hash; slots go by the lower ones. */
  #shardOf(hashed: number): Shard {
    return this.#shards[(hashed >>> 26) & (this.#shards.length - 1)]!;
  }

  /** Where the key's slot starts, or the empty one where it would go. */
  #find(
    shard: Shard,
    buffer: Buffer,
    start: number,
    end: number,
    tag: number,
    hashed: number,
  ): number {
    const { slots } = shard;
    const mask = slots.length - 1;
    for (let slot = Math.imul(hashed, SLOT_NUMBERS) & mask; ; slot = (slot + SLOT_NUMBERS) & mask) {
      const place = slots[slot + PLACE]!;
      if (place === 0) return slot;
      if (slots[slot + HASH] === hashed && this.#isAt((place >>> 0) - 1, buffer, start, end, tag)) {
        return slot;
      }
    }
  }

  #isAt(place: number, buffer: Buffer, start: number, end: number, tag: number): boolean {
    const chunk = this.#chunks[place >>> CHUNK_BITS]!;
    let at = place & (CHUNK_BYTES - 1);
    if (chunk[at++] !== tag) return false;
    for (let i = start; i < end; i++) if (chunk[at++] !== buffer[i]) return false;
    return true;
  }

  /** Makes sure of an empty slot, growing the slots when they are full enough. */
  #makeRoom(shard: Shard): boolean {
    if (shard.count + 1 <= shard.capacity * shard.growingLoad) return true;
    const grownBytes = shard.capacity * SLOT_BYTES;
    // Old and new slots are there together for a moment.
    if (this.bytes + 2 * grownBytes > this.#maxBytes) {
      return shard.count + 1 <= shard.capacity * LARGEST_LOAD;
    }
    shard.grow();
    this.#slotBytes += grownBytes;
    return true;
  }

  /** Copies the key into the chunks; −1 when there is no room. */
  #store(buffer: Buffer, start: number, end: number, tag: number): number {
    const needed = 1 + end - start;
    let at = this.#end % CHUNK_BYTES;
    if (
      this.#chunks.length === 0 ||
      this.#end === this.#chunks.length * CHUNK_BYTES ||
      at + needed > CHUNK_BYTES
    ) {
      if (this.#chunks.length > 0 && this.bytes + CHUNK_BYTES > this.#maxBytes) return -1;
      this.#end = this.#chunks.length * CHUNK_BYTES;
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      at = 0;
    }
    const chunk = this.#chunks[this.#chunks.length - 1]!;
    chunk[at] = tag;
    buffer.copy(chunk, at + 1, start, end);
    const place = this.#end;
    this.#end += needed;
    return place;
  }

  #hash(buffer: Buffer, start: number, end: number): number {
    let value = this.#seed ^ (end - start);
    for (let i = start; i < end; i++) value = Math.imul(value ^ buffer[i]!, 0x0100_0193);
    value ^= value >>> 16;
    value = Math.imul(value, 0x85eb_ca6b);
    return value ^ (value >>> 13);
  }
}

function digestOf(buffer: Buffer, start: number, end: number): Buffer {
  return hash("sha256", buffer.subarray(start, end), "buffer");
}
