/** Memory that records are views of, and who still holds it. */
import { UsageError } from "../errors.ts";
import type { FrameMemory } from "../transport/frame-memory.ts";

/** A frame with the records of several partitions: given back when each of its holders has let go of it. */
export class FetchedFrame {
  readonly #memory: FrameMemory;
  readonly #frame: Buffer;
  #holders = 1;

  /** Held by its maker; `frame` is any view of it. */
  constructor(memory: FrameMemory, frame: Buffer) {
    this.#memory = memory;
    this.#frame = frame;
  }

  /** One more, who will release it once. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#memory.giveBack(this.#frame);
  }
}

/** What records point into until they are released. */
export class RecordBytes {
  #buffer: Buffer | null;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** @throws {UsageError} after the release */
  get buffer(): Buffer {
    if (this.#buffer === null) throw new UsageError("the records were released");
    return this.#buffer;
  }

  release(): void {
    this.#buffer = null;
  }
}
