import type {
  CoordinatorLog,
  CoordinatorRecord,
  ProducerIdentity,
  StoredCoordinatorRecord,
  StoredMarker,
} from "./coordinator-log.ts";
import { type AppendRejection, CoordinatorAppendRejected } from "./errors.ts";

/** Makes the next appends fail: `count` of them, for this reason. */
export interface LogFailure {
  readonly rejection: AppendRejection;
  readonly count: number;
}

/** A coordinator log in memory, for tests: it can hold appends back and make them fail, and outlives the coordinator that writes it. */
export class MemoryCoordinatorLog implements CoordinatorLog {
  readonly shards: number;
  readonly #now: () => number;
  readonly #entries: (StoredCoordinatorRecord | StoredMarker)[][];
  readonly #held: (() => void)[] = [];
  #isHolding = false;
  #failures = 0;
  #rejection: AppendRejection = "unavailable";
  #appends = 0;

  constructor({ shards = 1, now = () => 0 }: { shards?: number; now?: () => number } = {}) {
    this.shards = shards;
    this.#now = now;
    this.#entries = Array.from({ length: shards }, () => []);
  }

  /** How many batches were asked for, failed ones included. */
  get appends(): number {
    return this.#appends;
  }

  /** Whether appends are left undecided now. */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** The records that are stored in a shard, in order. */
  records(shard: number): readonly StoredCoordinatorRecord[] {
    return this.#entries[shard]!.filter((entry) => "key" in entry);
  }

  /** Leaves appends from now on undecided until `release`. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Decides what was held, in order. */
  release(): void {
    this.#isHolding = false;
    for (const decide of this.#held.splice(0)) decide();
  }

  /** What a crash does: appends that are held are neither stored nor ever answered. */
  forgetHeld(): void {
    this.#isHolding = false;
    this.#held.length = 0;
  }

  fail({ rejection, count }: LogFailure): void {
    this.#rejection = rejection;
    this.#failures = count;
  }

  append(
    shard: number,
    records: readonly CoordinatorRecord[],
    producer?: ProducerIdentity,
  ): Promise<void> {
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
    this.#appends++;
    return new Promise((resolve, reject) => {
      const decide = () => {
        if (this.#failures > 0) {
          this.#failures--;
          reject(new CoordinatorAppendRejected(this.#rejection));
          return;
        }
        store();
        resolve();
      };
      if (this.#isHolding) this.#held.push(decide);
      else queueMicrotask(decide);
    });
  }
}
