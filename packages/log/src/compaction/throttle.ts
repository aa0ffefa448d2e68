/** Keeps the cleaner below a number of bytes a second (log.cleaner.io.max.bytes.per.second), counted over what it reads and writes. */
import type { Clock } from "@ottla/platform";

/** Debts shorter than this are left standing. */
const SHORTEST_WAIT_MS = 5;
/** After so long it is asked again what the rate is: it may have been raised. */
const LONGEST_WAIT_MS = 1_000;

export class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: () => number;
  #owedBytes = 0;
  /** What was paid for until then is no longer owed. */
  #paidAtMs = 0;

  /** `bytesPerSecond` is asked each time; Infinity and what is below 0 never wait, as in Kafka, and 0 waits for another rate. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Counts bytes; resolves once they are paid for, or when `signal` aborts. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    this.#pay(this.#bytesPerSecond());
    this.#owedBytes += bytes;
    while (!signal.aborted) {
      const bytesPerSecond = this.#bytesPerSecond();
      this.#pay(bytesPerSecond);
      if (this.#owedBytes === 0) return;
      const waitMs = Math.ceil((this.#owedBytes * 1000) / bytesPerSecond);
      if (waitMs < SHORTEST_WAIT_MS) return;
      await sleep(this.#clock, Math.min(waitMs, LONGEST_WAIT_MS), signal);
    }
  }

  /** At this rate since the last time. Who owes nothing saves nothing. */
  #pay(bytesPerSecond: number): void {
    const now = this.#clock.monotonic();
    const isLimited = bytesPerSecond >= 0 && bytesPerSecond < Number.POSITIVE_INFINITY;
    const paidBytes = isLimited
      ? ((now - this.#paidAtMs) * bytesPerSecond) / 1000
      : Number.POSITIVE_INFINITY;
    this.#owedBytes = Math.max(0, this.#owedBytes - paidBytes);
    this.#paidAtMs = now;
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
