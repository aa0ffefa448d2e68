import { fetchGroupOffsets, type OffsetToCommit } from "../admin/offsets.ts";
import type { TopicPartition } from "../admin/per-leader.ts";
import { isBrokerError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import { ClosedError, UsageError } from "../errors.ts";
import { cooperativeStickyAssignor } from "../group/assignors/cooperative-sticky.ts";
import { rangeAssignor } from "../group/assignors/range.ts";
import { ClassicMember } from "../group/classic-member.ts";
import { ConsumerMember } from "../group/consumer-member.ts";
import type { GroupMetadata, Membership, ServerPattern } from "../group/membership.ts";
import type { PartitionsByTopic } from "../group/subscription.ts";
import { sleep } from "../transport/backoff.ts";
import { commitOffsets } from "./commit.ts";
import { Fetcher } from "./fetcher.ts";
import { News } from "./news.ts";
import {
  type ConsumerOptions,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
} from "./options.ts";
import { PartitionState } from "./partition-state.ts";
import type { ConsumerRecord, PartitionRecords } from "./records.ts";
import { TopicPattern } from "./topic-pattern.ts";

export interface AssignedPartition extends TopicPartition {
  /** Where to start; by the group's committed offset or else the reset policy when left out. */
  readonly offset?: number;
}

export interface PollOptions {
  /** How long to wait for records; 0 does not wait. Without it, until there are some. */
  readonly timeoutMs?: number;
  /** Stop collecting once this many bytes are at hand; at least one partition's records come. Default: 1 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** What the application may do when the group moves partitions; called within `poll`, which waits for it. */
export interface RebalanceListener {
  onAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** Still owned: the last chance to commit. */
  onRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** No longer owned, without warning: a commit would fail. Default: the same as `onRevoked`. */
  onLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

const DEFAULT_POLL_BYTES = 1024 * 1024;

/**
 * Reads partitions: those it is given with `assign`, or those its group gives it after `subscribe`. Fetching goes on in the background up
 * to `prefetchBytes`; `poll` and the iterators hand out what came, partition by partition, and everything that concerns the
 * application happens while one of them is awaited.
 */
export class Consumer {
  readonly #cluster: Cluster;
  readonly #options: ResolvedConsumerOptions;
  readonly #fetcher: Fetcher;
  readonly #onClose: () => void;
  readonly #number: number;
  readonly #news: News;
  readonly #states = new Map<string, Map<number, PartitionState>>();
  /** All partitions; polls start at `#turn`, so that each gets its turn. */
  #order: PartitionState[] = [];
  #turn = 0;
  #member: Membership | null = null;
  #pattern: TopicPattern | null = null;
  #listener: RebalanceListener = {};
  #isPolling = false;
  #isClosed = false;
  #nextCommitMs = 0;
  #committing: Promise<void> | null = null;
  #commitFailure: Error | null = null;

  constructor(cluster: Cluster, options: ConsumerOptions, onClose: () => void) {
    this.#cluster = cluster;
    this.#options = resolveConsumerOptions(options, [rangeAssignor, cooperativeStickyAssignor]);
    this.#onClose = onClose;
    this.#number = cluster.nextConsumer();
    this.#news = new News(cluster);
    this.#fetcher = new Fetcher(cluster, `fetch-${this.#number}`, this.#options, () =>
      this.#news.tell(),
    );
    if (this.#options.groupId !== null) {
      this.#fetcher.lookUpCommitted = (states) => this.#lookUpCommitted(states);
    }
    this.#nextCommitMs = cluster.now() + this.#options.autoCommitIntervalMs;
  }

  /** Reads exactly these partitions from now on. @throws {UsageError} after `subscribe` */
  assign(partitions: readonly AssignedPartition[]): void {
    this.#throwIfClosed();
    if (this.#member !== null) throw new UsageError("a group member's partitions are the group's");
    const wanted = new Map<string, Set<number>>();
    for (const { topic, partition } of partitions) {
      wanted.set(topic, (wanted.get(topic) ?? new Set()).add(partition));
    }
    for (const state of this.#order) {
      if (wanted.get(state.topic)?.has(state.partition) !== true) this.#remove(state);
    }
    for (const { topic, partition, offset } of partitions) {
      const state = this.#states.get(topic)?.get(partition);
      if (state === undefined) this.#add(topic, partition, offset ?? -1);
      else if (offset !== undefined) this.#fetcher.seek(state, offset);
    }
  }

  /**
   * Joins the group and reads what it assigns. May be called again with something else. A `RegExp` is matched here against all topics that
   * are not internal, as often as `metadataMaxAgeMs`; a {@link ServerPattern} by the coordinator of the `consumer` protocol.
   * @throws {UsageError} without a group id, after `assign`, or for a pattern the protocol does not know
   */
  subscribe(
    topics: readonly string[] | RegExp | ServerPattern,
    listener: RebalanceListener = {},
  ): void {
    this.#throwIfClosed();
    const member = this.#member ?? this.#newMember();
    this.#pattern?.close();
    if (topics instanceof RegExp) {
      this.#pattern = new TopicPattern(
        this.#cluster,
        topics,
        (names) => member.subscribe(names),
        () => this.#news.tell(),
      );
    } else {
      member.subscribe(topics);
      this.#pattern = null;
    }
    this.#member = member;
    this.#listener = listener;
  }

  get assignment(): readonly TopicPartition[] {
    return this.#order.map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Who this member is to its group; for transactions. @throws {UsageError} without a group id */
  get groupMetadata(): GroupMetadata {
    const { groupId, groupInstanceId } = this.#options;
    if (groupId === null) throw new UsageError("this consumer has no groupId");
    return this.#member?.metadata ?? { groupId, generation: -1, memberId: "", groupInstanceId };
  }

  /** The offset of the next record `poll` will hand out, or −1 while it is being looked up. */
  position(partition: TopicPartition): number {
    return this.#stateOf(partition).position;
  }

  /** Continues at an offset; −1 looks it up again, by committed offset or reset policy. */
  seek(partition: TopicPartition, offset: number): void {
    this.#fetcher.seek(this.#stateOf(partition), offset);
  }

  /** Hands out nothing more of these partitions until {@link resume}; what was fetched is kept. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#stateOf(partition).isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#stateOf(partition).isPaused = false;
    this.#fetcher.wake();
    this.#news.tell();
  }

  /** How far the position is behind the partition's end as last seen, or −1 before the first answer. */
  lag(partition: TopicPartition): number {
    const { endOffset, position } = this.#stateOf(partition);
    return endOffset < 0 || position < 0 ? -1 : Math.max(0, endOffset - position);
  }

  /**
   * Records that were fetched, at most one entry per partition and fetch. Moves positions behind them. Empty when the time is up.
   * @throws {NoOffsetError} {@link CorruptBatchError} {@link FencedError} {@link BrokerError}: of a partition, at every poll until it is
   * sought elsewhere or paused; of the group, once
   */
  async poll(options: PollOptions = {}): Promise<readonly PartitionRecords[]> {
    if (this.#isPolling) throw new UsageError("a poll is under way");
    this.#isPolling = true;
    this.#member?.beginPoll();
    const deadlineMs =
      options.timeoutMs === undefined
        ? Number.POSITIVE_INFINITY
        : this.#cluster.now() + options.timeoutMs;
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        this.#throwIfClosed();
        const news = this.#news.next();
        this.#pattern?.look();
        await this.#member?.advance();
        this.#throwIfClosed();
        this.#autoCommit();
        this.#throwFailure();
        const records = this.#collect(options.maxBytes ?? DEFAULT_POLL_BYTES);
        const leftMs = deadlineMs - this.#cluster.now();
        if (records.length > 0 || leftMs <= 0) return records;
        await this.#news.wait(news, this.#waitMs(leftMs), options.signal);
      }
    } finally {
      this.#isPolling = false;
      this.#member?.endPoll();
    }
  }

  /** Batches of records until the consumer is closed or the signal aborts, which ends it without an error. */
  async *batches(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<PartitionRecords> {
    const { signal } = options;
    const isOver = () => this.#isClosed || signal?.aborted === true;
    while (!isOver()) {
      let polled: readonly PartitionRecords[];
      try {
        polled = await this.poll({ maxBytes: 1, ...(signal === undefined ? {} : { signal }) });
      } catch (error) {
        if (isOver()) return;
        throw error;
      }
      yield* polled;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<PartitionRecords> {
    return this.batches();
  }

  /** Record by record: the convenient way, several times slower than by batch. */
  async *records(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConsumerRecord> {
    for await (const batch of this.batches(options)) yield* batch;
  }

  /**
   * Commits offsets to the group: those given, or the positions of all partitions.
   * @throws {BrokerError} such as REBALANCE_IN_PROGRESS or ILLEGAL_GENERATION, when the partitions are about to move or have moved
   */
  async commit(offsets?: readonly OffsetToCommit[], options: CallOptions = {}): Promise<void> {
    const toCommit = offsets ?? this.#positions(this.#order);
    if (toCommit.length === 0) return;
    const deadlineMs =
      this.#cluster.now() + (options.timeoutMs ?? this.#cluster.options.callTimeoutMs);
    for (;;) {
      const metadata = this.groupMetadata;
      try {
        await commitOffsets(this.#cluster, metadata, toCommit, options);
        return;
      } catch (error) {
        if (!isBrokerError(error, "STALE_MEMBER_EPOCH") || this.#member === null) throw error;
        if (this.#cluster.now() >= deadlineMs) throw error;
        await this.#newEpoch(this.#member, metadata.generation, options.signal, error);
      }
    }
  }

  /** KIP-848: the epoch is another one already, and the answer to the next heartbeat says which. @throws `error` when it is lost */
  async #newEpoch(
    member: Membership,
    old: number,
    signal: AbortSignal | undefined,
    error: unknown,
  ) {
    const { clock, retryBackoffMaxMs } = this.#cluster.options;
    const isChanged = await Promise.race([
      member.changed(old, signal).then(() => true),
      sleep(clock, retryBackoffMaxMs, signal).then(() => false),
    ]);
    if (isChanged && member.metadata.generation === old) throw error;
  }

  /** Committed offsets of the group; −1 for partitions without one. */
  async committed(partitions: readonly TopicPartition[], options: CallOptions = {}) {
    return await fetchGroupOffsets(this.#cluster, this.groupMetadata.groupId, partitions, {
      ...options,
      requireStable: true,
    });
  }

  /** Commits if it does so by itself, leaves the group and ends. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pattern?.close();
    this.#news.tell();
    try {
      if (this.#member !== null) await this.#member.close();
      else if (this.#commitsItself) await this.commit();
    } finally {
      await this.#fetcher.close();
      for (const state of this.#order) this.#fetcher.remove(state);
      this.#order = [];
      this.#states.clear();
      this.#onClose();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #commitsItself(): boolean {
    return this.#options.autoCommitIntervalMs > 0 && this.#options.groupId !== null;
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new ClosedError("the consumer");
  }

  #throwFailure(): void {
    const failure =
      this.#fetcher.takeFailure() ?? this.#pattern?.takeFailure() ?? this.#commitFailure;
    this.#commitFailure = null;
    if (failure !== null) throw failure;
    for (const state of this.#order) {
      if (state.error !== null && !state.isPaused && state.buffered.length === 0) throw state.error;
    }
  }

  #newMember(): Membership {
    const { groupId, groupProtocol } = this.#options;
    if (groupId === null) throw new UsageError("subscribe needs a groupId");
    if (this.#order.length > 0) throw new UsageError("partitions were assigned by hand");
    const events = {
      onRevoked: (partitions: PartitionsByTopic) => this.#onRevoked(partitions),
      onLost: (partitions: PartitionsByTopic) => this.#onLost(partitions),
      onAssigned: (partitions: PartitionsByTopic) => this.#onAssigned(partitions),
    };
    const Member = groupProtocol === "classic" ? ClassicMember : ConsumerMember;
    const role = `group-${this.#number}` as const;
    return new Member(this.#cluster, groupId, role, this.#options, events, () => this.#news.tell());
  }

  /** Topics that appear or grow are looked for in polls, however long one waits for records; commits are made in them. */
  #waitMs(leftMs: number): number {
    const untilCommitMs = this.#commitsItself ? this.#nextCommitMs - this.#cluster.now() : leftMs;
    return Math.min(leftMs, untilCommitMs, this.#cluster.options.metadataMaxAgeMs);
  }

  #collect(maxBytes: number): PartitionRecords[] {
    const collected: PartitionRecords[] = [];
    let bytes = 0;
    const count = this.#order.length;
    for (let i = 0; i < count && bytes < maxBytes; i++) {
      const state = this.#order[(this.#turn + i) % count]!;
      if (state.isPaused) continue;
      const records = this.#fetcher.take(state);
      if (records === null) continue;
      this.#turn = (this.#turn + i + 1) % count;
      i = -1;
      bytes += records.sizeBytes;
      if (records.isEmpty) records.release();
      else collected.push(records);
    }
    return collected;
  }

  #stateOf({ topic, partition }: TopicPartition): PartitionState {
    const state = this.#states.get(topic)?.get(partition);
    if (state === undefined) throw new UsageError(`${topic}[${partition}] is not assigned`);
    return state;
  }

  #add(topic: string, partition: number, offset: number): void {
    const state = new PartitionState(topic, partition);
    if (offset >= 0) state.seek(offset);
    const ofTopic = this.#states.get(topic);
    if (ofTopic === undefined) this.#states.set(topic, new Map([[partition, state]]));
    else ofTopic.set(partition, state);
    this.#order.push(state);
    this.#fetcher.add(state);
  }

  #remove(state: PartitionState): void {
    this.#fetcher.remove(state);
    this.#states.get(state.topic)?.delete(state.partition);
    this.#order = this.#order.filter((each) => each !== state);
    this.#turn = 0;
  }

  #statesIn(partitions: PartitionsByTopic): PartitionState[] {
    return this.#order.filter(
      ({ topic, partition }) => partitions.get(topic)?.includes(partition) === true,
    );
  }

  async #onRevoked(partitions: PartitionsByTopic): Promise<void> {
    const states = this.#statesIn(partitions);
    try {
      await this.#listener.onRevoked?.(listOf(partitions));
      if (this.#commitsItself) {
        await this.#committing;
        // A failure means that the group moved on without this member: whoever has the partitions now starts from the last commit.
        await this.commit(this.#positions(states), {
          timeoutMs: this.#options.sessionTimeoutMs,
        }).catch(() => {});
      }
    } finally {
      for (const state of states) this.#remove(state);
    }
  }

  async #onLost(partitions: PartitionsByTopic): Promise<void> {
    for (const state of this.#statesIn(partitions)) this.#remove(state);
    const listener = this.#listener;
    await (listener.onLost ?? listener.onRevoked)?.call(listener, listOf(partitions));
  }

  async #onAssigned(partitions: PartitionsByTopic): Promise<void> {
    for (const { topic, partition } of listOf(partitions)) {
      if (this.#states.get(topic)?.has(partition) !== true) this.#add(topic, partition, -1);
    }
    await this.#listener.onAssigned?.(listOf(partitions));
  }

  #positions(states: readonly PartitionState[]): OffsetToCommit[] {
    return states
      .filter(({ position }) => position >= 0)
      .map(({ topic, partition, position, positionEpoch }) => ({
        topic,
        partition,
        offset: position,
        leaderEpoch: positionEpoch,
      }));
  }

  #autoCommit(): void {
    if (!this.#commitsItself || this.#committing !== null) return;
    const now = this.#cluster.now();
    if (now < this.#nextCommitMs) return;
    this.#nextCommitMs = now + this.#options.autoCommitIntervalMs;
    const positions = this.#positions(this.#order);
    if (positions.length === 0) return;
    this.#committing = this.commit(positions)
      .catch((error: Error) => {
        if (!isAboutRebalance(error)) this.#commitFailure = error;
      })
      .finally(() => {
        this.#committing = null;
      });
  }

  /** Gives partitions without an offset the group's committed one, where there is one. */
  async #lookUpCommitted(states: readonly PartitionState[]): Promise<void> {
    for (const committed of await this.committed(states)) {
      const state = states.find(
        ({ topic, partition }) => topic === committed.topic && partition === committed.partition,
      );
      if (committed.error !== null) throw committed.error;
      if (state === undefined || !state.isAssigned || state.fetchPosition >= 0) continue;
      if (committed.offset >= 0) this.#fetcher.seek(state, committed.offset);
    }
  }
}

/** The group is moving partitions: the next poll takes part in it, and a commit was made or is made then. */
function isAboutRebalance(error: Error): boolean {
  const name = "error" in error ? error.error : "";
  return (
    name === "REBALANCE_IN_PROGRESS" ||
    name === "ILLEGAL_GENERATION" ||
    name === "STALE_MEMBER_EPOCH" ||
    name === "UNKNOWN_MEMBER_ID"
  );
}

function listOf(partitions: PartitionsByTopic): TopicPartition[] {
  return [...partitions].flatMap(([topic, numbers]) =>
    numbers.map((partition) => ({ topic, partition })),
  );
}
