/**
 * The last offset of each key in the dirty part of a log, within a bound of bytes.
 *
 * Keys are compared byte by byte, so no key is ever taken for another; one of more than {@link EXACT_KEY_BYTES} stands there as its SHA-256. When
 * another key would not fit, {@link OffsetMap.put} says no and the pass over the log ends there: the rest stays dirty for the next pass.
 *
 * Open addressing with linear probing over three arrays (hash, place, offset: {@link SLOT_BYTES} a slot); the keys themselves lie one after
 * the other in chunks, each behind a byte with its length. The hash is seeded, so nobody can choose keys that collide. The map grows with
 * its content: a small log costs little. It does so in shards, each at a load of its own, so that no put takes long.
 */
import { hash } from "node:crypto";

const EXACT_KEY_BYTES = 32;
/** What stands before a digest instead of a length, so that a key equal to it is another key. */
const DIGEST_TAG = 0xff;
const SLOT_BYTES = 16;
const FIRST_CAPACITY = 8;
const CHUNK_BYTES = 65_536;
const SHARDS = 64;
/** Below this many bytes one shard is enough. */
const SHARDED_BYTES = 1_048_576;
/** How full the slots of the first and of the last shard may be before they are doubled. */
const LEAST_GROWING_LOAD = 0.5;
const MOST_GROWING_LOAD = 0.8;
/** How full they may get when there is no memory to double them. */
const LARGEST_LOAD = 0.9;

class Shard {
  hashes = new Int32Array(FIRST_CAPACITY);
  /** Where in the chunks the key lies, plus one; 0 for an empty slot. */
  places = new Uint32Array(FIRST_CAPACITY);
  offsets = new Float64Array(FIRST_CAPACITY);
  capacity = FIRST_CAPACITY;
  count = 0;
  readonly growingLoad: number;

  constructor(growingLoad: number) {
    this.growingLoad = growingLoad;
  }

  grow(): void {
    const { hashes, places, offsets } = this;
    const { length } = places;
    const capacity = length * 2;
    const mask = capacity - 1;
    this.capacity = capacity;
    this.hashes = new Int32Array(capacity);
    this.places = new Uint32Array(capacity);
    this.offsets = new Float64Array(capacity);
    for (let i = 0; i < length; i++) {
      if (places[i] === 0) continue;
      let slot = hashes[i]! & mask;
      while (this.places[slot] !== 0) slot = (slot + 1) & mask;
      this.hashes[slot] = hashes[i]!;
      this.places[slot] = places[i]!;
      this.offsets[slot] = offsets[i]!;
    }
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
    if (shard.places[slot] === 0) {
      if (!this.#makeRoom(shard)) return false;
      const place = this.#store(buffer, start, end, tag);
      if (place < 0) return false;
      slot = this.#find(shard, buffer, start, end, tag, hashed);
      shard.hashes[slot] = hashed;
      shard.places[slot] = place + 1;
      shard.count++;
      this.#count++;
    }
    shard.offsets[slot] = offset;
    return true;
  }

  #get(buffer: Buffer, start: number, end: number, tag: number): number {
    const hashed = this.#hash(buffer, start, end);
    const shard = this.#shardOf(hashed);
    const slot = this.#find(shard, buffer, start, end, tag, hashed);
    return shard.places[slot] === 0 ? -1 : shard.offsets[slot]!;
  }

  /** By the upper bits of the hash; slots go by the lower ones. */
  #shardOf(hashed: number): Shard {
    return this.#shards[(hashed >>> 26) & (this.#shards.length - 1)]!;
  }

  /** The key's slot, or the empty one where it would go. */
  #find(
    shard: Shard,
    buffer: Buffer,
    start: number,
    end: number,
    tag: number,
    hashed: number,
  ): number {
    const { places, hashes } = shard;
    const mask = shard.capacity - 1;
    for (let slot = hashed & mask; ; slot = (slot + 1) & mask) {
      const place = places[slot]!;
      if (place === 0) return slot;
      if (hashes[slot] === hashed && this.#isAt(place - 1, buffer, start, end, tag)) return slot;
    }
  }

  #isAt(place: number, buffer: Buffer, start: number, end: number, tag: number): boolean {
    const chunk = this.#chunks[Math.floor(place / CHUNK_BYTES)]!;
    let at = place % CHUNK_BYTES;
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
