/**
 * One record batch on its way to a partition's leader, and who waits for it. A batch is open while records are appended, then sealed into
 * bytes when it is first sent. What it is stamped with (producer id, epoch, sequence) stays the same over retries, so that the leader
 * recognizes it; only after the leader has said that it is not in the log may it get another stamp.
 */
import {
  BatchBuilder,
  type BatchOptions,
  type CompressionType,
  RecordCursor,
  stampCrc,
  writeInt64,
} from "@ottla/protocol";
import type { BytePool } from "../byte-pool.ts";
import type { ProducerRecord } from "./record.ts";
import type { Ticket } from "./ticket.ts";

const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;

const MIN_ROOM_BYTES = 128;
const SEQUENCES = 2 ** 31;

/** The sequence `count` records after `sequence`; wraps from 2^31 − 1 to 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface BatchSettings {
  readonly compression: CompressionType;
  readonly compressionLevel: number | null;
}

export class ProducerBatch {
  readonly partition: number;
  /** Monotonic. */
  readonly createdMs: number;
  readonly #settings: BatchSettings;
  readonly #builder: BatchBuilder;
  readonly #pool: BytePool;
  /** What records are written into, unless they turn out to need more. */
  readonly #room: Buffer;
  /** Read by the builder when it builds. */
  readonly #stamp: Writable<BatchOptions>;
  /** Parallel lists: who waits, the place of the record with them, the record's place in the batch. */
  readonly #tickets: Ticket[] = [];
  readonly #indexes: number[] = [];
  readonly #deltas: number[] = [];
  readonly #timestamps: number[] = [];
  #bytes: Buffer | null = null;
  /** Set for a part of a batch, whose bytes are the whole's. */
  #heldBytes = -1;
  producerId = -1;
  producerEpoch = -1;
  /** −1 until a sequence was given. */
  baseSequence = -1;
  /** Times it was sent. */
  attempts = 0;
  /** Its place among the batches of its partition that were sent. */
  order = -1;
  /** Monotonic; not sent before. */
  retryAtMs = 0;
  /** Whether it may be in the log: sent, and no answer said that it is not. */
  maybeWritten = false;
  /** Why the last attempt failed, or null. */
  lastError: Error | null = null;
  isFull = false;
  isDone = false;
  /** Called once when it is delivered or given up. */
  onDone: (() => void)[] = [];

  constructor(
    partition: number,
    createdMs: number,
    settings: BatchSettings,
    isTransactional: boolean,
    pool: BytePool,
    initialBytes: number,
  ) {
    this.partition = partition;
    this.createdMs = createdMs;
    this.#settings = settings;
    this.#pool = pool;
    this.#room = pool.take(Math.max(initialBytes, MIN_ROOM_BYTES));
    this.#stamp = {
      compression: settings.compression,
      isTransactional,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      buffer: this.#room,
      allocate: pool.take,
      ...(settings.compressionLevel === null
        ? {}
        : { compressionLevel: settings.compressionLevel }),
    };
    this.#builder = new BatchBuilder(this.#stamp);
  }

  get count(): number {
    return this.#builder.recordsCount;
  }

  /** Before compression. */
  get sizeBytes(): number {
    return this.#builder.sizeBytes;
  }

  /** What it counts for in the producer's buffer. */
  get heldBytes(): number {
    return this.#heldBytes >= 0 ? this.#heldBytes : this.sizeBytes;
  }

  /** Appends a record, whose key may have been turned into bytes already. Returns the bytes it took. */
  append(
    record: ProducerRecord,
    key: Uint8Array | string | null,
    timestampMs: number,
    ticket: Ticket | null,
    index: number,
  ): number {
    const before = this.#builder.sizeBytes;
    const delta = this.#builder.append(timestampMs, key, record.value ?? null, record.headers);
    if (ticket !== null) {
      this.#tickets.push(ticket);
      this.#indexes.push(index);
      this.#deltas.push(delta);
      this.#timestamps.push(timestampMs);
    }
    return this.#builder.sizeBytes - before;
  }

  /** Gives it its place in the producer's sequence. */
  stamp(producerId: number, producerEpoch: number, baseSequence: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
    const bytes = this.#bytes;
    if (bytes === null) return;
    writeInt64(bytes, PRODUCER_ID_AT, producerId);
    bytes.writeInt16BE(producerEpoch, PRODUCER_EPOCH_AT);
    bytes.writeInt32BE(baseSequence, BASE_SEQUENCE_AT);
    stampCrc(bytes, 0);
  }

  /** The finished batch; the same bytes every time. */
  bytes(): Buffer {
    if (this.#bytes === null) {
      this.#stamp.producerId = this.producerId;
      this.#stamp.producerEpoch = this.producerEpoch;
      this.#stamp.baseSequence = this.baseSequence;
      this.#bytes = this.#builder.build();
      // Compressed, or outgrown: what is sent lies elsewhere.
      if (this.#bytes.buffer !== this.#room.buffer) this.#pool.giveBack(this.#room);
    }
    return this.#bytes;
  }

  /** Gives its memory back, for a batch whose bytes nobody will read again: delivered at the first attempt. */
  recycle(): void {
    if (this.#bytes !== null) this.#pool.giveBack(this.#bytes);
    this.#bytes = null;
  }

  /** `baseOffset` is −1 when the broker did not say; `appendTimeMs` is −1 unless the broker set the time. */
  succeed(topic: string, baseOffset: number, appendTimeMs: number): void {
    for (let i = 0; i < this.#tickets.length; i++) {
      this.#tickets[i]!.deliver(this.#indexes[i]!, {
        topic,
        partition: this.partition,
        offset: baseOffset < 0 ? -1 : baseOffset + this.#deltas[i]!,
        timestampMs: appendTimeMs >= 0 ? appendTimeMs : this.#timestamps[i]!,
      });
    }
    this.#finish();
  }

  fail(error: Error): void {
    for (let i = 0; i < this.#tickets.length; i++) this.#tickets[i]!.fail(error);
    this.#finish();
  }

  /**
   * Two batches with a half of the bytes each, for one of several records that is not in the log and may not enter it as large as it is.
   * They share its place and its sequence, count as sent as often as it was, and it is done when both are.
   */
  split(): readonly [ProducerBatch, ProducerBatch] {
    const isTransactional = this.#stamp.isTransactional === true;
    const initialBytes = this.sizeBytes >> 1;
    const halves = [0, 1].map(
      () =>
        new ProducerBatch(
          this.partition,
          this.createdMs,
          this.#settings,
          isTransactional,
          this.#pool,
          initialBytes,
        ),
    ) as [ProducerBatch, ProducerBatch];
    const [first, second] = halves;
    const emptyBytes = first.sizeBytes;
    const halfBytes = emptyBytes + (this.sizeBytes - emptyBytes) / 2;
    const cursor = new RecordCursor();
    cursor.start(this.bytes());
    let ticket = 0;
    for (let i = 0; cursor.next(); i++) {
      const isFirst = i === 0 || (first.sizeBytes < halfBytes && i < this.count - 1);
      const half = isFirst ? first : second;
      const isWatched = this.#deltas[ticket] === i;
      const record = { topic: "", value: cursor.value(), headers: cursor.headers() };
      half.append(
        record,
        cursor.key(),
        cursor.timestampMs,
        isWatched ? this.#tickets[ticket]! : null,
        isWatched ? this.#indexes[ticket]! : 0,
      );
      if (isWatched) ticket++;
    }
    first.#heldBytes = Math.min(first.sizeBytes, this.heldBytes);
    second.#heldBytes = this.heldBytes - first.#heldBytes;
    let sequence = this.baseSequence;
    let left = halves.length;
    for (const half of halves) {
      half.order = this.order;
      half.attempts = this.attempts;
      half.isFull = true;
      half.onDone.push(() => {
        if (--left === 0) this.#finish();
      });
      if (sequence >= 0) {
        half.stamp(this.producerId, this.producerEpoch, sequence);
        sequence = sequenceAfter(sequence, half.count);
      }
    }
    return halves;
  }

  /** Whether every record has somebody who learns of a failure. */
  get isWatched(): boolean {
    return this.#tickets.length === this.count;
  }

  #finish(): void {
    this.isDone = true;
    for (const done of this.onDone) done();
  }
}
