/**
 * The last block of segments that was written in part. Direct I/O writes whole blocks, so the next write repeats what is already in that block,
 * which by then has left memory when there are many partitions; keeping it saves a read for each write. Kept for the segments
 * written most recently.
 */
import { DIRECT_ALIGNMENT } from "@ottla/platform";
import type { Segment } from "./segment.ts";

const KEPT_BLOCKS = 2048;

interface LastBlock {
  readonly bytes: Buffer;
  /** Where in the segment the block starts. */
  position: number;
}

export class LastBlocks {
  /** In order of last use. */
  readonly #blocks = new Map<Segment, LastBlock>();

  get size(): number {
    return this.#blocks.size;
  }

  /** Remembers the beginning of the block at `position`; `source` is borrowed for the call. */
  keep(segment: Segment, position: number, source: Uint8Array): void {
    const block = this.#take(segment);
    block.position = position;
    block.bytes.set(source);
    this.#blocks.set(segment, block);
  }

  /** Fills `target` with the beginning of the block at `position`, if it is known. */
  copy(segment: Segment, position: number, target: Uint8Array): boolean {
    const block = this.#blocks.get(segment);
    if (block === undefined || block.position !== position) return false;
    target.set(block.bytes.subarray(0, target.length));
    return true;
  }

  forget(segment: Segment): void {
    this.#blocks.delete(segment);
  }

  #take(segment: Segment): LastBlock {
    const own = this.#blocks.get(segment);
    if (own !== undefined) {
      this.#blocks.delete(segment);
      return own;
    }
    if (this.#blocks.size >= KEPT_BLOCKS) {
      const [oldest, block] = this.#blocks.entries().next().value!;
      this.#blocks.delete(oldest);
      return block;
    }
    return { bytes: Buffer.allocUnsafeSlow(DIRECT_ALIGNMENT), position: 0 };
  }
}
