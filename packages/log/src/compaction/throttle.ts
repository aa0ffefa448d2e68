/** Keeps the cleaner below a number of bytes a second (log.cleaner.io.max.bytes.per.second), counted over what it reads and writes. */
import type { Clock } from "@ottla/platform";

/** Debts shorter than this are left standing. */
const SHORTEST_WAIT_MS = 5;

export class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  /** When the bytes so far are paid for. */
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  /** `bytesPerSecond` is asked each time; Infinity never waits. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Counts bytes; resolves once they are paid for, or when `signal` aborts. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const bytesPerSecond = this.#bytesPerSecond();
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return;
    const now = this.#clock.monotonic();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, now) + (bytes * 1000) / bytesPerSecond;
    const waitMs = Math.ceil(this.#paidUntilMs - now);
    if (waitMs >= SHORTEST_WAIT_MS && !signal.aborted) await sleep(this.#clock, waitMs, signal);
  }
}

/** Resolves after so long, or when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(delayMs, finish);
    signal.addEventListener("abort", finish);
  });
}
