/**
 * The memory that reads hold until they are released, which is when their reader has taken them. A consumer that asks for fifty megabytes and does not read
 * on holds them for as long as it likes, and so may a thousand others.
 *
 * Counted are buffers that were read from files, copies, and slabs that nobody but readers holds any more. The more is held, the less further reads get.
 * Where all of it is, each read gets {@link LEAST_BYTES} all the same, as a copy, for those who do read on; there may be so much more than the limit for each
 * reader, or a single batch that is larger.
 */
import type { Slabs } from "./slabs.ts";

/** What a read may have in any case. */
export const LEAST_BYTES = 262_144;
/** Which share of what is left one more piece may take: others come at the same time. */
const SHARE = 1 / 4;

export class ReadMemory {
  readonly #limitBytes: number;
  readonly #slabs: Slabs;
  #countedBytes = 0;

  constructor(limitBytes: number, slabs: Slabs) {
    this.#limitBytes = limitBytes;
    this.#slabs = slabs;
  }

  get heldBytes(): number {
    return this.#countedBytes + this.#slabs.keptByReadersBytes;
  }

  get isShort(): boolean {
    return this.heldBytes >= this.#limitBytes;
  }

  /** The most that one more buffer should take, unless it is for a single batch. */
  get allowanceBytes(): number {
    return Math.max(LEAST_BYTES, Math.floor((this.#limitBytes - this.heldBytes) * SHARE));
  }

  /** Counts bytes until what this returns is called. Calling it again does nothing. */
  hold(bytes: number): () => void {
    this.#countedBytes += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.#countedBytes -= bytes;
      isHeld = false;
    };
  }
}
