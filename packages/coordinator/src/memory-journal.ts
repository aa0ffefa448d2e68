import type { AppendRejection } from "./errors.ts";
import { CoordinatorAppendRejected } from "./errors.ts";

/** Makes the next appends fail: `count` of them, for this reason. */
export interface LogFailure {
  readonly rejection: AppendRejection;
  readonly count: number;
}

interface Queued {
  readonly store: () => void;
  readonly answer: (error: CoordinatorAppendRejected | null) => void;
}

/**
 * The order in which appends become durable, in memory, for tests: several logs may share one, as the partitions of a broker do. It
 * can hold appends back, make them fail, and leave any prefix of what was queued behind, as a crash does.
 */
export class MemoryJournal {
  readonly #held: Queued[] = [];
  #isHolding = false;
  #failures = 0;
  #rejection: AppendRejection = "unavailable";
  #appends = 0;

  /** How many appends were asked for, failed ones included. */
  get appends(): number {
    return this.#appends;
  }

  /** Whether appends are left undecided now. */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /** How many appends are undecided. */
  get held(): number {
    return this.#held.length;
  }

  /** Leaves appends from now on undecided until they are released. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Decides what was held, in order, and holds no longer. */
  release(): void {
    this.#isHolding = false;
    this.releaseNext(this.#held.length);
  }

  /** Decides the first `count` of what is held. */
  releaseNext(count: number): void {
    for (const queued of this.#held.splice(0, count)) this.#decide(queued);
  }

  /** What a crash does: the first `kept` of what is held is stored, the rest is not, and nobody is ever answered. */
  crash(kept = 0): void {
    this.#isHolding = false;
    for (const { store } of this.#held.splice(0).slice(0, kept)) store();
  }

  fail({ rejection, count }: LogFailure): void {
    this.#rejection = rejection;
    this.#failures = count;
  }

  /** Calls `store` when the append becomes durable, and resolves then. */
  append(store: () => void): Promise<void> {
    this.#appends++;
    return new Promise((resolve, reject) => {
      const answer = (error: CoordinatorAppendRejected | null) =>
        error === null ? resolve() : reject(error);
      const queued = { store, answer };
      if (this.#isHolding) this.#held.push(queued);
      else queueMicrotask(() => this.#decide(queued));
    });
  }

  #decide({ store, answer }: Queued): void {
    if (this.#failures > 0) {
      this.#failures--;
      answer(new CoordinatorAppendRejected(this.#rejection));
      return;
    }
    store();
    answer(null);
  }
}
