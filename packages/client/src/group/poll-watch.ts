import type { Clock } from "@ottla/platform";

/** Whether the application still polls, as it has to every `maxPollIntervalMs` to stay in the group. */
export class PollWatch {
  readonly #maxIntervalMs: number;
  readonly #clock: Clock;
  #lastMs: number;
  #isInPoll = false;

  constructor(maxIntervalMs: number, clock: Clock) {
    this.#maxIntervalMs = maxIntervalMs;
    this.#clock = clock;
    this.#lastMs = clock.monotonic();
  }

  begin(): void {
    this.#isInPoll = true;
    this.#lastMs = this.#clock.monotonic();
  }

  end(): void {
    this.#isInPoll = false;
    this.#lastMs = this.#clock.monotonic();
  }

  /** The last poll is too long ago. One that is under way counts as polling, however long it takes. */
  get isOverdue(): boolean {
    return !this.#isInPoll && this.#clock.monotonic() - this.#lastMs > this.#maxIntervalMs;
  }
}
