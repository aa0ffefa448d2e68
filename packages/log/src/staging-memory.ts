/**
 * Page-aligned memory of the arena in which segment writes are put together: a few large pieces, so that long runs go out in large writes, and more small
 * ones, so that the short runs of many partitions need not wait for each other. Whoever asks for a piece of a kind of which all are taken waits.
 */
import { DIRECT_ALIGNMENT } from "@ottla/platform";
import { GATHER_OVERSHOOT_BYTES } from "@ottla/protocol";
import type { Arena } from "./arena.ts";

/** What gathering may overwrite behind a piece. */
const SLACK_BYTES = Math.ceil(GATHER_OVERSHOOT_BYTES / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT;

const KINDS = [
  { sizeBytes: 262_144, pieces: 8 },
  { sizeBytes: 1_048_576, pieces: 2 },
] as const;

export interface StagedPiece {
  readonly bytes: Uint8Array;
  /** In the arena. */
  readonly address: number;
}

interface Kind {
  readonly sizeBytes: number;
  readonly free: StagedPiece[];
  readonly waiting: ((piece: StagedPiece) => void)[];
  /** How many more may be allocated. */
  left: number;
}

export class StagingMemory {
  readonly #arena: Arena;
  /** Where the next piece is. */
  #address: number;
  readonly #kinds: readonly Kind[] = KINDS.map(({ sizeBytes, pieces }) => ({
    sizeBytes,
    free: [],
    waiting: [],
    left: pieces,
  }));

  /** The most pieces that can be taken at once. */
  static readonly pieces: number = KINDS.reduce((sum, { pieces }) => sum + pieces, 0);
  /** What all of them take of the arena. */
  static readonly sizeBytes: number = KINDS.reduce(
    (sum, { sizeBytes, pieces }) => sum + pieces * (sizeBytes + SLACK_BYTES),
    0,
  );

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#address = arena.take(StagingMemory.sizeBytes);
  }

  /** A piece of at least so many bytes, or the largest there is; the caller's until {@link give}. */
  async take(sizeBytes: number): Promise<StagedPiece> {
    const kind = this.#kinds.find((one) => one.sizeBytes >= sizeBytes) ?? this.#kinds.at(-1)!;
    const free = kind.free.pop();
    if (free !== undefined) return free;
    if (kind.left === 0) return new Promise((resolve) => kind.waiting.push(resolve));
    kind.left--;
    const address = this.#address;
    this.#address += kind.sizeBytes + SLACK_BYTES;
    return { bytes: new Uint8Array(this.#arena.buffer, address, kind.sizeBytes), address };
  }

  give(piece: StagedPiece): void {
    const kind = this.#kinds.find((one) => one.sizeBytes === piece.bytes.length)!;
    const next = kind.waiting.shift();
    if (next !== undefined) next(piece);
    else kind.free.push(piece);
  }
}
