/**
 * Page-aligned memory in which segment writes are put together: a few large pieces, so that long runs go out in large writes, and more small
 * ones, so that the short runs of many partitions need not wait for each other. Whoever asks for a piece of a kind of which all are taken waits.
 */
import { allocateAligned } from "@ottla/platform";

const KINDS = [
  { sizeBytes: 262_144, pieces: 8 },
  { sizeBytes: 1_048_576, pieces: 2 },
] as const;

interface Kind {
  readonly sizeBytes: number;
  readonly free: Uint8Array[];
  readonly waiting: ((memory: Uint8Array) => void)[];
  /** How many more may be allocated. */
  left: number;
}

export class StagingMemory {
  readonly #kinds: readonly Kind[] = KINDS.map(({ sizeBytes, pieces }) => ({
    sizeBytes,
    free: [],
    waiting: [],
    left: pieces,
  }));

  /** The most pieces that can be taken at once. */
  static readonly pieces: number = KINDS.reduce((sum, { pieces }) => sum + pieces, 0);

  /** A piece of at least so many bytes, or the largest there is; the caller's until {@link give}. */
  async take(sizeBytes: number): Promise<Uint8Array> {
    const kind = this.#kinds.find((one) => one.sizeBytes >= sizeBytes) ?? this.#kinds.at(-1)!;
    const free = kind.free.pop();
    if (free !== undefined) return free;
    if (kind.left === 0) return new Promise((resolve) => kind.waiting.push(resolve));
    const memory = new Uint8Array(allocateAligned(kind.sizeBytes).buffer);
    kind.left--;
    return memory;
  }

  give(memory: Uint8Array): void {
    const kind = this.#kinds.find((one) => one.sizeBytes === memory.length)!;
    const next = kind.waiting.shift();
    if (next !== undefined) next(memory);
    else kind.free.push(memory);
  }
}
