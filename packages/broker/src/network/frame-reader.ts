/**
 * Cuts a byte stream into Kafka frames: int32 size, then that many bytes. Each frame is gathered in memory of its own, taken from a pool;
 * the chunks of the stream are only lent.
 *
 * A share of the memory budget is asked for only when {@link EARNEST_BYTES} of the frame are there, or all of a smaller one: four bytes
 * that promise a large frame take nothing away from anybody. What arrives before that is not counted. Until the share is granted no
 * more bytes should be pushed; the ones at hand wait.
 */
import { Buffer } from "node:buffer";
import type { BufferPool } from "@ottla/platform";

export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #pool: BufferPool;
  readonly #admit: (bytes: number) => boolean;
  readonly #onFrame: (frame: Buffer) => void;
  /** The size prefix as far as it came. */
  readonly #prefix = Buffer.alloc(SIZE_PREFIX);
  #prefixBytes = 0;
  /** Size of the frame being gathered; 0 between frames. */
  #size = 0;
  /** The frame being gathered, or memory for as much of its beginning as comes before its share; and how much of it is there. */
  #frame: Buffer | null = null;
  #filled = 0;
  #isAdmitted = false;
  /** The frame waits for its share, and these bytes with it. */
  #isPending = false;
  #rest: Buffer = EMPTY;

  /**
   * @param maxFrameBytes `socket.request.max.bytes`
   * @param admit takes the frame's share of the budget; when it answers false, call {@link resume} after the share was taken.
   * @param onFrame gets each frame without its size prefix and owns it, or gives it back to the pool.
   */
  constructor(
    maxFrameBytes: number,
    pool: BufferPool,
    admit: (bytes: number) => boolean,
    onFrame: (frame: Buffer) => void,
  ) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#pool = pool;
    this.#admit = admit;
    this.#onFrame = onFrame;
  }

  /** Whether bytes or a frame wait for admission or for more bytes. */
  get isMidFrame(): boolean {
    return this.#size > 0 || this.#prefixBytes > 0;
  }

  /** Share of the budget taken for a frame that is still being gathered. */
  get admittedBytes(): number {
    return this.#isAdmitted ? this.#size : 0;
  }

  /** @throws {InvalidFrameSize} when the next size prefix is not acceptable; the stream is then beyond repair. */
  push(chunk: Buffer): void {
    if (this.#isPending) this.#rest = Buffer.concat([this.#rest, chunk]);
    else this.#consume(chunk);
  }

  /** Goes on after the waiting frame was admitted. @throws {InvalidFrameSize} */
  resume(): void {
    const bytes = this.#rest;
    this.#rest = EMPTY;
    this.#isPending = false;
    this.#isAdmitted = true;
    this.#consume(bytes);
  }

  #consume(bytes: Buffer): void {
    let position = 0;
    while (position < bytes.length) {
      const end = this.#takeWhole(bytes, position);
      if (end > position) position = end;
      else if (this.#size === 0) position = this.#readPrefix(bytes, position);
      else position = this.#gather(bytes, position);
      if (this.#isPending) {
        this.#rest = Buffer.from(bytes.subarray(position));
        return;
      }
    }
  }

  /**
   * Takes a frame that is here from the first byte of its prefix to its last, as most are, with no notes of how far it has come. @returns where it ends, or
   * `position` when the next one is not of that kind.
   */
  #takeWhole(bytes: Buffer, position: number): number {
    const start = position + SIZE_PREFIX;
    if (this.#size > 0 || this.#prefixBytes > 0 || start > bytes.length) return position;
    const size = bytes.readInt32BE(position);
    const end = start + size;
    if (size <= 0 || size > this.#maxFrameBytes || end > bytes.length) return position;
    if (!this.#admit(size)) {
      this.#size = size;
      this.#isPending = true;
      return start;
    }
    // Whoever closes gives back its share, if there is no memory for it.
    this.#size = size;
    this.#isAdmitted = true;
    const frame = this.#pool.take(size);
    this.#size = 0;
    this.#isAdmitted = false;
    bytes.copy(frame, 0, start, end);
    this.#onFrame(frame);
    return end;
  }

  #readPrefix(bytes: Buffer, position: number): number {
    const count = Math.min(SIZE_PREFIX - this.#prefixBytes, bytes.length - position);
    let size: number;
    if (count === SIZE_PREFIX) size = bytes.readInt32BE(position);
    else {
      bytes.copy(this.#prefix, this.#prefixBytes, position, position + count);
      this.#prefixBytes += count;
      if (this.#prefixBytes < SIZE_PREFIX) return position + count;
      size = this.#prefix.readInt32BE(0);
    }
    if (size <= 0 || size > this.#maxFrameBytes) {
      throw new InvalidFrameSize(size, this.#maxFrameBytes);
    }
    this.#prefixBytes = 0;
    this.#size = size;
    return position + count;
  }

  #gather(bytes: Buffer, position: number): number {
    const size = this.#size;
    const isEarnest =
      this.#filled + bytes.length - position >= Math.min(size, EARNEST_BYTES) || this.#isAdmitted;
    if (isEarnest && !this.#isAdmitted) {
      if (!this.#admit(size)) {
        this.#isPending = true;
        return position;
      }
      this.#isAdmitted = true;
    }
    const frame = this.#memoryFor(isEarnest || size <= UNADMITTED_BYTES ? size : EARNEST_BYTES);
    const count = Math.min(size - this.#filled, bytes.length - position);
    bytes.copy(frame, this.#filled, position, position + count);
    this.#filled += count;
    if (this.#filled === size) this.#complete(frame);
    return position + count;
  }

  /** The frame's memory, of at least this size, with the bytes that are there. */
  #memoryFor(size: number): Buffer {
    const frame = this.#frame;
    if (frame !== null && frame.length >= size) return frame;
    const larger = this.#pool.take(size);
    if (frame !== null) {
      frame.copy(larger, 0, 0, this.#filled);
      this.#pool.give(frame);
    }
    this.#frame = larger;
    return larger;
  }

  #complete(frame: Buffer): void {
    this.#frame = null;
    this.#filled = 0;
    this.#size = 0;
    this.#isAdmitted = false;
    this.#onFrame(frame);
  }
}

const SIZE_PREFIX = 4;
const EMPTY = Buffer.alloc(0);
export const EARNEST_BYTES = 16_384;
/** A frame up to this size is gathered in memory for all of it from the start, of which no more than the earnest part is used. */
const UNADMITTED_BYTES = 65_536;

/** A size prefix that is not positive or above `socket.request.max.bytes`. */
export class InvalidFrameSize extends Error {
  override readonly name = "InvalidFrameSize";
  readonly size: number;
  readonly maxFrameBytes: number;

  constructor(size: number, maxFrameBytes: number) {
    const guess = foreignProtocol(size);
    const reason = guess === null ? "" : `; these are the first bytes of ${guess}`;
    super(`frame of ${size} bytes, at most ${maxFrameBytes} are accepted${reason}`);
    this.size = size;
    this.maxFrameBytes = maxFrameBytes;
  }
}

/** What the first four bytes look like that were read as a size, where they are those of a protocol that people send here by mistake. */
function foreignProtocol(size: number): string | null {
  // A record of a handshake, and the major version that all of TLS has.
  if (size >>> 16 === 0x1603) return "TLS, and this listener is plaintext";
  const bytes = Buffer.alloc(SIZE_PREFIX);
  bytes.writeInt32BE(size);
  return HTTP_METHODS.has(bytes.toString("latin1")) ? "HTTP" : null;
}

const HTTP_METHODS: ReadonlySet<string> = new Set([
  "GET ",
  "HEAD",
  "POST",
  "PUT ",
  "DELE",
  "OPTI",
  "PATC",
  "PRI ",
]);
