/** Where partitions without an offset begin: at what their group committed, else by the reset policy. One round of questions at a time. */
import { listOffsets } from "../admin/offsets.ts";
import type { Cluster } from "../cluster.ts";
import { isRetriable, NoOffsetError } from "../errors.ts";
import type { FetcherHandle } from "./fetcher-handle.ts";
import type { ResolvedConsumerOptions } from "./options.ts";
import type { PartitionState } from "./partition-state.ts";

export class StartOffsets {
  readonly #cluster: Cluster;
  readonly #options: ResolvedConsumerOptions;
  readonly #fetcher: FetcherHandle;
  readonly #signal: AbortSignal;
  #isResolving = false;

  constructor(
    cluster: Cluster,
    options: ResolvedConsumerOptions,
    fetcher: FetcherHandle,
    signal: AbortSignal,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#fetcher = fetcher;
    this.#signal = signal;
  }

  /** Finds offsets for partitions without one. */
  resolve(states: readonly PartitionState[]): void {
    if (this.#isResolving) return;
    this.#isResolving = true;
    this.#resolveAll(states)
      .catch((error: Error) => {
        if (this.#signal.aborted) return;
        if (isRetriable(error)) {
          for (const state of states) this.#fetcher.retryLater(state);
        } else {
          this.#fetcher.fail(error);
          for (const state of states) this.#fetcher.retryLater(state);
          this.#fetcher.onNews();
        }
      })
      .finally(() => {
        this.#isResolving = false;
        this.#fetcher.wake();
      });
  }

  async #resolveAll(states: readonly PartitionState[]): Promise<void> {
    const uncommitted = states.filter(({ mustReset }) => !mustReset);
    if (uncommitted.length > 0) await this.#fetcher.lookUpCommitted?.(uncommitted);
    const reset = states.filter((state) => state.isAssigned && state.fetchPosition < 0);
    if (reset.length === 0) return;
    const policy = this.#options.autoOffsetReset;
    if (policy === "none") {
      for (const state of reset) {
        state.error = new NoOffsetError(state.topic, state.partition, null);
      }
      this.#fetcher.onNews();
      return;
    }
    const { isolationLevel } = this.#options;
    const queries = reset.map(({ topic, partition }) => ({ topic, partition, at: policy }));
    const found = await listOffsets(this.#cluster, queries, {
      isolationLevel,
      signal: this.#signal,
    });
    for (const [index, state] of reset.entries()) {
      const { error, offset } = found[index]!;
      if (!state.isAssigned || state.fetchPosition >= 0) continue;
      if (error === null) {
        state.mustReset = false;
        this.#fetcher.seek(state, offset);
      } else if (error.retriable) {
        this.#fetcher.retryLater(state);
      } else {
        state.error = error;
        this.#fetcher.onNews();
      }
    }
  }
}
