/**
 * What a log must hold, may hold and must not hold, by what its callers were told. Each value names the partition it was sent to and has a number of its
 * own, so that a record says by itself where it belongs. A batch is
 *
 *  - `asked` from its append on: it may be there or not;
 *  - `certain` once it was acknowledged, or read, or found by a restart: from then on it is at its offset with its bytes, in every life, and cannot be refused;
 *  - `refused` once it was answered with an error: nobody reads it in this life. A failed write may have reached the disk all the same, so a restart may find
 *    it, though only if no later append was acknowledged, which would have taken its place;
 *  - `gone` once a restart did not find it, or when it was refused for what it is: it never comes back.
 *
 * The batches of a partition lie in the order they were sent in, without gaps. Each partition also has an idempotent producer. It repeats a batch until it is
 * certain and sometimes after that, as after lost answers; all attempts are one batch, at one offset.
 */
import assert from "node:assert/strict";
import { BatchWalker, isBatchCrcValid, RecordCursor } from "@ottla/protocol";

export interface SentBatch {
  readonly values: readonly string[];
  /** Of its first record, −1 when it is not of the idempotent producer. */
  readonly sequence: number;
  /** Number of the append it was first sent with. */
  readonly append: number;
  /** How often it was sent, and how many answers are due. */
  attempts: number;
  due: number;
  state: "asked" | "certain" | "refused" | "gone";
  /** −1 unless `certain`. */
  baseOffset: number;
  /** How many appends had been made when it was refused. */
  refusedAfter: number;
}

export interface FoundRecord {
  readonly offset: number;
  readonly value: string;
}

/** The values that are sent, and the order of appends and answers over all partitions: they share one journal. */
export class Ledger {
  /** Appends that were made. */
  appends = 0;
  /** The last append of which something was acknowledged. */
  lastAcknowledged = 0;
  #values = 0;
  #producers = 0;

  nextProducerId(): number {
    return ++this.#producers;
  }

  nextValue(partition: string, sizeBytes: number): string {
    const unit = `<${partition}#${this.#values++}>`;
    return unit.repeat(1 + Math.floor(sizeBytes / unit.length));
  }
}

/** A key of its own for each value, so that compaction has nothing to drop. */
export function keyOf(value: string): string {
  return value.slice(0, value.indexOf(">") + 1);
}

export class PartitionModel {
  /** `topic/index` */
  readonly name: string;
  readonly producerId: number;
  readonly #ledger: Ledger;
  /** By key of each record. */
  readonly #sent = new Map<string, { readonly batch: SentBatch; readonly index: number }>();
  readonly #undecided = new Set<SentBatch>();
  readonly #certain = new Map<number, string>();
  /** The last batch of the idempotent producer. */
  #idempotent: SentBatch | null = null;
  /** The highest log start that was asked for and the highest that was answered. */
  #askedStart = 0;
  #answeredStart = 0;

  constructor(name: string, ledger: Ledger) {
    this.name = name;
    this.#ledger = ledger;
    this.producerId = ledger.nextProducerId();
  }

  send(values: readonly string[], sequence = -1): SentBatch {
    const batch: SentBatch = {
      values,
      sequence,
      append: this.#ledger.appends,
      attempts: 0,
      due: 0,
      state: "asked",
      baseOffset: -1,
      refusedAfter: -1,
    };
    for (const [index, value] of values.entries()) this.#sent.set(keyOf(value), { batch, index });
    return this.#attempt(batch);
  }

  /** The next batch of the idempotent producer, with values that are drawn if it is a new one. */
  sendIdempotent(repeatsCertain: boolean, drawValues: () => readonly string[]): SentBatch {
    const last = this.#idempotent;
    if (last === null) this.#idempotent = this.send(drawValues(), 0);
    else if (last.state !== "certain" || repeatsCertain) this.#attempt(last);
    else this.#idempotent = this.send(drawValues(), last.sequence + last.values.length);
    return this.#idempotent!;
  }

  acknowledge(batch: SentBatch, baseOffset: number): void {
    const { append, state } = batch;
    assert.ok(state === "asked" || state === "certain", `${this.name}: acknowledged when ${state}`);
    batch.due--;
    this.#makeCertain(batch, baseOffset);
    this.#ledger.lastAcknowledged = Math.max(this.#ledger.lastAcknowledged, append);
  }

  /** An attempt failed. */
  refuse(batch: SentBatch): void {
    batch.due--;
    if (batch.state === "certain") {
      assert.ok(
        batch.attempts > 1,
        `${this.name}: ${keyOf(batch.values[0]!)} is read, then refused`,
      );
    } else if (batch.due === 0) {
      batch.state = "refused";
      batch.refusedAfter = this.#ledger.appends;
    }
  }

