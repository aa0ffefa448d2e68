/**
 * How far long work has come: one line that is drawn over and over on a terminal, a line of its own every few seconds elsewhere. Drawn
 * when something is added, so it needs no timer.
 */
import type { Clock } from "@ottla/platform";
import type { Output } from "../context.ts";
import { bytes, count, counted, duration } from "./units.ts";

const TERMINAL_EVERY_MS = 200;
const PLAIN_EVERY_MS = 10_000;
const CLEAR_LINE = "\r\u001b[2K";

export class Progress {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #isShown: boolean;
  readonly #startMs: number;
  #shownMs: number;
  #shownRecords = 0;
  #isDrawn = false;
  /** Records that are still to come, where that can be said; asked when the line is drawn. */
  lag: () => number | null = () => null;
  records = 0;
  bytes = 0;

  /** `isShown` is false where the line would mix with what else is on the terminal. */
  constructor(output: Output, clock: Clock, isShown: boolean) {
    this.#output = output;
    this.#clock = clock;
    this.#isShown = isShown;
    this.#startMs = clock.monotonic();
    this.#shownMs = this.#startMs;
  }

  add(records: number, addedBytes: number): void {
    this.records += records;
    this.bytes += addedBytes;
    if (!this.#isShown) return;
    const now = this.#clock.monotonic();
    const sinceMs = now - this.#shownMs;
    if (sinceMs < (this.#output.isTerminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS)) return;
    const rate = ((this.records - this.#shownRecords) * 1000) / sinceMs;
    const lag = this.lag();
    const line = [
      counted(this.records, "record"),
      bytes(this.bytes),
      `${count(rate)} records/s`,
      ...(lag === null ? [] : [`lag ${count(lag)}`]),
    ].join(", ");
    void this.#output.write(this.#output.isTerminal ? `${CLEAR_LINE}${line}` : `${line}\n`);
    this.#isDrawn = this.#output.isTerminal;
    this.#shownMs = now;
    this.#shownRecords = this.records;
  }

  /** Takes the line off the terminal. */
  end(): void {
    if (this.#isDrawn) void this.#output.write(CLEAR_LINE);
    this.#isDrawn = false;
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startMs;
  }

  /** Such as `1,000 records, 1.2 MB in 1.5 s (667 records/s, 800 kB/s)`. */
  summary(): string {
    const { elapsedMs } = this;
    const total = `${counted(this.records, "record")}, ${bytes(this.bytes)} in ${duration(elapsedMs)}`;
    if (this.records < 2 || elapsedMs < 1) return total;
    const perSecond = 1000 / elapsedMs;
    return `${total} (${count(this.records * perSecond)} records/s, ${bytes(this.bytes * perSecond)}/s)`;
  }
}
