/**
 * Lines of one kind that outsiders can cause, at most {@link MOST_LINES} in a second: who sends garbage as fast as it can would fill the disk that the
 * broker's output goes to, and hide everything else in it. The first line after such a second says how many are missing.
 */
import type { Clock } from "@ottla/platform";

const MOST_LINES = 10;
const WINDOW_MS = 1_000;

/** @returns `report`, for lines of one kind. */
export function limitedReport(
  clock: Clock,
  report: (line: string) => void,
): (line: string) => void {
  let windowMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  return (line) => {
    const nowMs = clock.monotonic();
    if (nowMs - windowMs >= WINDOW_MS) {
      const missing = lines - MOST_LINES;
      windowMs = nowMs;
      lines = 0;
      if (missing > 0) report(`${missing} more lines like the next one were left out`);
    }
    if (lines++ < MOST_LINES) report(line);
  };
}
