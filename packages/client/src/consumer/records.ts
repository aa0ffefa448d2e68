/**
 * What a consumer hands out: the records of one partition from one fetch, still as the batches that came over the wire. Records are
 * decoded while they are looked at; keys, values and header values are views of the fetched bytes, which stay in memory as long as one of
 * them does: copy what is kept for long.
 *
 * Whoever is done with all of it may say so (`release`, or `using`): the memory is then used for the next fetch, which is considerably
 * faster than leaving it to the garbage collector.
 */
import {
  batchSize,
  MAX_DECOMPRESSED_BYTES,
  ProtocolError,
  RecordCursor,
  type RecordHeader,
} from "@ottla/protocol";
import { CorruptBatchError } from "../errors.ts";
import { type FetchedFrame, Lease, RecordSource } from "./fetched-bytes.ts";

/** A record as it was read. */
export class ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch; −1 when the producer set none. */
  readonly timestampMs: number;
  readonly #source: RecordSource;
  readonly #keyStart: number;
  readonly #keyEnd: number;
  readonly #valueStart: number;
  readonly #valueEnd: number;
  readonly #headersStart: number;
  readonly #headersCount: number;
  readonly #end: number;

  /** @param source what the cursor's places are in */
  constructor(topic: string, partition: number, cursor: RecordCursor, source: RecordSource) {
    this.topic = topic;
    this.partition = partition;
    this.offset = cursor.offset;
    this.timestampMs = cursor.timestampMs;
    this.#source = source;
    this.#keyStart = cursor.keyStart;
    this.#keyEnd = cursor.keyEnd;
    this.#valueStart = cursor.valueStart;
    this.#valueEnd = cursor.valueEnd;
    this.#headersStart = cursor.headersStart;
    this.#headersCount = cursor.headersCount;
    this.#end = cursor.recordEnd;
  }

  /** A view, or null. */
  get key(): Buffer | null {
    return this.#keyStart < 0 ? null : this.#source.buffer.subarray(this.#keyStart, this.#keyEnd);
  }

  /** A view, or null for a tombstone. */
  get value(): Buffer | null {
    return this.#valueStart < 0
      ? null
      : this.#source.buffer.subarray(this.#valueStart, this.#valueEnd);
  }

  /** The key as UTF-8 text, or null. */
  keyText(): string | null {
    return this.#keyStart < 0
      ? null
      : this.#source.buffer.toString("utf8", this.#keyStart, this.#keyEnd);
  }

  /** The value as UTF-8 text, or null. */
  valueText(): string | null {
    return this.#valueStart < 0
      ? null
      : this.#source.buffer.toString("utf8", this.#valueStart, this.#valueEnd);
  }

  /** Decoded at every look. */
  get headers(): readonly RecordHeader[] {
    if (this.#headersCount === 0) return NO_HEADERS;
    const cursor = new RecordCursor();
    cursor.buffer = this.#source.buffer;
    cursor.headersStart = this.#headersStart;
    cursor.headersCount = this.#headersCount;
    cursor.recordEnd = this.#end;
    return cursor.headers();
  }
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** The records of one partition from one fetch, in order of offset. May be walked more than once. */
export class PartitionRecords implements Iterable<ConsumerRecord>, Disposable {
  readonly topic: string;
  readonly partition: number;
  /** The first offset asked for. */
  readonly startOffset: number;
  /** Where reading goes on after these; larger than the last record's offset + 1 when transaction markers follow it. */
  readonly nextOffset: number;
  /** The partition's end as the broker knew it: for `read_committed` readers, the last stable offset. */
  readonly endOffset: number;
  /** Of the leader that wrote the last batch, or −1. */
  readonly leaderEpoch: number;
  /** Of the batches as they were fetched. */
  readonly sizeBytes: number;
  readonly #lease: Lease;
  readonly #source: RecordSource;
  /** Where the batches that hold records for the application start in the buffer. */
  readonly #batches: readonly number[];

  constructor(options: {
    readonly topic: string;
    readonly partition: number;
    readonly startOffset: number;
    readonly nextOffset: number;
    readonly endOffset: number;
    readonly leaderEpoch: number;
    readonly buffer: Buffer;
    /** What `buffer` is a part of, and what is held until the release. Null when nothing is to be given back. */
    readonly frame: FetchedFrame | null;
    readonly batches: readonly number[];
  }) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.startOffset = options.startOffset;
    this.nextOffset = options.nextOffset;
    this.endOffset = options.endOffset;
    this.leaderEpoch = options.leaderEpoch;
    this.sizeBytes = options.buffer.length;
    this.#lease = new Lease(options.frame);
    this.#source = new RecordSource(options.buffer, this.#lease.state);
    this.#batches = options.batches;
  }

  /** How far these records are behind the partition's end. */
  get lag(): number {
    return Math.max(0, this.endOffset - this.nextOffset);
  }

  /** Whether there is a record at all: a fetch of nothing but transaction markers has none. */
  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Calls `visit` with every record: the fastest way through. @throws {CorruptBatchError} */
  forEach(visit: (record: ConsumerRecord) => void): void {
    const cursor = new RecordCursor();
    const { topic, partition, startOffset } = this;
    for (let i = 0; i < this.#batches.length; i++) {
      const source = this.#start(cursor, i);
      while (this.#advance(cursor, source)) {
        if (cursor.offset >= startOffset) {
          visit(new ConsumerRecord(topic, partition, cursor, source));
        }
      }
    }
  }

  *[Symbol.iterator](): Iterator<ConsumerRecord> {
    const cursor = new RecordCursor();
    for (let i = 0; i < this.#batches.length; i++) {
      const source = this.#start(cursor, i);
      while (this.#advance(cursor, source)) {
        if (cursor.offset >= this.startOffset) {
          yield new ConsumerRecord(this.topic, this.partition, cursor, source);
        }
      }
    }
  }

  /** All records at once. @throws {CorruptBatchError} */
  toArray(): ConsumerRecord[] {
    const records: ConsumerRecord[] = [];
    this.forEach((record) => {
      records.push(record);
    });
    return records;
  }

  /** The batches as they came over the wire, for those who pass them on. */
  rawBatches(): Buffer[] {
    const { buffer } = this.#source;
    return this.#batches.map((at) => buffer.subarray(at, at + batchSize(buffer, at)));
  }

  /**
   * Gives the memory back for the next fetch. From then on these records must not be looked at, nor any view that was got from them: keys,
   * values and header values that are Buffers, and raw batches. Texts are copies, and a producer has copied what it was given when the call
   * returns. Records throw if they are asked, and so does a walk that is under way; a view cannot know.
   */
  release(): void {
    this.#lease.release();
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Returns what the records of the batch lie in. */
  #start(cursor: RecordCursor, index: number): RecordSource {
    const { buffer } = this.#source;
    try {
      const { allocate } = this.#lease;
      cursor.start(buffer, this.#batches[index]!, MAX_DECOMPRESSED_BYTES, allocate);
    } catch (error) {
      throw this.#corrupt(cursor, error);
    }
    return cursor.buffer === buffer
      ? this.#source
      : new RecordSource(cursor.buffer, this.#lease.state);
  }

  /** Release may come in the middle of a walk: what follows is not these records any more. */
  #advance(cursor: RecordCursor, source: RecordSource): boolean {
    source.throwIfReleased();
    try {
      return cursor.next();
    } catch (error) {
      throw this.#corrupt(cursor, error);
    }
  }

  #corrupt(cursor: RecordCursor, error: unknown): unknown {
    if (!(error instanceof ProtocolError)) return error;
    const offset = Math.max(cursor.offset, this.startOffset);
    return new CorruptBatchError(this.topic, this.partition, offset, error);
  }
}
