import type { Cluster } from "../cluster.ts";
import { isRetriable } from "../errors.ts";

/**
 * A subscription by regular expression that this side evaluates: all topics are asked for when the pattern is first looked at and again when
 * the answer grew old, and `onTopics` is told whenever others match.
 */
export class TopicPattern {
  readonly #cluster: Cluster;
  readonly #pattern: RegExp;
  readonly #onTopics: (names: readonly string[]) => void;
  readonly #onNews: () => void;
  #names: readonly string[] | null = null;
  #isClosed = false;
  #isAsking = false;
  #askAtMs = Number.NEGATIVE_INFINITY;
  #failure: Error | null = null;

  constructor(
    cluster: Cluster,
    pattern: RegExp,
    onTopics: (names: readonly string[]) => void,
    onNews: () => void,
  ) {
    this.#cluster = cluster;
    // Without these flags `test` has no memory of its last match.
    this.#pattern = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    this.#onTopics = onTopics;
    this.#onNews = onNews;
  }

  /** What is under way is told to nobody. */
  close(): void {
    this.#isClosed = true;
  }

  takeFailure(): Error | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  /** Asks the cluster if it is time to. Does not wait. */
  look(): void {
    if (this.#isAsking || this.#cluster.now() < this.#askAtMs) return;
    this.#isAsking = true;
    const { metadataMaxAgeMs, retryBackoffMs } = this.#cluster.options;
    this.#cluster.metadata
      .matching((name) => this.#pattern.test(name))
      .then(
        (names) => {
          this.#askAtMs = this.#cluster.now() + metadataMaxAgeMs;
          if (this.#isClosed) return;
          if (this.#names !== null && isSame(this.#names, names)) return;
          this.#names = names;
          this.#onTopics(names);
        },
        (error: Error) => {
          this.#askAtMs = this.#cluster.now() + retryBackoffMs;
          if (!isRetriable(error) && !this.#isClosed) this.#failure = error;
        },
      )
      .finally(() => {
        this.#isAsking = false;
        this.#onNews();
      });
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
