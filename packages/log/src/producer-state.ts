/**
 * What one partition remembers of producers: sequences (IP1–IP7) and transactions (TX9–TX11).
 *
 * Per producer id: the last five durable batches and whatever was staged behind them, each with its epoch, sequences and offsets; and *marks*,
 * one for each beginning and end of a transaction, each with the state from there on. The epoch is that of the newest of all of these (epochs
 * never fall), the last sequence that of the newest batch of this epoch: a marker with a new epoch forgets the sequences.
 *
 * Taking back a failed group is dropping batches and marks from the end; five durable batches and one mark in the segments always stay, so that
 * nothing is forgotten by a failure, and so that a checkpoint finds the state as it was where the segments end.
 *
 * Sequences are int32 and wrap from 2^31 − 1 to 0 (IP2). An id without state may start anywhere (IP3), except in a transaction of version 2; a
 * new epoch must start at 0 (IP4). Epoch −1 is none, as in Kafka: an id without state accepts it, and behind it any sequence of any later epoch.
 */
import type { ProducerDescription } from "./engine.ts";
import { OpenTransactions } from "./open-transactions.ts";

const REMEMBERED_BATCHES = 5;
const NO_EPOCH = -1;
const NO_SEQUENCE = -1;
const MAX_SEQUENCE = 0x7fff_ffff;

/** A batch of a producer. Sequences and offsets are inclusive; sequences are −1 in batches of a coordinator. */
export interface ProducerBatch {
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** The batch's max timestamp. */
  readonly timestampMs: number;
}

/** A transaction began or ended here. */
export interface TransactionMark {
  /** First offset of the batch that began it, or that of the end marker. */
  readonly offset: number;
  readonly epoch: number;
  /** Of the newest end marker so far, or −1. */
  readonly coordinatorEpoch: number;
  /** First offset of the transaction that is open from here on, or −1. */
  readonly openOffset: number;
  readonly timestampMs: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  /** Oldest first. */
  readonly batches: ProducerBatch[];
  /** Oldest first; empty without transactions. One of the two is never empty. */
  readonly marks: TransactionMark[];
  /** Wall-clock time of the last append; expiry counts from here (IP7). */
  lastSeenMs: number;
}

/** What a producer entry comes to at some offset. */
export interface ProducerSummary {
  readonly producerId: number;
  readonly epoch: number;
  /** The newest batch of this epoch, if any. */
  readonly lastBatch: ProducerBatch | null;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  readonly openOffset: number;
}

export type ProducerFault =
  | "outOfOrderSequence"
  | "invalidProducerEpoch"
  | "invalidTransactionState"
  | "coordinatorFenced";

export class ProducerStates {
  readonly #entries = new Map<number, ProducerEntry>();
  readonly #open = new OpenTransactions();

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  /** First offset of the earliest transaction whose end is not durable, or −1. */
  get firstOpenOffset(): number {
    return this.#open.firstOffset;
  }

