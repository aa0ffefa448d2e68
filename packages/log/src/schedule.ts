import type { Cancel, Clock } from "@ottla/platform";

/** Runs a task once, some time after it was started; starting again meanwhile changes nothing. An idle engine has no timer. */
export class Schedule {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #task: () => void;
  #cancel: Cancel | null = null;
  #isStopped = false;

  /** `delayMs` is asked at each start when it is a function. */
  constructor(clock: Clock, delayMs: number | (() => number), task: () => void) {
    this.#clock = clock;
    this.#delayMs = typeof delayMs === "number" ? () => delayMs : delayMs;
    this.#task = task;
  }

  start(): void {
    if (this.#cancel !== null || this.#isStopped) return;
    this.#cancel = this.#clock.schedule(this.#delayMs(), () => {
      this.#cancel = null;
      this.#task();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }
}
