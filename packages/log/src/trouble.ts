/** Something that fails again and again. Whoever waits for it is patient for a while, and then told: on a full disk nobody knows how long it lasts. */
import type { Clock } from "@ottla/platform";

/** Well below the half minute that clients wait for an answer. */
const PATIENCE_MS = 5_000;

export class Trouble {
  readonly #clock: Clock;
  #sinceMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It failed. */
  note(): void {
    this.#sinceMs = Math.min(this.#sinceMs, this.#clock.monotonic());
  }

  /** It succeeded. */
  end(): void {
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }

  /** Whether it has failed for so long that nobody should go on waiting. */
  get isLasting(): boolean {
    return this.#clock.monotonic() - this.#sinceMs >= PATIENCE_MS;
  }
}
