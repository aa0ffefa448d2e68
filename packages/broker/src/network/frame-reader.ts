/**
 * Cuts a byte stream into Kafka frames: int32 size, then that many bytes.
 *
 * A frame that lies whole in one chunk is handed out as a view of it; one that spans chunks is gathered in a buffer of its own,
 * allocated only when `admit` says that the memory budget covers it. Until then no more bytes should be pushed; the ones at hand wait.
 *
 * A share is asked for only when {@link EARNEST_BYTES} of the frame are there, or all of a smaller one: four bytes that promise a
 * large frame take nothing away from anybody. What arrives before that is not counted.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #admit: (bytes: number) => boolean;
  readonly #onFrame: (frame: Buffer) => void;
  /** Bytes not consumed yet: what came after a frame that waits for its share, or a started size prefix. */
  #rest: Buffer | null = null;
  /** The frame being gathered, or as much of its beginning as comes before its share; and how much of that is there. */
  #frame: Buffer | null = null;
  #filled = 0;
  /** Size of the whole frame. */
  #size = 0;
  #isAdmitted = false;
  /** The frame waits for its share. */
  #isPending = false;

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
    return this.#frame !== null || this.#rest !== null;
  }

  /** Share of the budget taken for a frame that is still being gathered. */
  get admittedBytes(): number {
    return this.#isAdmitted ? this.#size : 0;
  }

  /** @throws {InvalidFrameSize} when the next size prefix is not acceptable; the stream is then beyond repair. */
  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    if (this.#isPending) this.#rest = bytes;
    else this.#consume(bytes);
  }

  /** Goes on after the waiting frame was admitted. @throws {InvalidFrameSize} */
  resume(): void {
    const bytes = this.#rest ?? EMPTY;
    this.#rest = null;
    this.#isPending = false;
    this.#isAdmitted = true;
    this.#consume(bytes);
  }

  #consume(bytes: Buffer): void {
    let position = 0;
    for (;;) {
      if (this.#frame !== null) {
        position = this.#gather(this.#frame, bytes, position);
        if (this.#filled < this.#frame.length) return;
        if (!this.#isAdmitted && !this.#admit(this.#size)) {
          this.#wait(bytes, position);
          return;
        }
        this.#isAdmitted = true;
        if (this.#filled === this.#size) this.#complete(this.#frame);
        else this.#grow(this.#frame);
        continue;
      }
      const available = bytes.length - position - SIZE_PREFIX;
      if (available < 0) break;
      const size = bytes.readInt32BE(position);
      if (size <= 0 || size > this.#maxFrameBytes) {
        throw new InvalidFrameSize(size, this.#maxFrameBytes);
      }
      position += SIZE_PREFIX;
      this.#size = size;
      this.#filled = 0;
      if (available >= size) {
        const frame = bytes.subarray(position, position + size);
        position += size;
        if (this.#admit(size)) {
          this.#onFrame(frame);
          continue;
        }
        this.#frame = frame;
        this.#filled = size;
        this.#wait(bytes, position);
        return;
      }
      this.#frame = Buffer.allocUnsafeSlow(Math.min(size, EARNEST_BYTES));
    }
    if (position < bytes.length) this.#rest = bytes.subarray(position);
  }

  #gather(frame: Buffer, bytes: Buffer, position: number): number {
    const count = Math.min(frame.length - this.#filled, bytes.length - position);
    bytes.copy(frame, this.#filled, position, position + count);
    this.#filled += count;
    return position + count;
  }

  /** The beginning is there and the share is taken: makes room for the rest. */
  #grow(beginning: Buffer): void {
    this.#frame = Buffer.allocUnsafeSlow(this.#size);
    beginning.copy(this.#frame);
  }

  #complete(frame: Buffer): void {
    this.#frame = null;
    this.#isAdmitted = false;
    this.#onFrame(frame);
  }

  #wait(bytes: Buffer, position: number): void {
    this.#isPending = true;
    if (position < bytes.length) this.#rest = bytes.subarray(position);
  }
}

const SIZE_PREFIX = 4;
const EMPTY = Buffer.alloc(0);
export const EARNEST_BYTES = 16_384;

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
