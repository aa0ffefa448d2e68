const CHUNK_BYTES = 65_536;

/**
 * The content of a file in memory: chunks that exist once a byte other than zero was written to them. What was never written
 * reads as zeros and costs nothing.
 */
export class SparseBytes {
  readonly #chunks = new Map<number, Buffer>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Memory in use for content, in bytes. */
  get heldBytes(): number {
    return this.#chunks.size * CHUNK_BYTES;
  }

  /** Copies from `position` into `target` and returns how many bytes there were. */
  read(target: Uint8Array, position: number): number {
    const end = Math.min(this.#size, position + target.length);
    let at = position;
    while (at < end) {
      const start = at % CHUNK_BYTES;
      const stop = Math.min(CHUNK_BYTES, start + end - at);
      const chunk = this.#chunks.get(Math.floor(at / CHUNK_BYTES));
      if (chunk === undefined) {
        target.fill(0, at - position, at - position + stop - start);
      } else {
        target.set(chunk.subarray(start, stop), at - position);
      }
      at += stop - start;
    }
    return Math.max(0, end - position);
  }

  write(bytes: Uint8Array, position: number): void {
    let at = 0;
    while (at < bytes.length) {
      const index = Math.floor((position + at) / CHUNK_BYTES);
      const start = (position + at) % CHUNK_BYTES;
      const part = bytes.subarray(at, at + CHUNK_BYTES - start);
      let chunk = this.#chunks.get(index);
      if (chunk === undefined && !isZero(part)) {
        chunk = Buffer.alloc(CHUNK_BYTES);
        this.#chunks.set(index, chunk);
      }
      chunk?.set(part, start);
      at += part.length;
    }
    if (bytes.length > 0) {
      this.#size = Math.max(this.#size, position + bytes.length);
    }
  }

  /** Cuts the content, or extends it with zeros. */
  resize(size: number): void {
    if (size < this.#size) {
      for (const [index, chunk] of this.#chunks) {
        const start = size - index * CHUNK_BYTES;
        if (start <= 0) {
          this.#chunks.delete(index);
        } else if (start < CHUNK_BYTES) {
          chunk.fill(0, start);
        }
      }
    }
    this.#size = size;
  }

  clone(): SparseBytes {
    const copy = new SparseBytes();
    for (const [index, chunk] of this.#chunks) {
      copy.#chunks.set(index, Buffer.from(chunk));
    }
    copy.#size = this.#size;
    return copy;
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0) {
      return false;
    }
  }
  return true;
}
