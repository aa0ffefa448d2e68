/**
 * What a request may ask for any number of times. A name is a few bytes, and what is told of it may be thousands of objects: so it is worked out
 * once and stands in the answer as often, which ends where the answer would have more elements than a message may.
 */
import { MAX_MESSAGE_ELEMENTS } from "@ottla/protocol";
import { CloseConnection } from "./handler.ts";

/**
 * @param elements of an answer; those that the request itself has are not counted.
 * @returns what throws {@link CloseConnection} for an answer too many.
 */
export function onceEach<K, V>(
  describe: (key: K) => V,
  elements: (answer: V) => number,
): (key: K) => V {
  const answers = new Map<K, V>();
  let count = 0;
  return (key) => {
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = describe(key);
      answers.set(key, answer);
    }
    count += elements(answer);
    if (count > MAX_MESSAGE_ELEMENTS) {
      throw new CloseConnection(`the answer would have more than ${MAX_MESSAGE_ELEMENTS} elements`);
    }
    return answer;
  };
}

/** How many elements topics with their partitions are. */
export function elementsOf(topics: readonly { readonly partitions: readonly unknown[] }[]): number {
  return topics.reduce((sum, { partitions }) => sum + partitions.length, topics.length);
}
