/** A {@link Context} that keeps what is written. For tests. */
import { type Clock, SimulatedClock } from "@ottla/platform";
import type { Context, Output } from "./context.ts";

export interface RecordedContext extends Context {
  readonly out: () => string;
  readonly err: () => string;
}

export function recordedContext(
  options: { readonly isTerminal?: boolean; readonly clock?: Clock } = {},
): RecordedContext {
  const stdout = new RecordedOutput(options.isTerminal ?? false);
  const stderr = new RecordedOutput(options.isTerminal ?? false);
  return {
    stdout,
    stderr,
    stdin: { isTerminal: false, async *read() {} },
    environment: {},
    clock: options.clock ?? new SimulatedClock(),
    program: "ottla",
    interruption: () => new AbortController().signal,
    out: () => stdout.text,
    err: () => stderr.text,
  };
}

export class RecordedOutput implements Output {
  readonly isTerminal: boolean;
  readonly columns = 80;
  text = "";

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    this.text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
  }

  async flush(): Promise<boolean> {
    return true;
  }
}
