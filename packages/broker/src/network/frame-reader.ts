/**
 * Cuts a byte stream into Kafka frames: int32 size, then that many bytes.
 *
 * A frame that lies whole in one chunk is handed out as a view of it; one that spans chunks is gathered in a buffer of its own,
 * allocated only when `admit` says that the memory budget covers it. Until then no more bytes should be pushed; the ones at hand wait.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #admit: (bytes: number) => boolean;
  readonly #onFrame: (frame: Buffer) => void;
  /** Bytes not consumed yet: at most one chunk, or a started size prefix. */
  #rest: Buffer | null = null;
  /** The frame being gathered, and how much of it is there. */
  #frame: Buffer | null = null;
  #filled = 0;
  /** Size of a frame that waits for admission, or −1. */
  #pendingSize = -1;

  /**
   * @param maxFrameBytes `socket.request.max.bytes`
   * @param admit takes the frame's share of the budget; when it answers false, call {@link resume} after the share was taken.
   * @param onFrame gets each frame without its size prefix and owns it.
   */
  constructor(
    maxFrameBytes: number,
    admit: (bytes: number) => boolean,
    onFrame: (frame: Buffer) => void,
  ) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#admit = admit;
    this.#onFrame = onFrame;
  }

  /** Whether bytes or a frame wait for admission or for more bytes. */
  get isMidFrame(): boolean {
    return this.#frame !== null || this.#rest !== null || this.#pendingSize >= 0;
  }

  /** Share of the budget taken for a frame that is still being gathered. */
  get admittedBytes(): number {
    return this.#frame?.length ?? 0;
  }

  /** @throws {InvalidFrameSize} when the next size prefix is not acceptable; the stream is then beyond repair. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    if (this.#pendingSize >= 0) {
      this.#rest = bytes;
      return;
    }
    this.#consume(bytes);
  }

  /** Goes on after the waiting frame was admitted. @throws {InvalidFrameSize} */
  resume(): void {
    const size = this.#pendingSize;
    this.#pendingSize = -1;
    const bytes = this.#rest ?? EMPTY;
    this.#rest = null;
    this.#consume(bytes, size);
  }

  /** @param admittedSize size of a frame whose prefix is consumed and whose share is taken, or −1. */
  #consume(bytes: Buffer, admittedSize = -1): void {
    let position = 0;
    let size = admittedSize;
    for (;;) {
      if (this.#frame !== null) {
        const frame: Buffer = this.#frame;
        const count = Math.min(frame.length - this.#filled, bytes.length - position);
        bytes.copy(frame, this.#filled, position, position + count);
        this.#filled += count;
        position += count;
        if (this.#filled < frame.length) return;
        this.#frame = null;
        this.#onFrame(frame);
      }
      if (size < 0) {
        if (bytes.length - position < 4) break;
        size = bytes.readInt32BE(position);
        if (size <= 0 || size > this.#maxFrameBytes) {
          throw new InvalidFrameSize(size, this.#maxFrameBytes);
        }
        position += 4;
        if (!this.#admit(size)) {
          this.#pendingSize = size;
          break;
        }
      }
      if (bytes.length - position >= size) {
        const frame = bytes.subarray(position, position + size);
        position += size;
        this.#onFrame(frame);
      } else {
        this.#frame = Buffer.allocUnsafeSlow(size);
        this.#filled = 0;
      }
      size = -1;
    }
    if (position < bytes.length) this.#rest = bytes.subarray(position);
  }
}

const EMPTY = Buffer.alloc(0);

/** A size prefix that is not positive or above `socket.request.max.bytes`. */
export class InvalidFrameSize extends Error {
  override readonly name = "InvalidFrameSize";
  readonly size: number;
  readonly maxFrameBytes: number;

  constructor(size: number, maxFrameBytes: number) {
    super(`frame of ${size} bytes, at most ${maxFrameBytes} are accepted`);
    this.size = size;
    this.maxFrameBytes = maxFrameBytes;
  }
}
