/**
 * Exponential backoff with jitter (KIP-580): `base × 2^attempt` up to `max`, spread by ±20 % so that clients which failed together do
 * not come back together.
 */
import type { Clock, Random } from "@ottla/platform";
import { holdProcess } from "./hold.ts";

const JITTER = 0.2;
const JITTER_STEPS = 1 << 20;

export class Backoff {
  readonly #random: Random;
  readonly #baseMs: number;
  readonly #maxMs: number;
  #attempts = 0;

  constructor(random: Random, options: { readonly baseMs: number; readonly maxMs: number }) {
    this.#random = random;
    this.#baseMs = options.baseMs;
    this.#maxMs = options.maxMs;
  }

  /** How many delays were given since the last success. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The delay before the next attempt, in milliseconds. */
  nextMs(): number {
    const raw = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    const spread = 1 - JITTER + (2 * JITTER * this.#random.integer(JITTER_STEPS)) / JITTER_STEPS;
    return Math.min(this.#maxMs, raw * spread);
  }

  /** Back to the base delay, after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}

/** Resolves after `delayMs`; holds the process meanwhile. @throws the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const release = holdProcess();
    const onAbort = () => {
      cancel();
      release();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      release();
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
