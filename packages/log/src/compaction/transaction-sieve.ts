/**
 * What the cleaner must know of transactions while it walks over a log in offset order: which batches belong to aborted ones, and which
 * markers nobody needs any more.
 *
 * A marker may go once the walk met no batch of its transaction: all of its data was removed by earlier walks. Then the delete horizon is
 * set on it, and behind the horizon it is removed, like a tombstone (KIP-534). A reader that had seen the first records of the
 * transaction has had that long to see its end.
 *
 * An aborted transaction stays in the index for as long as its marker must: {@link TransactionSieve.takeKept} tells which.
 */
import {
  baseOffset,
  controlTypeOf,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  RecordCursor,
} from "@ottla/protocol";

/** An aborted transaction as the log's index has it. Offsets are inclusive. */
export interface AbortedSpan {
  readonly producerId: number;
  readonly firstOffset: number;
  /** That of its marker. */
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export class TransactionSieve<Span extends AbortedSpan = AbortedSpan> {
  /** Ascending by first offset. */
  readonly #aborted: readonly Span[];
  #next = 0;
  /** Aborted transactions that are open at this place of the walk, and whether a batch of theirs was met. */
  readonly #openAborted = new Map<number, { readonly span: Span; hasData: boolean }>();
  /** Producers with a batch of a committed transaction that is open at this place. */
  readonly #openCommitted = new Set<number>();
  readonly #cursor = new RecordCursor();
  #kept: Span[] = [];

  /** `aborted` holds at least the transactions whose marker lies at or behind `start`, where the walk begins, in any order. */
  constructor(aborted: readonly Span[], start = 0) {
    this.#aborted = aborted
      .filter((span) => span.lastOffset >= start)
      .sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Looks at the next batch of the walk. True when its records are not needed: they were aborted, or it is a marker without data. */
  discards(buffer: Buffer, at: number): boolean {
    this.#openUpTo(lastOffset(buffer, at));
    if (isControl(buffer, at)) return this.#endsNothing(buffer, at);
    if (!isTransactional(buffer, at)) return false;
    const id = producerId(buffer, at);
    const aborted = this.#openAborted.get(id);
    const base = baseOffset(buffer, at);
    if (
      aborted === undefined ||
      aborted.span.firstOffset > base ||
      aborted.span.lastOffset < base
    ) {
      this.#openCommitted.add(id);
      return false;
    }
    aborted.hasData = true;
    return true;
  }

  /** The aborted transactions that ended since the last call and whose markers are still needed. */
  takeKept(): Span[] {
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  #openUpTo(offset: number): void {
    const aborted = this.#aborted;
    while (this.#next < aborted.length && aborted[this.#next]!.firstOffset <= offset) {
      const span = aborted[this.#next++]!;
      this.#openAborted.set(span.producerId, { span, hasData: false });
    }
  }

  #endsNothing(buffer: Buffer, at: number): boolean {
    const cursor = this.#cursor;
    cursor.start(buffer, at);
    // An emptied marker: it was not needed then and is not now.
    if (!cursor.next()) return true;
    const id = producerId(buffer, at);
    const type = controlTypeOf(cursor.key());
    if (type === "commit") return !this.#openCommitted.delete(id);
    if (type !== "abort") return false;
    const aborted = this.#openAborted.get(id);
    this.#openAborted.delete(id);
    if (aborted === undefined || !aborted.hasData) return true;
    this.#kept.push(aborted.span);
    return false;
  }
}
