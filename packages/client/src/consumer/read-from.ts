/**
 * Which broker partitions are read from: the replica the leader named for a while (KIP-392), else the leader. One refresh at a time;
 * partitions that have no leader after it wait longer and longer for the next.
 */
import { brokerError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import { isRetriable } from "../errors.ts";
import type { FetcherHandle } from "./fetcher-handle.ts";
import type { PartitionState } from "./partition-state.ts";

/** By topic, then by partition. */
export type PartitionStates = ReadonlyMap<string, readonly (PartitionState | undefined)[]>;

export class ReadFrom {
  readonly #cluster: Cluster;
  readonly #partitions: PartitionStates;
  readonly #fetcher: FetcherHandle;
  readonly #signal: AbortSignal;
  #isRefreshing = false;

  constructor(
    cluster: Cluster,
    partitions: PartitionStates,
    fetcher: FetcherHandle,
    signal: AbortSignal,
  ) {
    this.#cluster = cluster;
    this.#partitions = partitions;
    this.#fetcher = fetcher;
    this.#signal = signal;
  }

  /** The broker to read the partition from, or −1 when that is not known or the broker is not. */
  brokerOf(state: PartitionState, now: number): number {
    const { brokers, metadata } = this.#cluster;
    if (state.readReplica >= 0) {
      if (now < state.readReplicaUntilMs && brokers.has(state.readReplica))
        return state.readReplica;
      state.readReplica = -1;
    }
    const leader = metadata.cached(state.topic)?.partitions[state.partition]?.leader ?? -1;
    return leader >= 0 && brokers.has(leader) ? leader : -1;
  }

  /** Asks for the leaders of these topics. */
  refresh(topics: ReadonlySet<string>): void {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#cluster.metadata
      .refresh(topics, this.#signal)
      .then(() => {
        for (const topic of topics) this.#onRefreshed(topic);
      })
      .catch((error: Error) => {
        if (isRetriable(error) || this.#signal.aborted) return;
        this.#fetcher.fail(error);
        this.#fetcher.onNews();
      })
      .finally(() => {
        this.#isRefreshing = false;
        for (const topic of topics) this.#delayLeaderless(topic);
        this.#fetcher.wake();
      });
  }

  /** Errors about a topic that waiting does not cure, such as a missing permission, reach the application. */
  #onRefreshed(topic: string): void {
    const { metadata } = this.#cluster;
    if (metadata.cached(topic) !== null) return;
    const error = brokerError(metadata.errorOf(topic), `topic ${topic}`);
    if (error.retriable) return;
    for (const state of this.#partitions.get(topic) ?? []) {
      if (state !== undefined) state.error = error;
    }
    this.#fetcher.onNews();
  }

  #delayLeaderless(topic: string): void {
    const now = this.#cluster.now();
    for (const state of this.#partitions.get(topic) ?? []) {
      if (state !== undefined && this.brokerOf(state, now) < 0) this.#fetcher.retryLater(state);
    }
  }
}
