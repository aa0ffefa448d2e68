/** The real process as a {@link Context}. */
import type { ReadStream } from "node:tty";
import { SystemClock } from "@ottla/platform";
import type { Context, Input, Output } from "./context.ts";
import { CommandFailure } from "./errors.ts";
import { EXIT } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";

export function processContext(): Context {
  const clock = new SystemClock();
  const interruption = new Interruption({
    clock,
    isUnderNpm: process.env.npm_lifecycle_event !== undefined,
    onInsist: () => process.exit(EXIT.failure),
  });
  let isListening = false;
  return {
    stdout: outputOf(process.stdout, (cause) => {
      throw new CommandFailure(`cannot write the output: ${cause.message}`, { cause });
    }),
    // A full disk or a terminal that is gone ends neither a command nor a broker.
    stderr: outputOf(process.stderr, () => {}),
    stdin: inputOf(process.stdin),
    environment: process.env,
    clock,
    program: programName(process.env),
    interruption() {
      if (!isListening) {
        isListening = true;
        for (const name of ["SIGINT", "SIGTERM"] as const) {
          process.on(name, () => interruption.receive(name));
        }
      }
      return interruption.signal;
    },
  };
}

/** What `onFailure` throws is thrown by the write that failed, or by the next call where that had returned. */
function outputOf(stream: NodeJS.WriteStream, onFailure: (cause: Error) => void): Output {
  let isBroken = false;
  let failure: Error | null = null;
  let lastWrite = Promise.resolve();
  const onWritten = (error: NodeJS.ErrnoException | null | undefined): void => {
    // As `ottla consume | head` does: not a failure.
    if (error?.code === "EPIPE") isBroken = true;
    else if (error) failure = error;
  };
  const throwFailure = (): void => {
    if (failure === null) return;
    const cause = failure;
    failure = null;
    onFailure(cause);
  };
  // The write that failed is told as well.
  stream.on("error", () => {});
  return {
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.isTTY === true ? stream.columns : 80;
    },
    async write(chunk) {
      if (isBroken) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      lastWrite = promise;
      const hasRoom = stream.write(chunk, (error) => {
        onWritten(error);
        resolve();
      });
      if (!hasRoom) await promise;
      throwFailure();
    },
    async flush() {
      await lastWrite;
      throwFailure();
      return !isBroken;
    },
  };
}

function inputOf(stream: ReadStream): Input {
  return {
    isTerminal: stream.isTTY === true,
    async *read(signal) {
      const stop = (): void => {
        stream.destroy();
      };
      signal.addEventListener("abort", stop, { once: true });
      try {
        if (!signal.aborted) yield* stream as AsyncIterable<Uint8Array>;
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
  };
}

/** The words that bring the user back here: under `npm start` and `npm run ottla` there is no `ottla` on the path. */
export function programName(environment: Readonly<Record<string, string | undefined>>): string {
  const isScript = environment.npm_package_name === "ottla";
  const isOurs =
    environment.npm_lifecycle_event === "start" || environment.npm_lifecycle_event === "ottla";
  return isScript && isOurs ? "npm run -s ottla --" : "ottla";
}
