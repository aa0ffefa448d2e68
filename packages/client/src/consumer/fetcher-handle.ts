import type { PartitionState } from "./partition-state.ts";

/** The fetcher, as its parts see it. */
export interface FetcherHandle {
  /** Looks up committed offsets for partitions without a position; null in a consumer without a group. */
  readonly lookUpCommitted: ((states: readonly PartitionState[]) => Promise<void>) | null;
  /** Continues a partition elsewhere. */
  seek(state: PartitionState, offset: number): void;
  /** Leaves a partition alone for a while, longer each time it fails. */
  retryLater(state: PartitionState): void;
  /** Keeps an error that concerns all partitions for the next poll; the first one counts. */
  fail(error: Error): void;
  /** Tells that a buffer or an error came in. */
  onNews(): void;
  /** Looks at all partitions at the end of this turn. */
  wake(): void;
}
