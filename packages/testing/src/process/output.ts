import type { Child } from "./child.ts";

const KEPT_CHARACTERS = 1_048_576;

/** Reads everything a child writes and gives its last megabyte when asked. */
export function collectOutput(child: Child): () => string {
  let text = "";
  const add = (chunk: Buffer): void => {
    text = (text + chunk.toString("utf8")).slice(-KEPT_CHARACTERS);
  };
  child.stdout.on("data", add);
  child.stderr.on("data", add);
  return () => text;
}
