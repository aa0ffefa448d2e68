import { setTimeout as pause } from "node:timers/promises";

export interface WaitOptions {
  /** What is waited for, for the message of a failure. */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Asks again and again until `attempt` gives something other than null, and resolves to that. For what only another process
 * can tell us: within this process, wait for the event itself.
 * @throws {Error} when the time is up, with the last failure of `attempt` as its cause.
 */
export async function waitFor<T>(
  attempt: () => Promise<T | null> | T | null,
  { what, timeoutMs = 30_000, everyMs = 25 }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const result = await attempt();
      if (result !== null) return result;
    } catch (error) {
      if (error instanceof Unrecoverable) throw error;
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`no ${what} after ${timeoutMs} ms`, { cause });
    }
    await pause(everyMs);
  }
}

/** Thrown by an attempt that cannot succeed any more; ends {@link waitFor} at once. */
export class Unrecoverable extends Error {
  override readonly name = "Unrecoverable";
}
