/** The memory that fetched records lie in, and who still holds it. */
import type { BytePool } from "../byte-pool.ts";
import { UsageError } from "../errors.ts";

/** What is decompressed of one lease and kept for its release at most; beyond it memory is garbage like any other. */
const MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024;

/** A frame with the records of several partitions: given back when each of its holders has let go of it. */
export class FetchedFrame {
  readonly pool: BytePool;
  readonly #frame: Buffer;
  #holders = 1;

  /** Held by its maker; `frame` is any view of it. */
  constructor(pool: BytePool, frame: Buffer) {
    this.pool = pool;
    this.#frame = frame;
  }

  /** One more, who will release it once. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.pool.giveBack(this.#frame);
  }
}

/** The hold of one partition's records on their frame and on what they were decompressed to. */
export class Lease {
  /** Null when nothing is given back. */
  readonly #frame: FetchedFrame | null;
  readonly #decompressed: Buffer[] = [];
  #decompressedBytes = 0;
  isReleased = false;

  /** Takes over a hold on the frame. */
  constructor(frame: FetchedFrame | null) {
    this.#frame = frame;
  }

  /** Memory to decompress to. */
  readonly allocate = (bytes: number): Buffer => {
    if (this.#frame === null || this.#decompressedBytes + bytes > MAX_DECOMPRESSED_BYTES) {
      return Buffer.allocUnsafe(bytes);
    }
    const memory = this.#frame.pool.take(bytes);
    this.#decompressed.push(memory);
    this.#decompressedBytes += bytes;
    return memory;
  };

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    for (const memory of this.#decompressed) this.#frame?.pool.giveBack(memory);
    this.#decompressed.length = 0;
    this.#frame?.release();
  }
}

/** What the places of records are in. */
export class RecordBytes {
  readonly #buffer: Buffer;
  readonly #lease: Lease | null;

  constructor(buffer: Buffer, lease: Lease | null) {
    this.#buffer = buffer;
    this.#lease = lease;
  }

  /** @throws {UsageError} after the release */
  get buffer(): Buffer {
    if (this.#lease?.isReleased === true) throw new UsageError("the records were released");
    return this.#buffer;
  }
}