  /** The remembered batch with exactly these sequences, or null (IP1). */
  findDuplicate(
    producerId: number,
    epoch: number,
    firstSequence: number,
    lastSequence: number,
  ): ProducerBatch | null {
    const entry = this.#entries.get(producerId);
    if (entry === undefined || epochOf(entry) !== epoch) return null;
    const { batches } = entry;
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

  /** Whether a batch that is no duplicate may follow what is known (IP2–IP4). `startsAtZero`: also where nothing is known. */
  check(
    producerId: number,
    epoch: number,
    firstSequence: number,
    startsAtZero = false,
  ): ProducerFault | null {
    const entry = this.#entries.get(producerId);
    const known = entry === undefined ? NO_EPOCH : epochOf(entry);
    if (epoch < known) return "invalidProducerEpoch";
    const last = entry === undefined ? null : lastBatchOf(entry, known);
    if (last === null && startsAtZero && firstSequence !== 0) return "outOfOrderSequence";
    if (known === NO_EPOCH) return null;
    const expected = epoch > known || last === null ? 0 : nextSequence(last.lastSequence);
    return firstSequence === expected ? null : "outOfOrderSequence";
  }

  /** Whether a coordinator's batch may follow: it has no sequences. */
  checkEpoch(producerId: number, epoch: number): ProducerFault | null {
    const entry = this.#entries.get(producerId);
    return entry !== undefined && epoch < epochOf(entry) ? "invalidProducerEpoch" : null;
  }

  /** Outside its transaction a producer may not write while one is open (TX10). */
  checkTransaction(producerId: number, isTransactional: boolean): ProducerFault | null {
    if (isTransactional) return null;
    const entry = this.#entries.get(producerId);
    return entry !== undefined && openOffsetOf(entry) >= 0 ? "invalidTransactionState" : null;
  }

  /**
   * Whether an end marker may be appended (TX7). From transaction version 2 on its epoch is above that of the transaction, so that a marker that is
   * late or repeated cannot end the next one; a repeated one that would end nothing is let through, as a coordinator that starts again
   * writes its markers once more.
   */
  checkMarker(
    producerId: number,
    epoch: number,
    coordinatorEpoch: number,
    transactionVersion: number,
  ): ProducerFault | null {
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return epoch < NO_EPOCH ? "invalidProducerEpoch" : null;
    const known = epochOf(entry);
    if (epoch < known) return "invalidProducerEpoch";
    if (epoch === known && transactionVersion >= 2 && openOffsetOf(entry) >= 0) {
      return "invalidProducerEpoch";
    }
    const coordinator = entry.marks.at(-1)?.coordinatorEpoch ?? -1;
    return coordinatorEpoch < coordinator ? "coordinatorFenced" : null;
  }

  /**
   * Remembers an appended batch; batches below `durableOffset` beyond the last five are dropped. A transactional one begins a transaction
   * unless the producer has one open. Of the marks below `writtenOffset` the last one is kept.
   */
  add(
    producerId: number,
    batch: ProducerBatch,
    isTransactional: boolean,
    seenMs: number,
    durableOffset: number,
    writtenOffset: number,
  ): void {
    const entry = this.#entryOf(producerId, seenMs);
    const { batches } = entry;
    batches.push(batch);
    while (
      batches.length > REMEMBERED_BATCHES &&
      batches[REMEMBERED_BATCHES]!.lastOffset < durableOffset
    ) {
      batches.shift();
    }
    if (!isTransactional || openOffsetOf(entry) >= 0) return;
    const { baseOffset: offset, epoch, timestampMs } = batch;
    const coordinatorEpoch = entry.marks.at(-1)?.coordinatorEpoch ?? -1;
    addMark(
      entry,
      { offset, epoch, coordinatorEpoch, openOffset: offset, timestampMs },
      writtenOffset,
    );
    this.#open.begin(producerId, offset);
  }

  /**
   * An end marker was appended at `offset`.
   * @returns the transaction that it ended and what the last stable offset is then, or null when none was open.
   */
  end(
    producerId: number,
    epoch: number,
    coordinatorEpoch: number,
    offset: number,
    timestampMs: number,
    seenMs: number,
    writtenOffset: number,
  ): { readonly firstOffset: number; readonly lastStableOffset: number } | null {
    const entry = this.#entryOf(producerId, seenMs);
    const firstOffset = openOffsetOf(entry);
    addMark(entry, { offset, epoch, coordinatorEpoch, openOffset: -1, timestampMs }, writtenOffset);
    if (firstOffset < 0) return null;
    return { firstOffset, lastStableOffset: this.#open.end(producerId, offset) };
  }

  /** Everything below `end` is durable. */
  settle(end: number): void {
    this.#open.settle(end);
  }

  /** Puts back an entry from a snapshot or checkpoint. */
  restore(entry: ProducerEntry): void {
    this.#entries.set(entry.producerId, entry);
    const openOffset = openOffsetOf(entry);
    if (openOffset >= 0) this.#open.begin(entry.producerId, openOffset);
  }

  /** Forgets what is at or above `offset`, which never became durable. */
  truncateTo(offset: number): void {
    for (const { producerId, batches, marks } of this.#entries.values()) {
      while (batches.length > 0 && batches[batches.length - 1]!.lastOffset >= offset) batches.pop();
      while (marks.length > 0 && marks[marks.length - 1]!.offset >= offset) marks.pop();
      if (batches.length === 0 && marks.length === 0) this.#entries.delete(producerId);
    }
    this.#open.truncateTo(offset);
  }

  /** Forgets producers not seen since `deadlineMs`, unless they have an open transaction (IP7). Returns how many. */
  expire(deadlineMs: number): number {
    const open = this.#open.producerIds();
    let expired = 0;
    for (const { producerId, lastSeenMs } of this.#entries.values()) {
      if (lastSeenMs <= deadlineMs && !open.has(producerId)) {
        this.#entries.delete(producerId);
        expired++;
      }
    }
    return expired;
  }

  #entryOf(producerId: number, seenMs: number): ProducerEntry {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = { producerId, batches: [], marks: [], lastSeenMs: seenMs };
      this.#entries.set(producerId, entry);
    }
    entry.lastSeenMs = seenMs;
    return entry;
  }
}

