/**
 * Memory that batches live in from their append until they leave the tail: the journal gathers its groups there, writes them from there,
 * and readers are served from there. So a batch is copied once, and memory is used again instead of being left to the garbage collector:
 * memory outside the heap makes V8 mark the whole heap for every few dozen megabytes, which costs more than the appends.
 *
 * A slab is filled once, front to back, by the groups that gather in it, and then retired. It is held by each of its batches in memory and by
 * each group until that is written; reads that were not released hold it too. When it is retired and nobody holds it, it is free to be
 * filled again. Batches leave the tail oldest first, so slabs become free in the order in which they were filled.
 *
 * A read that is never released keeps its slab from being used again, and nothing else: the slab is forgotten here and goes with its readers.
 */
import { allocateAligned, POISON, poisonsMemory } from "@ottla/platform";
import { createCrc32c } from "@ottla/protocol";

export class Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** CRC-32C of `[start, end)`, unsigned. */
  readonly crc: (start: number, end: number) => number;
  /** Batches in memory, and groups that are not written. */
  holders = 0;
  /** Reads that were not released. */
  readers = 0;
  isRetired = false;

  constructor(sizeBytes: number) {
    const memory = allocateAligned(sizeBytes);
    const crc32c = createCrc32c(memory);
    this.bytes = Buffer.from(memory.buffer, 0, sizeBytes);
    this.view = new DataView(memory.buffer);
    this.crc = (start, end) => crc32c(start, end - start);
  }
}

export class Slabs {
  /** Of each slab, a multiple of a block. */
  readonly sizeBytes: number;
  readonly #free: Slab[] = [];
  #retired = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** Bytes of slabs that are full and still held by batches or groups. */
  get retiredBytes(): number {
    return this.#retired * this.sizeBytes;
  }

  /** An empty slab. Ends with {@link retire}. */
  take(): Slab {
    return this.#free.pop() ?? new Slab(this.sizeBytes);
  }

  /** Nothing more will be put into the slab. */
  retire(slab: Slab): void {
    slab.isRetired = true;
    this.#retired++;
    if (slab.holders === 0) this.#leave(slab);
  }

  hold(slab: Slab): void {
    slab.holders++;
  }

  letGo(slab: Slab): void {
    slab.holders--;
    if (slab.holders === 0 && slab.isRetired) this.#leave(slab);
  }

  /** Lends slabs to a reader. @returns what gives them back, once. */
  lend(slabs: readonly Slab[]): () => void {
    for (const slab of slabs) slab.readers++;
    let isLent = true;
    return () => {
      if (!isLent) return;
      isLent = false;
      for (const slab of slabs) {
        slab.readers--;
        if (slab.isRetired && slab.holders === 0) this.#reuse(slab);
      }
    };
  }

  #leave(slab: Slab): void {
    this.#retired--;
    this.#reuse(slab);
  }

  #reuse(slab: Slab): void {
    if (slab.readers > 0) return;
    slab.isRetired = false;
    if (poisonsMemory) slab.bytes.fill(POISON);
    this.#free.push(slab);
  }
}
