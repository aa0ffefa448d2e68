/**
 * The batches of one partition, in order: those in flight, then those that wait, the last of which may be open.
 *
 * Sequences are given when a batch is first sent and never change while it may be in the log. A batch that failed for a passing reason
 * goes back to the front; until all such have been sent again, one at a time, no other leaves, so order is kept. When the leader says
 * that a batch is out of order although all before it are settled, it lost sight of this producer (or a batch before was refused for
 * good): what is left starts over at sequence 0 under a new epoch.
 *
 * Leaders take any first sequence from a producer they do not know, so until one batch was acknowledged a second one would get in even
 * though the first was refused, and order would be lost: the first batch travels alone.
 */
import { type ProducerBatch, sequenceAfter } from "./batch.ts";

export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Waiting to be sent, oldest first. */
  readonly waiting: ProducerBatch[] = [];
  /** Sent and not answered, in order of sequence. */
  readonly inFlight: ProducerBatch[] = [];
  /** Bytes in `waiting`. */
  waitingBytes = 0;
  /** What the last batch grew to: about what the next one will. */
  lastBatchBytes = 0;
  producerId = -1;
  producerEpoch = -1;
  nextSequence = 0;
  /** Whether the leader has taken a batch of this producer. */
  #isKnown = false;
  /** Set when the sequence has to start over as soon as nothing is in flight. */
  needsNewEpoch = false;
  #orders = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** The batch that still takes records, or null. */
  get open(): ProducerBatch | null {
    const { waiting } = this;
    if (waiting.length === 0) return null;
    const last = waiting[waiting.length - 1]!;
    return !last.isFull && last.attempts === 0 && last.baseSequence < 0 ? last : null;
  }

  /** Whether the first waiting batch may be sent now, as far as order is concerned. */
  mayLeave(maxInFlight: number): boolean {
    if (this.inFlight.length >= maxInFlight) return false;
    if (this.inFlight.length === 0) return true;
    return this.#isKnown && !this.needsNewEpoch && this.waiting[0]!.attempts === 0;
  }

  /** Takes the first waiting batch and stamps it if it is new. */
  leave(isIdempotent: boolean): ProducerBatch {
    const batch = this.waiting.shift()!;
    this.waitingBytes -= batch.sizeBytes;
    this.lastBatchBytes = batch.sizeBytes;
    if (isIdempotent && batch.baseSequence < 0) {
      batch.stamp(this.producerId, this.producerEpoch, this.nextSequence);
      this.nextSequence = sequenceAfter(this.nextSequence, batch.count);
    }
    if (batch.order < 0) batch.order = this.#orders++;
    batch.isFull = true;
    batch.attempts++;
    batch.maybeWritten = true;
    this.inFlight.push(batch);
    return batch;
  }

  /** Takes a batch that was delivered out of flight. */
  acknowledge(batch: ProducerBatch): void {
    this.settle(batch);
    this.#isKnown = true;
  }

  /** Takes an answered batch out of flight. */
  settle(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch);
    if (index >= 0) this.inFlight.splice(index, 1);
  }

  /** Puts a batch that has to be sent again where its sequence belongs. */
  putBack(batch: ProducerBatch): void {
    this.settle(batch);
    let at = 0;
    while (at < this.waiting.length && isBefore(this.waiting[at]!, batch)) at++;
    this.waiting.splice(at, 0, batch);
    this.waitingBytes += batch.sizeBytes;
  }

  /** Puts both halves of a batch that is too large where it was. */
  putBackSplit(batch: ProducerBatch): void {
    const [first, second] = batch.split();
    this.settle(batch);
    // Equals go in front of one another.
    this.putBack(second);
    this.putBack(first);
  }

  /** Whether nothing before `batch` is unsettled. */
  isFirst(batch: ProducerBatch): boolean {
    const inFlight = this.inFlight[0];
    if (inFlight !== undefined && inFlight !== batch && isBefore(inFlight, batch)) return false;
    const waiting = this.waiting[0];
    return waiting === undefined || waiting.attempts === 0 || !isBefore(waiting, batch);
  }

  /** Starts over at sequence 0; none of the batches that wait is in the log. */
  startEpoch(producerId: number, producerEpoch: number): void {
    // A new epoch of a known producer has to begin at sequence 0, which keeps order by itself.
    this.#isKnown &&= producerId === this.producerId;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.nextSequence = 0;
    this.needsNewEpoch = false;
    for (const batch of this.waiting) {
      if (batch.baseSequence < 0) continue;
      batch.stamp(producerId, producerEpoch, this.nextSequence);
      this.nextSequence = sequenceAfter(this.nextSequence, batch.count);
    }
  }
}

/** Whether `a` was first sent before `b`; what was never sent comes last. */
function isBefore(a: ProducerBatch, b: ProducerBatch): boolean {
  if (a.order < 0 || b.order < 0) return a.order >= 0 && b.order < 0;
  return a.order < b.order;
}
