/** Who leads the partitions that are sent to. One refresh at a time, and pauses between them that grow until a batch gets through. */
import type { Cluster } from "../cluster.ts";
import { ClosedError, isRetriable } from "../errors.ts";
import type { Backoff } from "../transport/backoff.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { SenderHandle } from "./sender-seams.ts";

export class Leaders {
  readonly #cluster: Cluster;
  readonly #sender: SenderHandle;
  readonly #signal: AbortSignal;
  #isRefreshing = false;
  #refreshAtMs = 0;
  readonly #backoff: Backoff;

  constructor(cluster: Cluster, sender: SenderHandle, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#sender = sender;
    this.#signal = signal;
    this.#backoff = cluster.backoff();
  }

  /** The broker that leads the partition, or −1 when that is not known or the broker is not. */
  of(topic: string, partition: number): number {
    const leader = this.#cluster.metadata.cached(topic)?.partitions[partition]?.leader ?? -1;
    return leader >= 0 && this.#cluster.brokers.has(leader) ? leader : -1;
  }

  /** Asks for the leaders of all topics that wait for one. Returns when to look again. */
  lookUp(queues: Iterable<PartitionQueue>, now: number): number {
    if (this.#isRefreshing) return Number.POSITIVE_INFINITY;
    if (now < this.#refreshAtMs) return this.#refreshAtMs;
    const topics = new Set<string>();
    for (const queue of queues) {
      if (this.of(queue.topic, queue.partition) < 0) topics.add(queue.topic);
    }
    this.refresh(topics);
    return Number.POSITIVE_INFINITY;
  }

  /** Asks for the leaders of these topics, which may have moved. */
  refresh(topics: ReadonlySet<string>): void {
    if (this.#isRefreshing || topics.size === 0 || this.#sender.fatal !== null) return;
    this.#isRefreshing = true;
    const before = this.#cluster.now();
    this.#cluster.metadata
      .refresh(topics, this.#signal)
      .catch((error: Error) => {
        if (!isRetriable(error) && !(error instanceof ClosedError)) this.#sender.fail(error);
      })
      .finally(() => {
        this.#isRefreshing = false;
        this.#refreshAtMs = before + this.#backoff.nextMs();
        this.#sender.wake();
      });
  }

  /** A batch got through. */
  onDelivered(): void {
    this.#backoff.reset();
  }
}
