import type { OnReadOpts } from "node:net";
import type { BytePool } from "../byte-pool.ts";
import { FrameReader } from "./frame-reader.ts";

const READ_BYTES = 64 * 1024;

/**
 * Reads a plain socket into memory of our own: small frames by way of one buffer that is used again and again, large ones straight into
 * the buffer they are handed out in. Without it every read would allocate, and every large frame be copied.
 */
export class Inlet {
  readonly #reader: FrameReader;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** Where the read under way goes, if that is a frame's own place. */
  #space: Buffer | null = null;
  onFrame: (frame: Buffer) => void = () => {};
  /** Runs what deals with a read, and with its errors. */
  onRead: (read: () => void) => void = (read) => read();

  constructor(maxBytes: number, memory: BytePool) {
    this.#reader = new FrameReader(maxBytes, memory, (frame) => this.onFrame(frame));
  }

  /** For `net.connect`. */
  get options(): { readonly onread: OnReadOpts } {
    return {
      onread: {
        buffer: () => {
          this.#space = this.#reader.space;
          return this.#space ?? this.#buffer;
        },
        callback: (bytes) => {
          this.onRead(() => {
            if (this.#space === null) this.#reader.push(this.#buffer.subarray(0, bytes), false);
            else this.#reader.filled(bytes);
          });
          return true;
        },
      },
    };
  }
}
