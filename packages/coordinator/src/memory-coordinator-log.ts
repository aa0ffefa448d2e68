import type {
  CoordinatorLog,
  CoordinatorRecord,
  StoredCoordinatorRecord,
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
  readonly #records: StoredCoordinatorRecord[][];
  readonly #held: (() => void)[] = [];
  #isHolding = false;
  #failures = 0;
  #rejection: AppendRejection = "unavailable";
  #appends = 0;

  constructor({ shards = 1, now = () => 0 }: { shards?: number; now?: () => number } = {}) {
    this.shards = shards;
    this.#now = now;
    this.#records = Array.from({ length: shards }, () => []);
  }

  /** How many batches were asked for, failed ones included. */
  get appends(): number {
    return this.#appends;
  }

  /** Whether appends are left undecided now. */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** What is stored in a shard, in order. */
  records(shard: number): readonly StoredCoordinatorRecord[] {
    return this.#records[shard]!;
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

  append(shard: number, records: readonly CoordinatorRecord[]): Promise<void> {
    this.#appends++;
    return new Promise((resolve, reject) => {
      const decide = () => {
        if (this.#failures > 0) {
          this.#failures--;
          reject(new CoordinatorAppendRejected(this.#rejection));
          return;
        }
        const log = this.#records[shard]!;
        const timestampMs = this.#now();
        for (const record of records) log.push({ ...record, offset: log.length, timestampMs });
        resolve();
      };
      if (this.#isHolding) this.#held.push(decide);
      else queueMicrotask(decide);
    });
  }

  async replay(shard: number, visit: (record: StoredCoordinatorRecord) => void): Promise<void> {
    for (const record of this.#records[shard]!) visit(record);
  }
}
