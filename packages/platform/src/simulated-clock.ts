import type { Cancel, Clock } from "./clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** A clock that stands still until told to move. Timers run in the order they are due, those due together in the order they were set. */
export class SimulatedClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #lastOrder = 0;
  /** Sorted by due time and order. */
  #timers: Timer[] = [];

  /** @param nowMs wall-clock time at the start. */
  constructor(nowMs = 1_700_000_000_000) {
    this.#wallMs = nowMs;
  }

  /** How many timers wait. */
  get timerCount(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  schedule(delayMs: number, task: () => void): Cancel {
    this.#lastOrder += 1;
    const dueMs = this.#monotonicMs + Math.max(0, delayMs);
    const timer = { dueMs, order: this.#lastOrder, task };
    const index = this.#timers.findLastIndex((other) => other.dueMs <= dueMs);
    this.#timers.splice(index + 1, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on by `ms` and runs what falls due on the way, each timer at its own time. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    while (this.#runNextUntil(end)) {}
    this.#moveTo(end);
  }

  /** The same, and lets what the timers started run until it waits for the clock or for real I/O again. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await turn();
    while (this.#runNextUntil(end)) {
      await turn();
    }
    this.#moveTo(end);
    await turn();
  }

  /** Changes the wall clock alone, forwards or backwards, as an administrator or NTP may. */
  setWallClock(nowMs: number): void {
    this.#wallMs = nowMs;
  }

  #runNextUntil(endMs: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.dueMs > endMs) {
      return false;
    }
    this.#timers.shift();
    this.#moveTo(next.dueMs);
    next.task();
    return true;
  }

  #moveTo(monotonicMs: number): void {
    const byMs = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += byMs;
    this.#wallMs += byMs;
  }
}

/** Two turns of the event loop, with all promise jobs in between. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
