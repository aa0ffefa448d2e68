/**
 * Cuts a byte stream into frames: `size:int32 frame`. A frame that lies within one chunk is a view of it; one that spans chunks is
 * gathered into a buffer of exactly its size, so each byte is copied at most once. Frames belong to the caller.
 */
import { MalformedResponseError } from "../errors.ts";

export class FrameReader {
  readonly #maxBytes: number;
  readonly #onFrame: (frame: Buffer) => void;
  /** The first bytes of a size that came in pieces. */
  readonly #sizeBytes = Buffer.alloc(4);
  #sizeFilled = 0;
  #frame: Buffer | null = null;
  #filled = 0;

  constructor(maxBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** @throws {MalformedResponseError} for a size that is negative or above the cap; the stream is unusable then. */
  push(chunk: Buffer): void {
    let at = 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#frame !== null) {
        const taken = Math.min(this.#frame.length - this.#filled, end - at);
        chunk.copy(this.#frame, this.#filled, at, at + taken);
        this.#filled += taken;
        at += taken;
        if (this.#filled === this.#frame.length) {
          const frame = this.#frame;
          this.#frame = null;
          this.#onFrame(frame);
        }
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
        const frame = chunk.subarray(at, at + size);
        at += size;
        this.#onFrame(frame);
      } else {
        this.#frame = Buffer.allocUnsafeSlow(size);
        this.#filled = 0;
      }
    }
  }
}
