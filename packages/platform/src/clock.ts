/** Cancels what a {@link Clock} scheduled; calling it again, or after it ran, does nothing. */
export type Cancel = () => void;

/** The only source of time. Nothing outside this package calls `Date.now` or `setTimeout`. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump. For record timestamps and retention. */
  now(): number;
  /** Monotonic time in milliseconds from an arbitrary origin. For deadlines and durations. */
  monotonic(): number;
  /**
   * Runs `task` once, `delayMs` from now, unless cancelled. A scheduled task does not keep the
   * process alive by itself.
   */
  schedule(delayMs: number, task: () => void): Cancel;
}

const MAX_TIMER_MS = 0x7fff_ffff;

/** The operating system's clock and timers. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  schedule(delayMs: number, task: () => void): Cancel {
    const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  }
}
