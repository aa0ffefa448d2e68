/** The result of a command, for people or for programs. */
import type { Context } from "../context.ts";

export type OutputFormat = "text" | "json";

/** Prints `value` as one JSON document, or what `toText` makes of it. */
export async function print<T>(
  { stdout }: Pick<Context, "stdout">,
  format: OutputFormat,
  value: T,
  toText: (value: T) => string,
): Promise<void> {
  await stdout.write(format === "json" ? `${JSON.stringify(value, null, 2)}\n` : toText(value));
}
