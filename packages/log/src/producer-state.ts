/**
 * What one partition remembers of idempotent producers (IP1–IP7).
 *
 * Per producer id: the last five durable batches and whatever was staged behind them, each with its epoch, sequences and offsets. Epoch and last
 * sequence are those of the newest batch, so taking back a failed group is dropping batches from the end; five durable ones always
 * stay so that nothing is forgotten by a failure.
 *
 * Sequences are int32 and wrap from 2^31 − 1 to 0 (IP2). An id without state may start anywhere (IP3); a new epoch must start at 0 (IP4).
 * Epoch −1 is none, as in Kafka: an id without state accepts it, and behind it any sequence of any later epoch.
 *
 * Transactions will hang on {@link ProducerEntry.openTransactionOffset}: the last stable offset is the least of them, or the high watermark.
 */

const REMEMBERED_BATCHES = 5;
const NO_EPOCH = -1;
const MAX_SEQUENCE = 0x7fff_ffff;

/** A batch of a producer. Sequences and offsets are inclusive. */
export interface ProducerBatch {
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** The batch's max timestamp. */
  readonly timestampMs: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  /** Oldest first, never empty. */
  readonly batches: ProducerBatch[];
  /** Wall-clock time of the last append; expiry counts from here (IP7). */
  lastSeenMs: number;
  coordinatorEpoch: number;
  /** First offset of the open transaction, or −1. */
  openTransactionOffset: number;
}

export type SequenceFault = "outOfOrderSequence" | "invalidProducerEpoch";

export class ProducerStates {
  readonly #entries = new Map<number, ProducerEntry>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  get(producerId: number): ProducerEntry | null {
    return this.#entries.get(producerId) ?? null;
  }

  /** The remembered batch with exactly these sequences, or null (IP1). */
  findDuplicate(
    producerId: number,
    epoch: number,
    firstSequence: number,
    lastSequence: number,
  ): ProducerBatch | null {
    const batches = this.#entries.get(producerId)?.batches;
    if (batches === undefined || batches[batches.length - 1]!.epoch !== epoch) return null;
    const oldest = Math.max(0, batches.length - REMEMBERED_BATCHES);
    for (let i = batches.length - 1; i >= oldest; i--) {
      const batch = batches[i]!;
      if (batch.epoch !== epoch) break;
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) {
        return batch;
      }
    }
    return null;
  }

  /** Whether a batch that is no duplicate may follow what is known (IP2–IP4). */
  check(producerId: number, epoch: number, firstSequence: number): SequenceFault | null {
    const batches = this.#entries.get(producerId)?.batches;
    const last = batches?.[batches.length - 1];
    const known = last?.epoch ?? NO_EPOCH;
    if (epoch < known) return "invalidProducerEpoch";
    if (last === undefined || known === NO_EPOCH) return null;
    const expected = epoch > known ? 0 : nextSequence(last.lastSequence);
    return firstSequence === expected ? null : "outOfOrderSequence";
  }

  /** Remembers an appended batch; batches below `durableOffset` beyond the last five are dropped. */
  add(producerId: number, batch: ProducerBatch, seenMs: number, durableOffset: number): void {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = {
        producerId,
        batches: [],
        lastSeenMs: seenMs,
        coordinatorEpoch: -1,
        openTransactionOffset: -1,
      };
      this.#entries.set(producerId, entry);
    }
    const { batches } = entry;
    batches.push(batch);
    entry.lastSeenMs = seenMs;
    while (
      batches.length > REMEMBERED_BATCHES &&
      batches[REMEMBERED_BATCHES]!.lastOffset < durableOffset
    ) {
      batches.shift();
    }
  }

  /** Puts back an entry from a snapshot or checkpoint. */
  restore(entry: ProducerEntry): void {
    this.#entries.set(entry.producerId, entry);
  }

  /** Forgets batches at or above `offset`, which never became durable. */
  truncateTo(offset: number): void {
    for (const entry of this.#entries.values()) {
      const { batches } = entry;
      while (batches.length > 0 && batches[batches.length - 1]!.lastOffset >= offset) batches.pop();
      if (batches.length === 0) this.#entries.delete(entry.producerId);
    }
  }

  /** Forgets producers whose last record was deleted, unless they have an open transaction. */
  removeBelow(logStartOffset: number): void {
    for (const entry of this.#entries.values()) {
      const last = entry.batches[entry.batches.length - 1]!;
      if (last.lastOffset < logStartOffset && entry.openTransactionOffset < 0) {
        this.#entries.delete(entry.producerId);
      }
    }
  }

  /** Forgets producers not seen since `deadlineMs` (IP7). Returns how many. */
  expire(deadlineMs: number): number {
    let expired = 0;
    for (const entry of this.#entries.values()) {
      if (entry.lastSeenMs <= deadlineMs && entry.openTransactionOffset < 0) {
        this.#entries.delete(entry.producerId);
        expired++;
      }
    }
    return expired;
  }

  /** First offset of the earliest open transaction, or −1. */
  firstOpenTransactionOffset(): number {
    let first = -1;
    for (const { openTransactionOffset: offset } of this.#entries.values()) {
      if (offset >= 0 && (first < 0 || offset < first)) first = offset;
    }
    return first;
  }
}

/** The sequence of the record `increment` places behind the one at `sequence`. */
export function addSequence(sequence: number, increment: number): number {
  return sequence > MAX_SEQUENCE - increment
    ? increment - (MAX_SEQUENCE - sequence) - 1
    : sequence + increment;
}

function nextSequence(sequence: number): number {
  return sequence === MAX_SEQUENCE ? 0 : sequence + 1;
}
