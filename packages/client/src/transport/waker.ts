/**
 * Runs `look` at the end of a turn in which somebody asked for it, once however often they did, or when the earliest time comes that one was
 * asked for.
 */
import type { Cancel, Clock } from "@ottla/platform";

export class Waker {
  readonly #clock: Clock;
  readonly #look: () => void;
  #isScheduled = false;
  #cancelTimer: Cancel | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** At the end of this turn. */
  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#look();
    });
  }

  /** At `atMs` on the monotonic clock, or at an earlier time that was given before. */
  wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = atMs;
    this.#cancelTimer = this.#clock.schedule(Math.max(0, atMs - this.#clock.monotonic()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }

  /** Forgets the time. */
  cancel(): void {
    this.#cancelTimer?.();
  }
}
