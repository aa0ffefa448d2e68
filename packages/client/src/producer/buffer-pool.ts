/**
 * Buffers of one size that batches are written into, used again when the broker has taken what was in them: a buffer a batch would be
 * most of a producer's garbage. Holds back at most `maxBuffers`; whoever finds it empty makes a new one.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #maxBuffers: number;
  readonly #free: Buffer[] = [];

  constructor(bufferBytes: number, maxBuffers: number) {
    this.bufferBytes = bufferBytes;
    this.#maxBuffers = maxBuffers;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
  }

  /** Takes back a buffer that nobody reads or writes any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#maxBuffers) this.#free.push(buffer);
  }

  /** Lets go of all but a few. */
  trim(buffers: number): void {
    if (this.#free.length > buffers) this.#free.length = buffers;
  }
}