  /** It was refused for what it is, and never got near the disk. */
  reject(batch: SentBatch): void {
    this.refuse(batch);
    batch.state = "gone";
    this.#undecided.delete(batch);
  }

  askStart(offset: number): void {
    this.#askedStart = Math.max(this.#askedStart, offset);
  }

  answerStart(offset: number): void {
    this.#answeredStart = Math.max(this.#answeredStart, offset);
  }

  /** Some records that a reader was given. */
  read(found: readonly FoundRecord[]): void {
    for (const record of found) {
      const { batch, index } = this.#batchOf(record);
      assert.ok(
        batch.state === "asked" || batch.state === "certain",
        `${this.name}: ${keyOf(record.value)} is read at ${record.offset}, but it is ${batch.state}`,
      );
      this.#makeCertain(batch, record.offset - index);
    }
  }

  /** All that a restart found, from the log start on: decides what had been left open. */
  restart(found: readonly FoundRecord[]): void {
    for (const record of found) {
      const { batch } = this.#batchOf(record);
      if (batch.state !== "refused") continue;
      assert.ok(
        batch.refusedAfter >= this.#ledger.lastAcknowledged,
        `${this.name}: ${keyOf(record.value)} came back at ${record.offset}, after later appends`,
      );
      batch.state = "asked";
    }
    this.read(found);
    for (const batch of this.#undecided) {
      batch.state = "gone";
      batch.due = 0;
    }
    this.#undecided.clear();
  }

  /** All that can be read now, from the log start to the high watermark. */
  checkWhole(found: readonly FoundRecord[], logStart: number, highWatermark: number): void {
    this.read(found);
    assert.ok(logStart >= this.#answeredStart, `${this.name}: the log start moved back`);
    assert.ok(logStart <= this.#askedStart, `${this.name}: starts at ${logStart}`);
    this.#checkOrder(found, logStart);
    const end = logStart + found.length;
    assert.equal(end, highWatermark, `${this.name}: ends at ${end}`);
    for (const [offset, value] of this.#certain) {
      assert.ok(offset < end, `${this.name}: lost ${keyOf(value)} at ${offset}, ends at ${end}`);
    }
  }

  #checkOrder(found: readonly FoundRecord[], logStart: number): void {
    let last = -1;
    for (const [i, record] of found.entries()) {
      assert.equal(record.offset, logStart + i, `${this.name}: a gap`);
      const { append, attempts } = this.#batchOf(record).batch;
      // Which attempt it was is not known.
      if (attempts > 1) continue;
      assert.ok(append >= last, `${this.name}: ${keyOf(record.value)} is out of order`);
      last = append;
    }
  }

  #attempt(batch: SentBatch): SentBatch {
    batch.attempts++;
    batch.due++;
    if (batch.state === "certain") return batch;
    batch.state = "asked";
    this.#undecided.add(batch);
    return batch;
  }

  #batchOf({ offset, value }: FoundRecord): { batch: SentBatch; index: number } {
    const sent = this.#sent.get(keyOf(value));
    assert.ok(sent !== undefined, `${this.name} at ${offset}: not sent: ${value.slice(0, 40)}`);
    assert.ok(value === sent.batch.values[sent.index], `${this.name} at ${offset}: other bytes`);
    return sent;
  }

  #makeCertain(batch: SentBatch, baseOffset: number): void {
    if (batch.state === "certain") {
      assert.equal(baseOffset, batch.baseOffset, `${this.name}: a batch at two offsets`);
      return;
    }
    for (const [i, value] of batch.values.entries()) {
      const other = this.#certain.get(baseOffset + i);
      assert.ok(
        other === undefined,
        `${this.name}: ${keyOf(value)} at ${baseOffset + i}, where ${keyOf(other ?? "")} is`,
      );
      this.#certain.set(baseOffset + i, value);
    }
    batch.state = "certain";
    batch.baseOffset = baseOffset;
    this.#undecided.delete(batch);
  }
}

/** The records of the batches of a read. */
export function recordsOf(batches: readonly Buffer[]): FoundRecord[] {
  const found: FoundRecord[] = [];
  const cursor = new RecordCursor();
  for (const bytes of batches) {
    const walker = new BatchWalker(bytes);
    while (walker.next()) {
      const batch = bytes.subarray(walker.position, walker.position + walker.size);
      assert.ok(isBatchCrcValid(batch, 0), "a batch with a wrong CRC was read");
      cursor.start(batch, 0);
      while (cursor.next()) {
        const value = cursor.buffer.toString("latin1", cursor.valueStart, cursor.valueEnd);
        found.push({ offset: cursor.offset, value });
      }
    }
  }
  return found;
}
