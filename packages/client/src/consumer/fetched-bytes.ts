/** The memory that fetched records lie in, and who still holds it. */
import type { BytePool } from "../byte-pool.ts";
import { UsageError } from "../errors.ts";

/** What the holders of one frame have decompressed and will give back, at most; beyond it memory is garbage like any other. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** A frame with the records of several partitions: given back when each of its holders has let go of it. */
export class FetchedFrame {
  readonly #pool: BytePool;
  readonly #frame: Buffer;
  #holders = 1;
  #decompressedBytes = 0;

  /** Held by its maker; `frame` is any view of it. */
  constructor(pool: BytePool, frame: Buffer) {
    this.#pool = pool;
    this.#frame = frame;
  }

  /** One more, who will release it once. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#pool.giveBack(this.#frame);
  }

  /** Memory to decompress to that is to be given back; null when there is enough of it. */
  take(bytes: number): Buffer | null {
    if (this.#decompressedBytes + bytes > MAX_KEPT_BYTES) return null;
    this.#decompressedBytes += bytes;
    return this.#pool.take(bytes);
  }

  /** Takes back what {@link take} has given. */
  giveBack(memory: Buffer): void {
    this.#decompressedBytes -= memory.length;
    this.#pool.giveBack(memory);
  }
}

/** The hold of one partition's records on their frame and on what they were decompressed to. */
export class Lease {
  /** Null when nothing is given back. */
  readonly #frame: FetchedFrame | null;
  readonly #decompressed: Buffer[] = [];
  /** Apart, so that a record that is kept does not keep the frame. */
  readonly state = { isReleased: false };

  constructor(frame: FetchedFrame | null) {
    this.#frame = frame;
    frame?.hold();
  }

  /** Memory to decompress to. */
  readonly allocate = (bytes: number): Buffer => {
    const memory = this.#frame?.take(bytes) ?? null;
    if (memory === null) return Buffer.allocUnsafe(bytes);
    this.#decompressed.push(memory);
    return memory;
  };

  release(): void {
    if (this.state.isReleased) return;
    this.state.isReleased = true;
    for (const memory of this.#decompressed) this.#frame?.giveBack(memory);
    this.#decompressed.length = 0;
    this.#frame?.release();
  }
}

/** What the places of records are in. */
export class RecordSource {
  readonly #buffer: Buffer;
  readonly #state: { readonly isReleased: boolean };

  constructor(buffer: Buffer, state: { readonly isReleased: boolean }) {
    this.#buffer = buffer;
    this.#state = state;
  }

  /** @throws {UsageError} after the release */
  get buffer(): Buffer {
    this.throwIfReleased();
    return this.#buffer;
  }

  throwIfReleased(): void {
    if (this.#state.isReleased) throw new UsageError("the records were released");
  }
}
