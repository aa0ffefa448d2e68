/**
 * One record batch on its way to a partition's leader, and who waits for it. A batch is open while records are appended, then sealed into
 * bytes when it is first sent. What it is stamped with (producer id, epoch, sequence) stays the same over retries, so that the leader
 * recognizes it; only after the leader has said that it is not in the log may it get another stamp.
 */
import {
  BatchBuilder,
  type BatchOptions,
  type CompressionType,
  stampCrc,
  writeInt64,
} from "@ottla/protocol";
import type { ProducerRecord } from "./record.ts";
import type { Ticket } from "./ticket.ts";

const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface BatchSettings {
  readonly compression: CompressionType;
  readonly compressionLevel: number | null;
}

export class ProducerBatch {
  readonly partition: number;
  /** Monotonic. */
  readonly createdMs: number;
  readonly #builder: BatchBuilder;
  /** Read by the builder when it builds. */
  readonly #stamp: Writable<BatchOptions>;
  /** Parallel lists: who waits, the place of the record with them, the record's place in the batch. */
  readonly #tickets: Ticket[] = [];
  readonly #indexes: number[] = [];
  readonly #deltas: number[] = [];
  readonly #timestamps: number[] = [];
  #bytes: Buffer | null = null;
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
  isFull = false;
  isDone = false;
  /** Called once when it is delivered or given up. */
  onDone: (() => void)[] = [];

  constructor(
    partition: number,
    createdMs: number,
    settings: BatchSettings,
    isTransactional: boolean,
    initialBytes: number,
  ) {
    this.partition = partition;
    this.createdMs = createdMs;
    this.#stamp = {
      compression: settings.compression,
      isTransactional,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      initialBytes,
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
    }
    return this.#bytes;
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

  /** Whether every record has somebody who learns of a failure. */
  get isWatched(): boolean {
    return this.#tickets.length === this.count;
  }

  #finish(): void {
    this.isDone = true;
    for (const done of this.onDone) done();
  }
}
