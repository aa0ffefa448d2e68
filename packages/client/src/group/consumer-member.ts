/**
 * A member of a group of the new protocol (KIP-848): the coordinator decides who reads what, and heartbeats carry all of it.
 *
 *     unjoined ──epoch 0──▶ joining ──epoch n──▶ member ⇄ reconciling
 *         ▲                                        │
 *         └── fenced, unknown, not polled ─────────┘
 *
 * The answer to a heartbeat may hold a new assignment. {@link ConsumerMember.advance}, which the consumer calls at the start of every
 * poll, gives up what it lacks, tells the coordinator so, and takes over what is new; the coordinator waits for that as long as
 * `maxPollIntervalMs` and hands a partition on only after its former owner let go. Meanwhile heartbeats go on with what is owned.
 *
 * A heartbeat holds only what changed since the last one that was answered; after one whose answer was lost it holds everything. A member
 * the coordinator fenced has lost its partitions without being asked and joins again with epoch 0.
 *
 * Partitions are compared by topic id, so that a topic deleted and made anew is given up and taken over.
 */
import { consumerGroupHeartbeat } from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import type { ResolvedConsumerOptions } from "../consumer/options.ts";
import { BrokerError, ClosedError, isRetriable } from "../errors.ts";
import { sleep } from "../transport/backoff.ts";
import { type Role, untilAborted } from "../transport/brokers.ts";
import type { Connection } from "../transport/connection.ts";
import { subtractPartitions } from "./assignors/sticky.ts";
import { Heart } from "./heart.ts";
import type { AssignmentEvents, GroupMetadata, Membership, ServerPattern } from "./membership.ts";
import { PollWatch } from "./poll-watch.ts";
import {
  byTopicId,
  listByTopicId,
  type PartitionsByTopicId,
  toNames,
  unknownIds,
} from "./topic-ids.ts";

const NOTHING: PartitionsByTopicId = new Map();
const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const LEAVE_FOR_NOW_EPOCH = -2;
const LEAVE_TIMEOUT_MS = 5_000;

interface Told {
  readonly subscription: readonly string[] | ServerPattern | null;
  readonly owned: PartitionsByTopicId | null;
}

const TOLD_NOTHING: Told = { subscription: null, owned: null };

export class ConsumerMember implements Membership {
  readonly groupId: string;
  readonly #cluster: Cluster;
  readonly #role: Role;
  readonly #options: ResolvedConsumerOptions;
  readonly #events: AssignmentEvents;
  readonly #onNews: () => void;
  readonly #abort = new AbortController();
  /** Made here since v1 of the heartbeat; given by the coordinator before. */
  #memberId: string;
  #isIdGiven = false;
  /** −1 outside of the group, 0 while joining. */
  #epoch = -1;
  #metadata: GroupMetadata;
  #subscription: readonly string[] | ServerPattern | null = null;
  #owned: PartitionsByTopicId = NOTHING;
  /** An assignment that `advance` has not dealt with. */
  #target: PartitionsByTopicId | null = null;
  #told: Told = TOLD_NOTHING;
  #heart: Heart | null = null;
  #failure: Error | null = null;
  #isLost = false;
  #isResolving = false;
  readonly #polls: PollWatch;
  #epochWaiters: (() => void)[] = [];

  constructor(
    cluster: Cluster,
    groupId: string,
    role: Role,
    options: ResolvedConsumerOptions,
    events: AssignmentEvents,
    onNews: () => void,
  ) {
    this.groupId = groupId;
    this.#cluster = cluster;
    this.#role = role;
    this.#options = options;
    this.#events = events;
    this.#onNews = onNews;
    this.#memberId = cluster.options.random.bytes(16).toString("base64url");
    const { groupInstanceId } = options;
    this.#metadata = { groupId, generation: -1, memberId: "", groupInstanceId };
    this.#polls = new PollWatch(options.maxPollIntervalMs, cluster.options.clock);
  }

  get metadata(): GroupMetadata {
    return this.#metadata;
  }

  subscribe(topics: readonly string[] | ServerPattern): void {
    this.#subscription = "pattern" in topics ? topics : [...new Set(topics)].sort();
    this.#heart?.beatNow();
    this.#onNews();
  }

