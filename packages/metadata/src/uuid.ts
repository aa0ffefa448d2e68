import type { Random } from "@ottla/platform";

/** Ids that mean something to Kafka: none, and the metadata topic. */
const RESERVED = new Set(["AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAQ"]);

/** A random (version 4) UUID in Kafka's 22-character form; never a reserved one, nor one that a command line would take for an option. */
export function newUuid(random: Random): string {
  for (;;) {
    const text = Buffer.from(random.uuid().replaceAll("-", ""), "hex").toString("base64url");
    if (!RESERVED.has(text) && !text.startsWith("-")) {
      return text;
    }
  }
}
