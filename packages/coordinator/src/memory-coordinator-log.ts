import type {
  CoordinatorLog,
  CoordinatorRecord,
  ProducerIdentity,
  StoredCoordinatorRecord,
  StoredMarker,
} from "./coordinator-log.ts";
import { CoordinatorAppendRejected } from "./errors.ts";
import { type LogFailure, MemoryJournal } from "./memory-journal.ts";

export interface MemoryCoordinatorLogOptions {
  readonly shards?: number;
  readonly now?: () => number;
  /** Shared by logs whose order of durability is one; of its own by default. */
  readonly journal?: MemoryJournal;
}

/** A coordinator log in memory, for tests. It outlives the coordinator that writes it. */
export class MemoryCoordinatorLog implements CoordinatorLog {
  readonly shards: number;
  incarnation: string | null = null;
  readonly journal: MemoryJournal;
  /** Batches with more bytes of keys and values are `tooLarge`. */
  maxBatchBytes = Number.POSITIVE_INFINITY;
  #incarnations = 0;
  readonly #now: () => number;
  readonly #entries: (StoredCoordinatorRecord | StoredMarker)[][];
  /** The newest epoch of each producer, in what is stored or queued, per shard. */
  readonly #epochs: Map<number, number>[];

  constructor({ shards = 1, now = () => 0, journal }: MemoryCoordinatorLogOptions = {}) {
    this.shards = shards;
    this.journal = journal ?? new MemoryJournal();
    this.#now = now;
    this.#entries = Array.from({ length: shards }, () => []);
    this.#epochs = Array.from({ length: shards }, () => new Map());
  }

  get appends(): number {
    return this.journal.appends;
  }

  get isHolding(): boolean {
    return this.journal.isHolding;
  }

  /** The records that are stored in a shard, in order. */
  records(shard: number): readonly StoredCoordinatorRecord[] {
    return this.entries(shard).filter((entry) => "key" in entry);
  }

  /** The records and markers that are stored in a shard, in order. */
  entries(shard: number): readonly (StoredCoordinatorRecord | StoredMarker)[] {
    return this.#entries[shard]!;
  }

  hold(): void {
    this.journal.hold();
  }

  release(): void {
    this.journal.release();
  }

  fail(failure: LogFailure): void {
    this.journal.fail(failure);
  }

  /** What a crash does: see {@link MemoryJournal.crash}. */
  crash(kept = 0): void {
    this.journal.crash(kept);
    this.recover();
  }

  /** To be called after a shared journal crashed: forgets what was known of appends that did not make it. */
  recover(): void {
    for (const [shard, epochs] of this.#epochs.entries()) {
      epochs.clear();
      for (const entry of this.#entries[shard]!) {
        if ("key" in entry) continue;
        epochs.set(entry.producerId, entry.producerEpoch);
      }
    }
  }

  /** What deleting the topic does: what is on its way goes with it, and the next append creates it anew. */
  lose(): void {
    this.incarnation = null;
    for (const entries of this.#entries) entries.length = 0;
    this.recover();
  }

  append(
    shard: number,
    records: readonly CoordinatorRecord[],
    producer?: ProducerIdentity,
  ): Promise<void> {
    if (producer !== undefined && this.#isFenced(shard, producer)) {
      return Promise.reject(new CoordinatorAppendRejected("fenced"));
    }
    if (sizeOf(records) > this.maxBatchBytes) {
      return Promise.reject(new CoordinatorAppendRejected("tooLarge"));
    }
    const producerId = producer?.producerId ?? -1;
    return this.#append(() => {
      const log = this.#entries[shard]!;
      const timestampMs = this.#now();
      for (const record of records) {
        log.push({ ...record, offset: log.length, timestampMs, producerId });
      }
    });
  }

  /** Appends a marker, as the broker does when a transaction with offsets in this shard ends. */
  appendMarker(shard: number, marker: ProducerIdentity & { commit: boolean }): Promise<void> {
    if (this.#isFenced(shard, marker)) {
      return Promise.reject(new CoordinatorAppendRejected("fenced"));
    }
    this.#epochs[shard]!.set(marker.producerId, marker.producerEpoch);
    return this.#append(() => {
      const log = this.#entries[shard]!;
      log.push({ ...marker, offset: log.length });
    });
  }

  async replay(
    shard: number,
    visit: (record: StoredCoordinatorRecord) => void,
    visitMarker: (marker: StoredMarker) => void,
  ): Promise<void> {
    for (const entry of this.#entries[shard]!) {
      if ("key" in entry) visit(entry);
      else visitMarker(entry);
    }
  }

  #append(store: () => void): Promise<void> {
    this.incarnation ??= `${++this.#incarnations}`;
    const { incarnation } = this;
    return this.journal.append(() => {
      if (incarnation === this.incarnation) store();
    });
  }

  #isFenced(shard: number, { producerId, producerEpoch }: ProducerIdentity): boolean {
    return producerEpoch < (this.#epochs[shard]!.get(producerId) ?? -1);
  }
}

function sizeOf(records: readonly CoordinatorRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}
