/**
 * What signals mean to a command that ends in good order: the first one asks it to, the next one means it. Under npm one Ctrl-C can arrive
 * twice, from the terminal and passed on by npm, so there a signal that follows at once is the same one.
 */
import type { Clock } from "@ottla/platform";

const ECHO_MS = 250;

export class Interruption {
  readonly #clock: Clock;
  readonly #echoMs: number;
  readonly #onInsist: () => void;
  readonly #abort = new AbortController();
  #firstAtMs = 0;

  /** `onInsist` is called for every signal after the first. */
  constructor(options: {
    readonly clock: Clock;
    readonly isUnderNpm: boolean;
    readonly onInsist: () => void;
  }) {
    this.#clock = options.clock;
    this.#echoMs = options.isUnderNpm ? ECHO_MS : 0;
    this.#onInsist = options.onInsist;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  receive(reason: string): void {
    if (!this.signal.aborted) {
      this.#firstAtMs = this.#clock.monotonic();
      this.#abort.abort(new Error(reason));
    } else if (this.#clock.monotonic() - this.#firstAtMs >= this.#echoMs) {
      this.#onInsist();
    }
  }
}
