/** Something that fails again and again. Whoever waits for it is patient for a while, and then told: on a full disk nobody knows how long it lasts. */
import type { Clock } from "@ottla/platform";

/** Well below the half minute that clients wait for an answer. */
const PATIENCE_MS = 5_000;
/** What has not failed for so long, though nothing of it succeeded either, is not the same trouble when it fails again. */
const FORGOTTEN_MS = 60_000;

export class Trouble {
  readonly #clock: Clock;
  #sinceMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It failed. */
  note(): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lastMs > FORGOTTEN_MS) this.#sinceMs = nowMs;
    this.#sinceMs = Math.min(this.#sinceMs, nowMs);
    this.#lastMs = nowMs;
  }

  /** It succeeded. */
  end(): void {
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  /** Whether it has failed for so long, and lately, that nobody should go on waiting. What failed may be gone, and what is tried next may succeed. */
  get isLasting(): boolean {
    const nowMs = this.#clock.monotonic();
    return nowMs - this.#sinceMs >= PATIENCE_MS && nowMs - this.#lastMs < PATIENCE_MS;
  }
}
