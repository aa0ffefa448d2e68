import type { ProducerIdentity } from "../coordinator-log.ts";
import type { MemoryJournal } from "../memory-journal.ts";
import type { TransactionVersion } from "./transaction-types.ts";

export type PartitionEntry = DataEntry | MarkerEntry;

export interface DataEntry extends ProducerIdentity {
  readonly value: string;
}

export interface MarkerEntry extends ProducerIdentity {
  readonly commit: boolean;
}

interface ProducerState {
  epoch: number;
  isOpen: boolean;
}

export class RefusedByPartition extends Error {
  override readonly name = "RefusedByPartition";
}

/** A partition of data in memory, for tests: what a log engine promises about producers and markers, and nothing else. */
export class MemoryPartition {
  readonly #journal: MemoryJournal;
  readonly #entries: PartitionEntry[] = [];
  #queued: PartitionEntry[] = [];
  /** Of what is stored or queued. */
  readonly #producers = new Map<number, ProducerState>();
  /** Whether appends fail now, as on a broken disk. */
  isOffline = false;

  constructor(journal: MemoryJournal) {
    this.#journal = journal;
  }

  /** What is stored, in order. */
  get entries(): readonly PartitionEntry[] {
    return this.#entries;
  }

  /** Whether any transaction is open, in what is stored or queued. */
  get hasOpenTransaction(): boolean {
    return this.#producers.values().some(({ isOpen }) => isOpen);
  }

  /** @throws {RefusedByPartition} */
  append(entry: DataEntry): Promise<void> {
    const state = this.#admit(entry);
    if (entry.producerEpoch < state.epoch) throw new RefusedByPartition("epoch");
    state.epoch = entry.producerEpoch;
    state.isOpen = true;
    return this.#store(entry);
  }

  /** @throws {RefusedByPartition} */
  mark(marker: MarkerEntry, transactionVersion: TransactionVersion): Promise<void> {
    const state = this.#admit(marker);
    const isLate =
      transactionVersion >= 2
        ? marker.producerEpoch <= state.epoch
        : marker.producerEpoch < state.epoch;
    if (isLate) throw new RefusedByPartition("epoch");
    state.epoch = marker.producerEpoch;
    state.isOpen = false;
    return this.#store(marker);
  }

  /** To be called after the journal crashed: what was known of appends that did not make it is forgotten. */
  recover(): void {
    this.#queued = [];
    this.#rebuild();
  }

  #rebuild(): void {
    this.#producers.clear();
    for (const { producerId, producerEpoch, ...entry } of [...this.#entries, ...this.#queued]) {
      this.#producers.set(producerId, { epoch: producerEpoch, isOpen: "value" in entry });
    }
  }

  #admit({ producerId }: ProducerIdentity): ProducerState {
    if (this.isOffline) throw new RefusedByPartition("offline");
    let state = this.#producers.get(producerId);
    if (state === undefined) {
      state = { epoch: -1, isOpen: false };
      this.#producers.set(producerId, state);
    }
    return state;
  }

  async #store(entry: PartitionEntry): Promise<void> {
    this.#queued.push(entry);
    try {
      await this.#journal.append(() => {
        this.#queued = this.#queued.filter((queued) => queued !== entry);
        this.#entries.push(entry);
      });
    } catch (cause) {
      this.#queued = this.#queued.filter((queued) => queued !== entry);
      this.#rebuild();
      throw cause;
    }
  }
}
