/** What a command knows of the process it runs in. Tests pass their own. */
import type { Clock } from "@ottla/platform";

export interface Context {
  readonly stdout: Output;
  /** For everything that is not the result: errors, progress, notes. */
  readonly stderr: Output;
  readonly stdin: Input;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** How the user calls this program, such as `ottla` or `npm run -s ottla --`. */
  readonly program: string;
  /** From now on the first SIGINT or SIGTERM aborts the signal instead of ending the process; a second one ends it at once. */
  interruption(): AbortSignal;
}

export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal; 80 elsewhere. */
  readonly columns: number;
  /**
   * Takes everything; resolves when there is room for more.
   * @throws {CommandFailure} where `stdout` cannot be written, by this or an earlier call; nobody reads it any more is no failure. `stderr` never fails.
   */
  write(chunk: string | Uint8Array): Promise<void>;
  /**
   * Waits until everything is written, which for a pipe means that it took it.
   * @returns false when some of it was not, because nobody reads it any more: whoever only writes may as well end
   * @throws {CommandFailure} as `write` does
   */
  flush(): Promise<boolean>;
}

export interface Input {
  readonly isTerminal: boolean;
  /** The bytes until the end, or until the signal aborts. */
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}
