/**
 * One file of a simulated disk: what readers see, what is on stable storage for sure, and the changes in between.
 *
 * `#changes` holds, in the order they were made, all changes that are not folded into `#durable` yet. A change is done once its call has
 * resolved, and durable once it was flushed: by its own synchronous write or by a later `sync`. After a crash the file holds `#durable` plus every durable
 * change, plus of each other change all, nothing, or any of its sectors, applied in order: so a durable change always wins over an earlier one.
 *
 * A flush that fails is the treacherous kind (Linux marks the pages clean all the same): what it should have flushed is kept or lost at random
 * there and then, readers go on seeing it, and a later successful flush does not bring it back.
 */
import type { Random } from "./random.ts";
import { SparseBytes } from "./sparse-bytes.ts";

/** What a disk writes whole or not at all, in bytes. */
export const SECTOR_BYTES = 512;

type Change = WriteChange | ResizeChange;

interface WriteChange {
  readonly kind: "write";
  readonly position: number;
  readonly bytes: Uint8Array;
  isDone: boolean;
  isDurable: boolean;
}

interface ResizeChange {
  /** `grow` never cuts. */
  readonly kind: "truncate" | "grow";
  readonly size: number;
  isDone: boolean;
  isDurable: boolean;
}

export class SimulatedFile {
  /** Whether a name leads to it; a file without one takes no space. */
  isLinked = true;
  readonly #live: SparseBytes;
  readonly #durable: SparseBytes;
  #changes: Change[] = [];

  constructor(content = new SparseBytes()) {
    this.#live = content;
    this.#durable = content.clone();
  }

  get size(): number {
    return this.#live.size;
  }

  read(target: Uint8Array, position: number): number {
    return this.#live.read(target, position);
  }

  /** Starts a write; `bytes` are copied. Call {@link finish} when it resolves. */
  write(bytes: Uint8Array, position: number): Change {
    const copy = Uint8Array.from(bytes);
    return this.#start({
      kind: "write",
      position,
      bytes: copy,
      isDone: false,
      isDurable: false,
    });
  }

  truncate(size: number): Change {
    return this.#start({ kind: "truncate", size, isDone: false, isDurable: false });
  }

  grow(size: number): Change {
    return this.#start({ kind: "grow", size, isDone: false, isDurable: false });
  }

  finish(change: Change, isDurable: boolean): void {
    change.isDone = true;
    change.isDurable = isDurable;
    this.#fold();
  }

  /** The changes that a flush begun now makes durable: those whose calls have resolved. */
  flushable(): readonly Change[] {
    return this.#changes.filter((change) => change.isDone && !change.isDurable);
  }

  flush(changes: readonly Change[]): void {
    for (const change of changes) {
      change.isDurable = true;
    }
    this.#fold();
  }

  /** A flush or a write failed: its changes reach the disk in part, and never again. */
  failFlush(changes: readonly Change[], random: Random): void {
    const failed = new Set(changes);
    this.#changes = this.#changes.flatMap((change) =>
      failed.has(change) ? survivorsOf(change, random) : [change],
    );
    this.#fold();
  }

  /** What a crash leaves, drawn anew with each call. */
  afterCrash(random: Random): SparseBytes {
    const content = this.#durable.clone();
    for (const change of this.#changes) {
      for (const survivor of change.isDurable ? [change] : survivorsOf(change, random)) {
        applyChange(content, survivor);
      }
    }
    return content;
  }

  #start(change: Change): Change {
    applyChange(this.#live, change);
    this.#changes.push(change);
    return change;
  }

  #fold(): void {
    let count = 0;
    while (this.#changes[count]?.isDurable) {
      applyChange(this.#durable, this.#changes[count]!);
      count += 1;
    }
    if (count > 0) {
      this.#changes.splice(0, count);
    }
  }
}

function applyChange(content: SparseBytes, change: Change): void {
  if (change.kind === "write") {
    content.write(change.bytes, change.position);
  } else if (change.kind === "truncate" || content.size < change.size) {
    content.resize(change.size);
  }
}

/** All of a change, none of it, or some of its sectors. */
function survivorsOf(change: Change, random: Random): Change[] {
  const fate = random.integer(3);
  if (fate === 0) {
    return [];
  }
  const whole: Change = { ...change, isDone: true, isDurable: true };
  if (fate === 1 || whole.kind !== "write") {
    return [whole];
  }
  const end = whole.position + whole.bytes.length;
  const sectors: Change[] = [];
  for (let at = whole.position; at < end; ) {
    const stop = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (random.integer(2) === 0) {
      const bytes = whole.bytes.subarray(at - whole.position, stop - whole.position);
      sectors.push({ ...whole, position: at, bytes });
    }
    at = stop;
  }
  return sectors;
}
