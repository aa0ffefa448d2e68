/**
 * Cuts a byte stream into frames: `size:int32 frame`. A frame that lies within one chunk is a view of it; one that spans chunks is
 * gathered in memory of its own, so each byte is copied at most once. Frames belong to the caller.
 */

import type { BytePool } from "../byte-pool.ts";
import { MalformedResponseError } from "../errors.ts";

/** Less than this is not worth a read of its own. */
const DIRECT_BYTES = 16 * 1024;

export class FrameReader {
  readonly #maxBytes: number;
  readonly #memory: BytePool;
  readonly #onFrame: (frame: Buffer) => void;
  /** The first bytes of a size that came in pieces. */
  readonly #sizeBytes = Buffer.alloc(4);
  #sizeFilled = 0;
  #frame: Buffer | null = null;
  #filled = 0;

  constructor(maxBytes: number, memory: BytePool, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#memory = memory;
    this.#onFrame = onFrame;
  }

  /**
   * Where the rest of a large frame belongs, so that it may be read straight into place; {@link filled} must be told how much came. Null
   * while there is no such frame.
   */
  get space(): Buffer | null {
    const frame = this.#frame;
    return frame === null || frame.length - this.#filled < DIRECT_BYTES
      ? null
      : frame.subarray(this.#filled);
  }

  /** So many bytes were read into {@link space}. */
  filled(bytes: number): void {
    this.#filled += bytes;
    this.#finish();
  }

  /**
   * Takes what was read. A chunk that is not `isOwned` will be written over by the next read, so whole frames in it are copied.
   * @throws {MalformedResponseError} for a size that is negative or above the cap; the stream is unusable then
   */
  push(chunk: Buffer, isOwned = true): void {
    let at = 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#frame !== null) {
        const taken = Math.min(this.#frame.length - this.#filled, end - at);
        chunk.copy(this.#frame, this.#filled, at, at + taken);
        this.#filled += taken;
        at += taken;
        this.#finish();
        continue;
      }
      let size: number;
      if (this.#sizeFilled === 0 && end - at >= 4) {
        size = chunk.readInt32BE(at);
        at += 4;
      } else {
        const taken = Math.min(4 - this.#sizeFilled, end - at);
        chunk.copy(this.#sizeBytes, this.#sizeFilled, at, at + taken);
        this.#sizeFilled += taken;
        at += taken;
        if (this.#sizeFilled < 4) return;
        size = this.#sizeBytes.readInt32BE(0);
        this.#sizeFilled = 0;
      }
      if (size < 0 || size > this.#maxBytes) {
        throw new MalformedResponseError(
          `a response of ${size} bytes; the limit is ${this.#maxBytes}`,
        );
      }
      if (end - at >= size) {
        const whole = chunk.subarray(at, at + size);
        const frame = isOwned ? whole : this.#place(size);
        if (!isOwned) frame.set(whole);
        at += size;
        this.#onFrame(frame);
      } else {
        this.#frame = this.#place(size);
        this.#filled = 0;
      }
    }
  }

  #place(size: number): Buffer {
    return size < DIRECT_BYTES ? Buffer.allocUnsafeSlow(size) : this.#memory.take(size);
  }

  #finish(): void {
    const frame = this.#frame;
    if (frame === null || this.#filled < frame.length) return;
    this.#frame = null;
    this.#onFrame(frame);
  }
}
