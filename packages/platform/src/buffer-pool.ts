/**
 * Memory for bytes that come and go, used again and again: fresh pages cost the kernel more than the bytes copied into them, and memory
 * outside the heap makes V8 mark the whole heap for every few dozen megabytes of it.
 *
 * A buffer is lent until it is given back, or for ever: one that never comes back is left to the garbage collector, so forgetting costs
 * time and nothing else. What exceeds `keptBytesLimit` is left to the garbage collector too.
 */
import { Buffer } from "node:buffer";

export class BufferPool {
  readonly #limitBytes: number;
  /** By the power of two of their size. */
  readonly #kept: ArrayBuffer[][] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #keptBytes = 0;

  constructor(keptBytesLimit: number) {
    this.#limitBytes = keptBytesLimit;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Whether a buffer of this size is lent by the pool. Smaller ones are not worth keeping, nor giving back. */
  lends(size: number): boolean {
    return size >= SMALLEST_BYTES;
  }

  /** A buffer of `size` bytes of no meaning; one that the pool does not lend is as any other. */
  take(size: number): Buffer {
    if (!this.lends(size)) return Buffer.allocUnsafe(size);
    const power = 32 - Math.clz32(size - 1);
    let memory = this.#kept[power]?.pop();
    if (memory === undefined) memory = Buffer.allocUnsafeSlow(2 ** power).buffer as ArrayBuffer;
    else this.#keptBytes -= memory.byteLength;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, size);
  }

  /** Takes back a buffer, or the buffer that this is a view of, which nobody may look at any more. Others than its own are ignored. */
  give({ buffer: memory }: Buffer): void {
    const { byteLength } = memory;
    if (!this.#lent.delete(memory)) return;
    if (poisonsMemory) new Uint8Array(memory).fill(POISON);
    if (this.#keptBytes + byteLength > this.#limitBytes) return;
    const power = 31 - Math.clz32(byteLength);
    this.#kept[power] ??= [];
    this.#kept[power].push(memory as ArrayBuffer);
    this.#keptBytes += byteLength;
  }
}

const SMALLEST_BYTES = 4096;

/**
 * Whether memory that is given back is overwritten at once, so that whoever still looks at it finds out. For tests: `OTTLA_POISON=1`.
 */
export const poisonsMemory: boolean = process.env.OTTLA_POISON === "1";
export const POISON = 0xdb;
