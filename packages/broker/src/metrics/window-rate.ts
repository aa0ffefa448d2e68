/** Events per second over the last half minute, as Kafka's rates are: one count for each second, the oldest dropped as time goes on. */
const WINDOW_SECONDS = 30;

export class WindowRate {
  readonly #counts: number[] = Array.from({ length: WINDOW_SECONDS }, () => 0);
  #second = 0;
  total = 0;

  /** @param nowMs on a clock that never goes back. */
  record(nowMs: number): void {
    this.#moveTo(nowMs);
    this.#counts[this.#second % WINDOW_SECONDS]!++;
    this.total++;
  }

  perSecond(nowMs: number): number {
    this.#moveTo(nowMs);
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum / WINDOW_SECONDS;
  }

  #moveTo(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const passed = Math.min(second - this.#second, WINDOW_SECONDS);
    for (let i = 0; i < passed; i++) this.#counts[(second - i) % WINDOW_SECONDS] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
