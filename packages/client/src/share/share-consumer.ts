import type { Cluster } from "../cluster.ts";
import type { PollOptions } from "../consumer/consumer.ts";
import { News } from "../consumer/news.ts";
import { ClosedError, UsageError } from "../errors.ts";
import { type AcknowledgementResult, type AcknowledgeType, CODES } from "./acknowledgements.ts";
import {
  type ResolvedShareOptions,
  resolveShareOptions,
  type ShareConsumerOptions,
} from "./options.ts";
import { ShareFetcher } from "./share-fetcher.ts";
import { ShareMember } from "./share-member.ts";
import type { ShareRecord } from "./share-record.ts";

/**
 * Reads as a member of a share group (KIP-932): the members share the records of a partition, not the partitions. A record that was handed out
 * is locked for this member for a while; acknowledging it says what becomes of it, and without that others get it when the lock is over.
 */
export class ShareConsumer {
  readonly #cluster: Cluster;
  readonly #options: ResolvedShareOptions;
  readonly #onClose: () => void;
  readonly #news: News;
  readonly #member: ShareMember;
  readonly #fetcher: ShareFetcher;
  #isSubscribed = false;
  #isPolling = false;
  #isClosed = false;

  constructor(cluster: Cluster, options: ShareConsumerOptions, onClose: () => void) {
    this.#cluster = cluster;
    this.#options = resolveShareOptions(options);
    this.#onClose = onClose;
    this.#news = new News(cluster);
    const number = cluster.nextConsumer();
    const { groupId, rackId } = this.#options;
    const onNews = () => this.#news.tell();
    this.#member = new ShareMember(cluster, groupId, `group-${number}`, rackId, onNews);
    const { memberId } = this.#member;
    this.#fetcher = new ShareFetcher(cluster, `fetch-${number}`, memberId, this.#options, onNews);
  }

  /** Joins the group, or tells it about other topics. */
  subscribe(topics: readonly string[]): void {
    this.#throwIfClosed();
    this.#isSubscribed = true;
    this.#member.subscribe(topics);
  }

  /** This member's name in its group. */
  get memberId(): string {
    return this.#member.memberId;
  }

  /** How long a record stays locked, in milliseconds; 0 before the first answer of a broker. */
  get lockTimeoutMs(): number {
    return this.#fetcher.lockTimeoutMs;
  }

  /**
   * Records that were acquired, about `maxRecords` at most for each broker. Empty when the time is up.
   * @throws {UsageError} with explicit acknowledgement, while records of the last poll are not acknowledged
   * @throws {BrokerError} {@link CorruptBatchError}
   */
  async poll(options: Omit<PollOptions, "maxBytes"> = {}): Promise<readonly ShareRecord[]> {
    if (this.#isPolling) throw new UsageError("a poll is under way");
    if (!this.#isSubscribed) throw new UsageError("a share consumer needs a subscription");
    if (!this.#isExplicit) this.#fetcher.decideAll(CODES.accept);
    else if (this.#fetcher.hasUndecided) {
      throw new UsageError("records of the last poll are not acknowledged");
    }
    this.#isPolling = true;
    const deadlineMs =
      options.timeoutMs === undefined
        ? Number.POSITIVE_INFINITY
        : this.#cluster.now() + options.timeoutMs;
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        this.#throwIfClosed();
        const news = this.#news.next();
        this.#member.advance();
        const failure = this.#fetcher.takeFailure();
        if (failure !== null) throw failure;
        this.#fetcher.fetch(this.#member.assignment);
        const records = this.#fetcher.take();
        const leftMs = deadlineMs - this.#cluster.now();
        if (records.length > 0 || leftMs <= 0) return records;
        await this.#news.wait(news, leftMs, options.signal);
      }
    } finally {
      this.#isPolling = false;
    }
  }

  /** What polls bring, until the consumer is closed or the signal aborts, which ends it without an error. */
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly ShareRecord[]> {
    yield* this.batches();
  }

  async *batches(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<readonly ShareRecord[]> {
    const { signal } = options;
    const isOver = () => this.#isClosed || signal?.aborted === true;
    while (!isOver()) {
      let records: readonly ShareRecord[];
      try {
        records = await this.poll(signal === undefined ? {} : { signal });
      } catch (error) {
        if (isOver()) return;
        throw error;
      }
      yield records;
    }
  }

  /**
   * Says what becomes of a record; it is sent with the next poll or commit, and may be said again until then.
   * @throws {UsageError} with implicit acknowledgement, and for a record that this member has not, or no longer, acquired
   */
  acknowledge(record: ShareRecord, type: AcknowledgeType = "accept"): void {
    this.#throwIfClosed();
    if (!this.#isExplicit) {
      throw new UsageError("acknowledge needs acknowledgement: explicit");
    }
    if (!this.#fetcher.decide(record, CODES[type])) {
      const { topic, partition, offset } = record;
      throw new UsageError(`${topic}[${partition}]@${offset} is not acquired by this member`);
    }
  }

  /**
   * Sends acknowledgements: with implicit acknowledgement, that everything handed out was accepted. One result per partition; those with an
   * error count for nothing, and their records are handed out again.
   */
  async commit(
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly AcknowledgementResult[]> {
    this.#throwIfClosed();
    if (!this.#isExplicit) this.#fetcher.decideAll(CODES.accept);
    return await this.#fetcher.commit(options.signal);
  }

  /** Sends what was acknowledged, lets go of everything else at once and leaves the group. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#news.tell();
    try {
      await this.#fetcher.close();
      await this.#member.close();
    } finally {
      this.#onClose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #isExplicit(): boolean {
    return this.#options.acknowledgement === "explicit";
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new ClosedError("the share consumer");
  }
}
