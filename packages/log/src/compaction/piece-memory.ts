/**
 * The memory of a round: two pieces of a segment, of which one is read while the other is worked on, and room for what becomes of a
 * piece. The pieces lie in a WebAssembly memory, where a checksum needs no copy.
 */
import { allocateAligned } from "@ottla/platform";
import {
  batchCrc,
  batchSize,
  createCrc32c,
  isBatchCrcValid,
  type MemoryCrc32c,
} from "@ottla/protocol";
import type { BatchMemory } from "./batch-cleaner.ts";

/** Where the attributes of a batch are: its checksum covers what is from there on. */
const CHECKED_FROM = 21;

export class PieceMemory implements BatchMemory {
  /** The same size each. */
  readonly pieces: readonly [Buffer, Buffer];
  readonly #memory: ArrayBuffer;
  readonly #crc: MemoryCrc32c;
  readonly #room: Buffer;
  #used = 0;

  constructor(pieceBytes: number) {
    const memory = allocateAligned(2 * pieceBytes);
    this.#memory = memory.buffer;
    this.#crc = createCrc32c(memory);
    this.#room = Buffer.allocUnsafeSlow(pieceBytes);
    this.pieces = [
      Buffer.from(memory.buffer, 0, pieceBytes),
      Buffer.from(memory.buffer, pieceBytes, pieceBytes),
    ];
  }

  isCrcValid(buffer: Buffer, at: number): boolean {
    if (buffer.buffer !== this.#memory) return isBatchCrcValid(buffer, at);
    const checkedBytes = batchSize(buffer, at) - CHECKED_FROM;
    return this.#crc(buffer.byteOffset + at + CHECKED_FROM, checkedBytes) === batchCrc(buffer, at);
  }

  /** Until the next {@link reuse}. */
  allocate(sizeBytes: number): Buffer {
    const start = this.#used;
    if (start + sizeBytes > this.#room.length) return Buffer.allocUnsafeSlow(sizeBytes);
    this.#used = start + sizeBytes;
    return this.#room.subarray(start, this.#used);
  }

  /** Nothing that was allocated is needed any more. */
  reuse(): void {
    this.#used = 0;
  }
}
