/**
 * Memory that batches live in from their append until they leave the tail: the journal gathers its groups there, writes them from there,
 * and readers are served from there. So a batch is copied once, and memory is used again instead of being left to the garbage collector:
 * memory outside the heap makes V8 mark the whole heap for every few dozen megabytes, which costs more than the appends.
 *
 * A slab is filled once, front to back, by the groups that gather in it, and then retired. It is held by the tail for the batches in it
 * (tail-memory.ts) and by each group until that is written; reads that were not released hold it too. When it is retired and nobody holds it, it
 * is free to be filled again. Batches leave the tail oldest first, so slabs become free in the order in which they were filled.
 *
 * Slabs lie in the engine's arena as far as that reaches. A read that is never released keeps its slabs from being used again for as long as the
 * engine lives; where that has used up the arena, slabs have memory of their own, which goes with its readers.
 */
import { allocateAligned, POISON, poisonsMemory } from "@ottla/platform";
import { createCrc32c } from "@ottla/protocol";
import type { Arena } from "./arena.ts";
import type { PartitionLog } from "./partition-log.ts";

export class Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** CRC-32C of `[start, end)`, unsigned. */
  readonly crc: (start: number, end: number) => number;
  /** Where it starts in the arena; −1 when it has memory of its own. */
  readonly address: number;
  /** The tail, and groups that are not written. */
  holders = 0;
  /** Reads that were not released. */
  readers = 0;
  isRetired = false;
  /** Whether it would be free if it were not for readers. */
  isKeptByReaders = false;
  /** Another number each time it is taken, or the tail has let its batches go. */
  fill = 0;
  /** Partitions that have batches of this fill in it. */
  logs: PartitionLog[] = [];

  constructor(sizeBytes: number, arena: Arena, address: number) {
    this.address = address;
    if (address >= 0) {
      const { crc } = arena;
      this.bytes = Buffer.from(arena.buffer, address, sizeBytes);
      this.view = new DataView(arena.buffer, address, sizeBytes);
      this.crc = (start, end) => crc(address + start, end - start);
    } else {
      const memory = allocateAligned(sizeBytes);
      const crc = createCrc32c(memory);
      this.bytes = Buffer.from(memory.buffer, 0, sizeBytes);
      this.view = new DataView(memory.buffer);
      this.crc = (start, end) => crc(start, end - start);
    }
  }
}

export class Slabs {
  /** Of each slab, a multiple of a block. */
  readonly sizeBytes: number;
  /** Called when nothing more will be put into a slab, before it can be used again. */
  onRetired: (slab: Slab) => void = () => {};
  readonly #arena: Arena;
  readonly #free: Slab[] = [];
  #retired = 0;
  #keptByReaders = 0;
  #fills = 0;

  constructor(sizeBytes: number, arena: Arena) {
    this.sizeBytes = sizeBytes;
    this.#arena = arena;
  }

  /** Bytes of slabs that are full and still held by batches or groups. */
  get retiredBytes(): number {
    return this.#retired * this.sizeBytes;
  }

  /** Bytes of slabs that nobody but readers holds. */
  get keptByReadersBytes(): number {
    return this.#keptByReaders * this.sizeBytes;
  }

  /** An empty slab. Ends with {@link retire}. */
  take(): Slab {
    const arena = this.#arena;
    const slab = this.#free.pop() ?? new Slab(this.sizeBytes, arena, arena.take(this.sizeBytes));
    this.refill(slab);
    return slab;
  }

  /** What is put into the slab from here on counts as another fill. @returns the partitions of the last one. */
  refill(slab: Slab): PartitionLog[] {
    const { logs } = slab;
    slab.fill = ++this.#fills;
    slab.logs = [];
    return logs;
  }

  /** Nothing more will be put into the slab. */
  retire(slab: Slab): void {
    slab.isRetired = true;
    this.#retired++;
    this.onRetired(slab);
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
    const isKept = slab.readers > 0;
    if (isKept !== slab.isKeptByReaders) this.#keptByReaders += isKept ? 1 : -1;
    slab.isKeptByReaders = isKept;
    if (isKept) return;
    slab.isRetired = false;
    if (poisonsMemory) slab.bytes.fill(POISON);
    this.#free.push(slab);
  }
}