  beginPoll(): void {
    this.#polls.begin();
  }

  endPoll(): void {
    this.#polls.end();
  }

  async advance(): Promise<void> {
    for (;;) {
      if (this.#isLost) {
        this.#isLost = false;
        const lost = toNames(this.#owned, this.#cluster.metadata);
        this.#owned = NOTHING;
        if (lost.size > 0) await this.#events.onLost(lost);
      } else if (this.#failure !== null) {
        const failure = this.#failure;
        this.#failure = null;
        throw failure;
      } else if (this.#target !== null && !this.#isResolving) {
        const target = this.#target;
        this.#target = null;
        await this.#reconcile(target);
      } else {
        if (this.#epoch < 0 && this.#subscription !== null) this.#join();
        return;
      }
    }
  }

  async changed(generation: number, signal?: AbortSignal): Promise<void> {
    if (this.#epoch !== generation || this.#heart === null) return;
    const next = new Promise<void>((resolve) => {
      this.#epochWaiters.push(resolve);
    });
    this.#heart.beatNow();
    await (signal === undefined ? next : untilAborted(next, signal));
  }

  /** A static member only goes for now: its partitions wait for it until its session is over (KIP-345). */
  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const owned = toNames(this.#owned, this.#cluster.metadata);
    try {
      if (owned.size > 0 && !this.#isLost) await this.#events.onRevoked(owned);
    } finally {
      this.#owned = NOTHING;
      this.#abort.abort(new ClosedError("the member"));
      this.#heart?.stop();
      await this.#leave().catch(() => {});
      this.#setEpoch(-1);
      await this.#cluster.brokers.release(this.#role);
    }
  }

  #join(): void {
    this.#told = TOLD_NOTHING;
    this.#target = null;
    this.#setEpoch(JOIN_EPOCH);
    this.#heart?.stop();
    this.#heart = new Heart({
      cluster: this.#cluster,
      groupId: this.groupId,
      role: this.#role,
      beat: (connection, signal) => this.#beat(connection, signal),
      onError: (error) => this.#onHeartbeatFailed(error),
    });
  }

  /** Lets go of what the new assignment lacks, then takes over what is new in it and known by name. */
  async #reconcile(target: PartitionsByTopicId): Promise<void> {
    const { metadata } = this.#cluster;
    const epoch = this.#epoch;
    const revoked = subtractPartitions(this.#owned, target);
    if (revoked.size > 0) {
      await this.#events.onRevoked(toNames(revoked, metadata));
      if (this.#isLost || this.#epoch < epoch) return;
      this.#owned = subtractPartitions(this.#owned, revoked);
      this.#heart?.beatNow();
    }
    const unknown = unknownIds(target, metadata);
    const known = new Map([...target].filter(([topicId]) => !unknown.includes(topicId)));
    const added = subtractPartitions(known, this.#owned);
    if (unknown.length > 0) this.#resolve(unknown, target);
    if (added.size === 0) return;
    this.#owned = known;
    this.#heart?.beatNow();
    await this.#events.onAssigned(toNames(added, metadata));
  }

  /** Asks for the names of topics that were assigned by id, until all are known or the assignment is another. */
  #resolve(topicIds: readonly string[], target: PartitionsByTopicId): void {
    this.#isResolving = true;
    const { metadata, options } = this.#cluster;
    const backoff = this.#cluster.backoff();
    const { signal } = this.#abort;
    const run = async () => {
      for (;;) {
        await metadata.learnNames(topicIds, signal).catch(() => {});
        if (unknownIds(target, metadata).length === 0) return;
        if (this.#target !== null || this.#isLost) return;
        await sleep(options.clock, backoff.nextMs(), signal);
      }
    };
    run()
      .then(() => {
        if (!this.#isLost) this.#target ??= target;
      })
      .catch(() => {})
      .finally(() => {
        this.#isResolving = false;
        this.#onNews();
      });
  }

  async #beat(connection: Connection, signal: AbortSignal): Promise<number> {
    const { maxPollIntervalMs, groupInstanceId, rackId, serverAssignor } = this.#options;
    if (this.#polls.isOverdue) {
      await this.#leave().catch(() => {});
      this.#lose();
      return 0;
    }
    const isPattern = this.#subscription !== null && "pattern" in this.#subscription;
    const version = connection.versions.pick(consumerGroupHeartbeat, isPattern ? { min: 1 } : {});
    const isFull = this.#told === TOLD_NOTHING;
    const telling: Told = { subscription: this.#subscription, owned: this.#owned };
    const isSubscriptionNew = this.#told.subscription !== telling.subscription;
    const isOwnedNew = this.#told.owned !== telling.owned;
    // Until the answer came, it is not known what the coordinator was told.
    this.#told = TOLD_NOTHING;
    const answer = await connection.request(
      consumerGroupHeartbeat,
      {
        groupId: this.groupId,
        memberId: version >= 1 || this.#isIdGiven ? this.#memberId : "",
        memberEpoch: this.#epoch,
        instanceId: groupInstanceId,
        ...(isFull
          ? {
              rackId: rackId || null,
              rebalanceTimeoutMs: maxPollIntervalMs,
              serverAssignor,
            }
          : {}),
        ...(isSubscriptionNew ? subscriptionFields(telling.subscription, version) : {}),
        ...(isOwnedNew ? { topicPartitions: listByTopicId(this.#owned) } : {}),
      },
      { signal, max: version },
    );
    throwIfError(answer.errorCode, `heartbeat in group ${this.groupId}`, answer.errorMessage);
    this.#told = telling;
    if (version === 0 && answer.memberId !== null) {
      this.#memberId = answer.memberId;
      this.#isIdGiven = true;
    }
    this.#setEpoch(answer.memberEpoch);
    if (answer.assignment !== null) {
      this.#target = byTopicId(answer.assignment.topicPartitions);
      this.#onNews();
    }
    return answer.heartbeatIntervalMs;
  }

  /** Whether to go on beating. */
  #onHeartbeatFailed(error: unknown): boolean {
    const name = error instanceof BrokerError ? error.error : "";
    if (name === "FENCED_MEMBER_EPOCH" || name === "UNKNOWN_MEMBER_ID") {
      this.#lose();
      return false;
    }
    if (isRetriable(error)) return true;
    this.#lose();
    // What is wrong stays wrong: the application has to subscribe anew.
    this.#subscription = null;
    this.#failure = error as Error;
    return false;
  }

  #lose(): void {
    this.#heart?.stop();
    this.#heart = null;
    this.#target = null;
    this.#told = TOLD_NOTHING;
    this.#isLost = true;
    this.#setEpoch(-1);
    this.#onNews();
  }

  #setEpoch(epoch: number): void {
    if (this.#epoch === epoch) return;
    this.#epoch = epoch;
    if (epoch > 0) {
      const { groupInstanceId } = this.#options;
      this.#metadata = {
        groupId: this.groupId,
        generation: epoch,
        memberId: this.#memberId,
        groupInstanceId,
      };
    }
    for (const resolve of this.#epochWaiters.splice(0)) resolve();
  }

  async #leave(): Promise<void> {
    if (this.#epoch < 0) return;
    const { groupInstanceId } = this.#options;
    const connection = await this.#cluster.coordinator("group", this.groupId, this.#role);
    await connection.request(
      consumerGroupHeartbeat,
      {
        groupId: this.groupId,
        memberId: this.#memberId,
        instanceId: groupInstanceId,
        memberEpoch: groupInstanceId === null ? LEAVE_EPOCH : LEAVE_FOR_NOW_EPOCH,
      },
      { timeoutMs: LEAVE_TIMEOUT_MS },
    );
  }
}

/** Version 0 knows no patterns; with version 1 an empty one ends a former pattern. */
function subscriptionFields(subscription: Told["subscription"], version: number) {
  if (subscription === null) return {};
  if ("pattern" in subscription) {
    return { subscribedTopicNames: [], subscribedTopicRegex: subscription.pattern };
  }
  return {
    subscribedTopicNames: subscription,
    ...(version >= 1 ? { subscribedTopicRegex: "" } : {}),
  };
}