/** The entry as it was when the log ended at `end`; null when it knew nothing of the producer. */
export function summarize(entry: ProducerEntry, end = Infinity): ProducerSummary | null {
  const batch = entry.batches.findLast(({ lastOffset }) => lastOffset < end) ?? null;
  const mark = entry.marks.findLast(({ offset }) => offset < end) ?? null;
  if (batch === null && mark === null) return null;
  const epoch = Math.max(batch?.epoch ?? NO_EPOCH, mark?.epoch ?? NO_EPOCH);
  const isMarkNewer = mark !== null && (batch === null || mark.offset > batch.lastOffset);
  return {
    producerId: entry.producerId,
    epoch,
    lastBatch: batch !== null && batch.epoch === epoch ? batch : null,
    lastTimestampMs: isMarkNewer ? mark.timestampMs : (batch?.timestampMs ?? -1),
    coordinatorEpoch: mark?.coordinatorEpoch ?? -1,
    openOffset: mark?.openOffset ?? -1,
  };
}

/** Every producer of a partition as of now. */
export function describeProducers(producers: ProducerStates): readonly ProducerDescription[] {
  const descriptions: ProducerDescription[] = [];
  for (const entry of producers.entries()) {
    const producer = summarize(entry)!;
    descriptions.push({
      producerId: producer.producerId,
      producerEpoch: producer.epoch,
      lastSequence: producer.lastBatch?.lastSequence ?? -1,
      lastTimestampMs: producer.lastTimestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.openOffset,
    });
  }
  return descriptions;
}

function epochOf(entry: ProducerEntry): number {
  const { batches, marks } = entry;
  const epoch = batches.length > 0 ? batches[batches.length - 1]!.epoch : NO_EPOCH;
  return marks.length > 0 ? Math.max(epoch, marks[marks.length - 1]!.epoch) : epoch;
}

function lastBatchOf(entry: ProducerEntry, epoch: number): ProducerBatch | null {
  const { batches } = entry;
  const last = batches.length > 0 ? batches[batches.length - 1]! : null;
  return last !== null && last.epoch === epoch ? last : null;
}

function openOffsetOf(entry: ProducerEntry): number {
  const { marks } = entry;
  return marks.length > 0 ? marks[marks.length - 1]!.openOffset : -1;
}

function addMark(entry: ProducerEntry, mark: TransactionMark, writtenOffset: number): void {
  const { marks } = entry;
  marks.push(mark);
  let dropped = 0;
  while (dropped + 1 < marks.length && marks[dropped + 1]!.offset < writtenOffset) dropped++;
  if (dropped > 0) marks.splice(0, dropped);
}

/** The sequence of the record `increment` places behind the one at `sequence`. */
export function addSequence(sequence: number, increment: number): number {
  if (sequence === NO_SEQUENCE) return NO_SEQUENCE;
  return sequence > MAX_SEQUENCE - increment
    ? increment - (MAX_SEQUENCE - sequence) - 1
    : sequence + increment;
}

function nextSequence(sequence: number): number {
  return sequence === MAX_SEQUENCE ? 0 : sequence + 1;
}
