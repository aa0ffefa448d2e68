import type { Random } from "./random.ts";

/**
 * A repeatable {@link Random} for simulations: the xoshiro128** generator, whose four words of state are drawn from the seed with
 * splitmix32. Two generators of one seed give the same numbers on every machine. Not for secrets.
 */
export class SeededRandom implements Random {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is used modulo 2^32. */
  constructor(seed: number) {
    this.seed = seed;
    let state = seed | 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let word = state ^ (state >>> 16);
      word = Math.imul(word, 0x21f0aaad);
      word ^= word >>> 15;
      word = Math.imul(word, 0x735a2d97);
      return word ^ (word >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1; // A state of zeros would stay so.
  }

  bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at++) {
      bytes[at] = this.#next() >>> 24;
    }
    return bytes;
  }

  integer(bound: number): number {
    // 53 bits, scaled: the bias of a bound up to 2^48 is below one in 32.
    const fraction = (this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6);
    return Math.floor((fraction / 2 ** 53) * bound);
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = bytes.toString("hex");
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join("-");
  }

  #next(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return result;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
