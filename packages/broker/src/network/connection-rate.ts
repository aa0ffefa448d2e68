/**
 * Connections a second over the last windows, and how long the next one should wait when there were too many: what brings the rate back to its
 * limit, but no longer than a window (KIP-612).
 *
 * As with Kafka's rates, time before the first connection counts as if it had been quiet: a burst of as many connections as the limit allows in all
 * windows passes at once.
 */
export class ConnectionRate {
  readonly #windowMs: number;
  /** Connections by window, the last of which is under way. */
  readonly #counts: number[];
  #window = -1;

  /** @param windowMs `quota.window.size.seconds` @param windows `quota.window.num` */
  constructor(windowMs: number, windows: number) {
    this.#windowMs = windowMs;
    this.#counts = Array.from({ length: windows }, () => 0);
  }

  /**
   * Counts one and tells for how many milliseconds it should wait; 0 when it comes in time.
   * @param nowMs on a clock that never goes back
   */
  record(nowMs: number, perSecond: number): number {
    this.#moveTo(Math.floor(nowMs / this.#windowMs));
    this.#counts.push(this.#counts.pop()! + 1);
    let connections = 0;
    for (const count of this.#counts) connections += count;
    const complete = this.#counts.length - 1;
    const spanMs =
      Math.max(complete, 1) * this.#windowMs + (complete > 0 ? nowMs % this.#windowMs : 0);
    const excess = connections - (perSecond * spanMs) / 1000;
    if (excess <= 0) return 0;
    return Math.min((excess * 1000) / perSecond, this.#windowMs);
  }

  #moveTo(window: number): void {
    const passed = Math.min(window - this.#window, this.#counts.length);
    for (let i = 0; i < passed; i++) {
      this.#counts.shift();
      this.#counts.push(0);
    }
    this.#window = window;
  }
}
