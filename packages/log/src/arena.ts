/**
 * The one memory of an engine in which slabs and staged segment writes lie. It is a WebAssembly memory, whose address is page-aligned, as direct
 * I/O needs, and in which WebAssembly can work: a checksum where the bytes are, and a segment write put together of hundreds of batches by one
 * call. It has its full size from the start, as growing would move it away from under its views, but pages that were never touched take no memory.
 */
import { type AlignedMemory, allocateAligned, DIRECT_ALIGNMENT } from "@ottla/platform";
import { createCrc32c, createGather, type Gather, type MemoryCrc32c } from "@ottla/protocol";

/** A page less than 32 bits can address, so that also the end has an address. */
const LARGEST_BYTES = 2 ** 32 - 65_536;
/** The most pieces that one {@link Arena.gather} takes. */
export const GATHERED_PIECES = 8192;
/** Of a piece in the list: its address and its size, of 32 bits each. */
const ENTRY_NUMBERS = 2;

export class Arena {
  readonly buffer: ArrayBuffer;
  /** Checksum of that many bytes at an address. */
  readonly crc: MemoryCrc32c;
  readonly #memory: AlignedMemory;
  /** At address 0: the pieces to gather. */
  readonly #list: Uint32Array;
  #gather: Gather | null = null;
  #pieces = 0;
  #used: number;

  /** Smaller when there is not so much, but of `leastBytes`. */
  constructor(sizeBytes: number, leastBytes: number) {
    const listBytes = GATHERED_PIECES * ENTRY_NUMBERS * Uint32Array.BYTES_PER_ELEMENT;
    this.#memory = allocate(listBytes + sizeBytes, listBytes + leastBytes);
    this.buffer = this.#memory.buffer;
    this.#list = new Uint32Array(this.buffer, 0, GATHERED_PIECES * ENTRY_NUMBERS);
    this.#used = listBytes;
    this.crc = createCrc32c(this.#memory);
  }

  /** Address of so many bytes, a multiple of {@link DIRECT_ALIGNMENT}, for good; −1 when there is no room. */
  take(sizeBytes: number): number {
    const address = this.#used;
    const end = address + Math.ceil(sizeBytes / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT;
    if (end > this.buffer.byteLength) return -1;
    this.#used = end;
    return address;
  }

  /** Adds a piece to what {@link gather} takes. @returns whether there is room for another. */
  addPiece(address: number, sizeBytes: number): boolean {
    const at = this.#pieces * ENTRY_NUMBERS;
    this.#list[at] = address;
    this.#list[at + 1] = sizeBytes;
    this.#pieces++;
    return this.#pieces < GATHERED_PIECES;
  }

  /** Copies the pieces one behind the other to `target`. As many bytes behind them as `GATHER_OVERSHOOT_BYTES` says change too. @returns the end. */
  gather(target: number): number {
    this.#gather ??= createGather(this.#memory);
    const count = this.#pieces;
    this.#pieces = 0;
    return this.#gather(0, count, target);
  }
}

function allocate(sizeBytes: number, leastBytes: number): AlignedMemory {
  try {
    return allocateAligned(Math.min(sizeBytes, LARGEST_BYTES));
  } catch (error) {
    // The process may not have so many addresses.
    if (error instanceof RangeError) return allocateAligned(leastBytes);
    throw error;
  }
}
