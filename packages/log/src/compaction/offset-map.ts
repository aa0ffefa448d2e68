/**
 * The last offset of each key in the dirty part of a log, within a bound of bytes.
 *
 * Keys are compared byte by byte, so no key is ever taken for another; one of more than {@link EXACT_KEY_BYTES} stands there as its SHA-256. When
 * another key would not fit, {@link OffsetMap.put} says no and the pass over the log ends there: the rest stays dirty for the next pass.
 *
 * Open addressing with linear probing over three arrays (hash, place, offset: {@link SLOT_BYTES} a slot); the keys themselves lie one after
 * the other in chunks, each behind a byte with its length. The hash is seeded, so nobody can choose keys that collide. The map grows with
 * its content: a small log costs little.
 */
import { hash } from "node:crypto";

const EXACT_KEY_BYTES = 32;
/** What stands before a digest instead of a length, so that a key equal to it is another key. */
const DIGEST_TAG = 0xff;
const SLOT_BYTES = 16;
const FIRST_CAPACITY = 1024;
const CHUNK_BYTES = 65_536;
/** How full the slots may be before they are doubled, and when there is no memory to double them. */
const GROWING_LOAD = 0.7;
const LARGEST_LOAD = 0.9;

export class OffsetMap {
  readonly #maxBytes: number;
  readonly #seed: number;
  #hashes = new Int32Array(FIRST_CAPACITY);
  /** Where in the chunks the key lies, plus one; 0 for an empty slot. */
  #places = new Uint32Array(FIRST_CAPACITY);
  #offsets = new Float64Array(FIRST_CAPACITY);
  #capacity = FIRST_CAPACITY;
  #count = 0;
  readonly #chunks: Buffer[] = [];
  /** Where the next key goes. */
  #end = 0;

  /** `maxBytes` counts slots and keys; at least one chunk and the first slots are always there. */
  constructor(maxBytes: number, seed: number) {
    this.#maxBytes = maxBytes;
    this.#seed = seed | 0;
  }

  /** Number of keys. */
  get size(): number {
    return this.#count;
  }

  /** Memory in use. */
  get bytes(): number {
    return this.#capacity * SLOT_BYTES + this.#chunks.length * CHUNK_BYTES;
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
    let slot = this.#find(buffer, start, end, tag, hashed);
    if (this.#places[slot] === 0) {
      if (!this.#makeRoom()) return false;
      const place = this.#store(buffer, start, end, tag);
      if (place < 0) return false;
      slot = this.#find(buffer, start, end, tag, hashed);
      this.#hashes[slot] = hashed;
      this.#places[slot] = place + 1;
      this.#count++;
    }
    this.#offsets[slot] = offset;
    return true;
  }

  #get(buffer: Buffer, start: number, end: number, tag: number): number {
    const slot = this.#find(buffer, start, end, tag, this.#hash(buffer, start, end));
    return this.#places[slot] === 0 ? -1 : this.#offsets[slot]!;
  }

  /** The key's slot, or the empty one where it would go. */
  #find(buffer: Buffer, start: number, end: number, tag: number, hashed: number): number {
    const mask = this.#capacity - 1;
    for (let slot = hashed & mask; ; slot = (slot + 1) & mask) {
      const place = this.#places[slot]!;
      if (place === 0) return slot;
      if (this.#hashes[slot] === hashed && this.#isAt(place - 1, buffer, start, end, tag)) {
        return slot;
      }
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
  #makeRoom(): boolean {
    if (this.#count + 1 <= this.#capacity * GROWING_LOAD) return true;
    // Old and new slots are there together for a moment.
    if (this.bytes + 2 * this.#capacity * SLOT_BYTES > this.#maxBytes) {
      return this.#count + 1 <= this.#capacity * LARGEST_LOAD;
    }
    const { length } = this.#places;
    const [hashes, places, offsets] = [this.#hashes, this.#places, this.#offsets];
    const capacity = length * 2;
    const mask = capacity - 1;
    this.#capacity = capacity;
    this.#hashes = new Int32Array(capacity);
    this.#places = new Uint32Array(capacity);
    this.#offsets = new Float64Array(capacity);
    for (let i = 0; i < length; i++) {
      if (places[i] === 0) continue;
      let slot = hashes[i]! & mask;
      while (this.#places[slot] !== 0) slot = (slot + 1) & mask;
      this.#hashes[slot] = hashes[i]!;
      this.#places[slot] = places[i]!;
      this.#offsets[slot] = offsets[i]!;
    }
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
