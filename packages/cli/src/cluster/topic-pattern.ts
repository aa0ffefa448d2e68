/**
 * Topics by pattern: `orders-*` with `*` for any characters and `?` for one, or a regular expression between slashes, which must
 * match the whole name: `/orders-(eu|us)/`. Names of topics have none of these characters, so a word is never both.
 */
import { InvalidValue, type Parse } from "../command-line/value.ts";

/** A name or a pattern, as an argument of a command. */
export const topicWord: Parse<string> = (word) => {
  topicPattern(word);
  return word;
};

/** What the word matches, or null when it is a name. @throws {InvalidValue} for a regular expression that is none */
export function topicPattern(word: string): RegExp | null {
  const [, source] = /^\/(.*)\/$/.exec(word) ?? [];
  if (source !== undefined) {
    try {
      return new RegExp(`^(?:${source})$`, "u");
    } catch (error) {
      throw new InvalidValue(`takes a regular expression: ${(error as Error).message}`);
    }
  }
  if (!/[*?]/.test(word)) return null;
  const glob = word
    .replace(/[.+^${}()|[\]\\/]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${glob}$`, "u");
}

/** One pattern for all the words, names among them. */
export function combinedPattern(words: readonly string[]): RegExp {
  const sources = words.map(
    (word) => (topicPattern(word) ?? topicPattern(`/${word.replaceAll(".", "\\.")}/`)!).source,
  );
  return new RegExp(sources.join("|"), "u");
}
