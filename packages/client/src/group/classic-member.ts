/**
 * A member of a classic consumer group.
 *
 *     unjoined ──join──▶ joining ──sync──▶ stable ──(rebalance, lost generation, new topics)──▶ unjoined
 *
 * What concerns the application (giving partitions up, getting new ones) happens in {@link ClassicMember.advance}, which the consumer
 * calls at the start of every poll: so the records of the last poll have been dealt with. The network part of a rebalance runs beside it,
 * and heartbeats run on their own from the moment an assignment came until the next join is sent, whatever the application does. A member
 * that is not polled for `maxPollIntervalMs` leaves, so that others get its partitions.
 *
 * Eager members give everything up before they join. Cooperative ones (KIP-429) join with what they own, go on reading meanwhile, give up
 * only what the new assignment lacks and then join once more, so that it can be handed on.
 */
import { heartbeat, joinGroup, leaveGroup, type ResponseOf, syncGroup } from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import type { Cluster } from "../cluster.ts";
import type { ResolvedConsumerOptions } from "../consumer/options.ts";
import {
  BrokerError,
  ClosedError,
  FencedError,
  isRetriable,
  MalformedResponseError,
  UsageError,
} from "../errors.ts";
import { type Backoff, sleep } from "../transport/backoff.ts";
import type { Role } from "../transport/brokers.ts";
import type { Connection } from "../transport/connection.ts";
import type { Assignor, GroupMember } from "./assignors/assignor.ts";
import { subtractPartitions } from "./assignors/sticky.ts";
import type { AssignmentEvents, GroupMetadata, Membership, ServerPattern } from "./membership.ts";
import { PollWatch } from "./poll-watch.ts";
import {
  type Assignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type PartitionsByTopic,
} from "./subscription.ts";

const PROTOCOL_TYPE = "consumer";
const JOIN_GRACE_MS = 5_000;
const MISSING_TOPICS_REFRESH_MS = 5_000;
const NOTHING: PartitionsByTopic = new Map();
const EMPTY_ASSIGNMENT: Assignment = { partitions: NOTHING, userData: null };

type Joined = ResponseOf<typeof joinGroup>;

interface Outcome {
  readonly assignor: Assignor;
  readonly assignment: Assignment;
}

export class ClassicMember implements Membership {
  readonly groupId: string;
  readonly #cluster: Cluster;
  readonly #role: Role;
  readonly #options: ResolvedConsumerOptions;
  readonly #events: AssignmentEvents;
  /** Called when `advance` has something to do. */
  readonly #onNews: () => void;
  readonly #isCooperative: boolean;
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  #topics: readonly string[] = [];
  #memberId = "";
  #generation = -1;
  #metadata: GroupMetadata;
  #owned: PartitionsByTopic = NOTHING;
  /** Why a new join is needed, or null while there is no need. */
  #rejoinReason: string | null = null;
  /** The network part of a rebalance: running, or its outcome. */
  #joining: Promise<void> | null = null;
  #outcome: Outcome | null = null;
  #failure: Error | null = null;
  #isLost = false;
  /** Stops the heartbeats of the current generation. */
  #heart: AbortController | null = null;
  /** Partition counts the last assignment was made with; null unless this member leads. */
  #assignedCounts: ReadonlyMap<string, number> | null = null;
  #lookedAtVersion = -1;
  #missingAskedAtMs = Number.NEGATIVE_INFINITY;
  readonly #polls: PollWatch;

  constructor(
    cluster: Cluster,
    groupId: string,
    role: Role,
    options: ResolvedConsumerOptions,
    events: AssignmentEvents,
    onNews: () => void,
  ) {
    if (options.assignors.length === 0) throw new UsageError("a group member needs an assignor");
    this.groupId = groupId;
    this.#role = role;
    this.#cluster = cluster;
    this.#options = options;
    this.#events = events;
    this.#onNews = onNews;
    this.#isCooperative = options.assignors.every(({ rebalance }) => rebalance === "cooperative");
    this.#backoff = cluster.backoff();
    const { groupInstanceId } = options;
    this.#metadata = { groupId, generation: -1, memberId: "", groupInstanceId };
    this.#polls = new PollWatch(options.maxPollIntervalMs, cluster.options.clock);
  }

  get metadata(): GroupMetadata {
    return this.#metadata;
  }

  subscribe(topics: readonly string[] | ServerPattern): void {
    if ("pattern" in topics) {
      throw new UsageError("a pattern that the broker evaluates needs groupProtocol: consumer");
    }
    this.#topics = [...new Set(topics)];
    this.#requestJoin("the subscription changed");
  }

  beginPoll(): void {
    this.#polls.begin();
  }

  endPoll(): void {
    this.#polls.end();
  }

  async advance(): Promise<void> {
    for (;;) {
      if (this.#failure !== null) {
        const failure = this.#failure;
        this.#failure = null;
        throw failure;
      }
      if (this.#isLost) {
        this.#isLost = false;
        const lost = this.#owned;
        this.#owned = NOTHING;
        if (lost.size > 0) await this.#events.onLost(lost);
        continue;
      }
      if (this.#outcome !== null) {
        const outcome = this.#outcome;
        this.#outcome = null;
        await this.#accept(outcome);
        continue;
      }
      if (this.#joining !== null) return;
      this.#checkTopics();
      if (this.#rejoinReason === null) return;
      await this.#prepare();
      if (!this.#isLost) this.#startJoin();
    }
  }

  /** Generations change within polls only. */
  async changed(): Promise<void> {}

  /** A static member only goes quiet, so that it may come back (KIP-345). */
  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const owned = this.#owned;
    this.#owned = NOTHING;
    try {
      if (owned.size > 0) await this.#events.onRevoked(owned);
    } finally {
      this.#heart?.abort(new ClosedError("the member"));
      this.#abort.abort(new ClosedError("the member"));
      await this.#joining;
      await this.#leave("the consumer was closed").catch(() => {});
      await this.#cluster.brokers.release(this.#role);
    }
  }

  #requestJoin(reason: string): void {
    this.#rejoinReason ??= reason;
    this.#onNews();
  }

  /** What has to happen before a join is sent. */
  async #prepare(): Promise<void> {
    if (this.#isCooperative) {
      const gone = new Map([...this.#owned].filter(([topic]) => !this.#topics.includes(topic)));
      if (gone.size === 0) return;
      this.#owned = subtractPartitions(this.#owned, gone);
      await this.#events.onRevoked(gone);
      return;
    }
    const owned = this.#owned;
    if (owned.size === 0) return;
    this.#owned = NOTHING;
    await this.#events.onRevoked(owned);
  }

  async #accept({ assignor, assignment }: Outcome): Promise<void> {
    const revoked = subtractPartitions(this.#owned, assignment.partitions);
    const added = subtractPartitions(assignment.partitions, this.#owned);
    if (revoked.size > 0) {
      await this.#events.onRevoked(revoked);
      if (this.#isCooperative) this.#requestJoin("partitions were given up");
    }
    if (this.#isLost) return;
    this.#owned = assignment.partitions;
    assignor.onAssignment?.(assignment, this.#generation);
    await this.#events.onAssigned(added);
  }

  #startJoin(): void {
    const reason = this.#rejoinReason ?? "";
    this.#rejoinReason = null;
    this.#heart?.abort(new ClosedError("the generation"));
    this.#heart = null;
    this.#joining = this.#join(reason)
      .then(
        (outcome) => {
          this.#backoff.reset();
          this.#outcome = outcome;
          this.#startHeart();
        },
        (error: unknown) => this.#onJoinFailed(error),
      )
      .catch(() => {})
      .finally(() => {
        this.#joining = null;
        this.#onNews();
      });
  }

  async #onJoinFailed(error: unknown): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const name = error instanceof BrokerError ? error.error : "";
    switch (name) {
      case "MEMBER_ID_REQUIRED":
        this.#rejoinReason ??= "the coordinator gave a member id";
        return;
      case "REBALANCE_IN_PROGRESS":
        this.#rejoinReason ??= "another rebalance began";
        return;
      case "UNKNOWN_MEMBER_ID":
      case "ILLEGAL_GENERATION":
        this.#lose();
        return;
      default:
    }
    this.#cluster.forgetCoordinatorIfMoved("group", this.groupId, error);
    if (!isRetriable(error)) {
      this.#failure = error as Error;
      return;
    }
    this.#rejoinReason ??= "the last attempt failed";
    await sleep(this.#cluster.options.clock, this.#backoff.nextMs(), this.#abort.signal);
  }

  /** The coordinator does not know this member any more. */
  #lose(): void {
    this.#heart?.abort(new ClosedError("the generation"));
    this.#heart = null;
    this.#memberId = "";
    this.#generation = -1;
    this.#assignedCounts = null;
    this.#outcome = null;
    this.#isLost = true;
    this.#requestJoin("the membership was lost");
  }

  async #join(reason: string): Promise<Outcome> {
    const { groupInstanceId, maxPollIntervalMs, sessionTimeoutMs } = this.#options;
    const connection = await this.#connection();
    const owned = this.#isCooperative ? this.#owned : NOTHING;
    const joined = await connection.request(
      joinGroup,
      {
        groupId: this.groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs: maxPollIntervalMs,
        memberId: this.#memberId,
        groupInstanceId,
        protocolType: PROTOCOL_TYPE,
        protocols: this.#options.assignors.map((assignor) => ({
          name: assignor.name,
          metadata: encodeSubscription({
            topics: this.#topics,
            userData: assignor.userData?.(owned, this.#generation) ?? null,
            ownedPartitions: owned,
            generation: this.#isCooperative ? this.#generation : -1,
            rackId: this.#options.rackId || null,
          }),
        })),
        reason,
      },
      {
        ...(groupInstanceId === null ? {} : { min: 5 }),
        timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS,
        signal: this.#abort.signal,
      },
    );
    const subject = `join group ${this.groupId}`;
    if (brokerErrorName(joined.errorCode) === "MEMBER_ID_REQUIRED")
      this.#memberId = joined.memberId;
    throwIfError(joined.errorCode, subject);
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    this.#metadata = {
      groupId: this.groupId,
      generation: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId,
    };
    const assignor = this.#options.assignors.find(({ name }) => name === joined.protocolName);
    if (assignor === undefined) {
      throw new MalformedResponseError(
        `${subject}: assignor ${joined.protocolName} was not offered`,
      );
    }
    const isLeader = joined.leader === joined.memberId;
    const assignments = isLeader ? await this.#assign(assignor, joined) : [];
    if (!isLeader) this.#assignedCounts = null;
    const synced = await connection.request(
      syncGroup,
      {
        groupId: this.groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupInstanceId,
        protocolType: PROTOCOL_TYPE,
        protocolName: assignor.name,
        assignments,
      },
      { timeoutMs: maxPollIntervalMs + JOIN_GRACE_MS, signal: this.#abort.signal },
    );
    throwIfError(synced.errorCode, `sync group ${this.groupId}`);
    const assignment = decodeAssignment(synced.assignment);
    return { assignor, assignment };
  }

  /** The leader's work: everybody's subscription in, everybody's assignment out. */
  async #assign(assignor: Assignor, joined: Joined) {
    const members: GroupMember[] = joined.members.map((member) => ({
      ...decodeSubscription(member.metadata),
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
    }));
    const topics = new Set(members.flatMap((member) => member.topics));
    await this.#cluster.metadata.refresh(topics, this.#abort.signal);
    const partitionCounts = this.#countsOf(topics);
    this.#assignedCounts = new Map([...topics].map((t) => [t, partitionCounts.get(t) ?? 0]));
    this.#lookedAtVersion = this.#cluster.metadata.version;
    if (joined.skipAssignment) return [];
    const result = assignor.assign({ partitionCounts, members });
    return members.map(({ memberId }) => ({
      memberId,
      assignment: encodeAssignment(result.get(memberId) ?? EMPTY_ASSIGNMENT),
    }));
  }

  #countsOf(topics: Iterable<string>): Map<string, number> {
    const counts = new Map<string, number>();
    for (const topic of topics) {
      const known = this.#cluster.metadata.cached(topic);
      if (known !== null) counts.set(topic, known.partitions.length);
    }
    return counts;
  }

  /** The leader watches for topics that appear, grow or go. */
  #checkTopics(): void {
    const assigned = this.#assignedCounts;
    if (assigned === null || this.#rejoinReason !== null) return;
    const { metadata } = this.#cluster;
    const now = this.#cluster.now();
    const counts = this.#countsOf(assigned.keys());
    if (now - this.#missingAskedAtMs > MISSING_TOPICS_REFRESH_MS) {
      this.#missingAskedAtMs = now;
      const missing = [...assigned.keys()].filter((topic) => !counts.has(topic));
      if (missing.length > 0) metadata.refresh(missing, this.#abort.signal).catch(() => {});
    }
    if (metadata.version === this.#lookedAtVersion) return;
    this.#lookedAtVersion = metadata.version;
    for (const [topic, count] of assigned) {
      if ((counts.get(topic) ?? 0) === count) continue;
      this.#requestJoin(`topic ${topic} has ${counts.get(topic) ?? 0} partitions now`);
      return;
    }
  }

  #startHeart(): void {
    const heart = new AbortController();
    this.#heart = heart;
    this.#beat(heart.signal).catch(() => {});
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock } = this.#cluster.options;
    const { heartbeatIntervalMs, groupInstanceId } = this.#options;
    for (;;) {
      await sleep(clock, heartbeatIntervalMs, signal);
      if (this.#polls.isOverdue) {
        await this.#leave("the application did not poll").catch(() => {});
        if (!signal.aborted) this.#lose();
        return;
      }
      try {
        const connection = await this.#connection();
        const { errorCode } = await connection.request(
          heartbeat,
          {
            groupId: this.groupId,
            generationId: this.#generation,
            memberId: this.#memberId,
            groupInstanceId,
          },
          { signal },
        );
        if (errorCode !== 0) throw brokerError(errorCode, `heartbeat in group ${this.groupId}`);
      } catch (error) {
        if (signal.aborted) return;
        this.#onHeartbeatFailed(error);
      }
    }
  }

  #onHeartbeatFailed(error: unknown): void {
    const name = error instanceof BrokerError ? error.error : "";
    if (name === "REBALANCE_IN_PROGRESS") {
      // Heartbeats go on: the application may still be at work on the last poll.
      this.#requestJoin("the coordinator began a rebalance");
    } else if (name === "UNKNOWN_MEMBER_ID" || name === "ILLEGAL_GENERATION") {
      this.#lose();
    } else if (error instanceof FencedError) {
      this.#lose();
      this.#rejoinReason = null;
      this.#failure = error;
      this.#onNews();
    } else {
      this.#cluster.forgetCoordinatorIfMoved("group", this.groupId, error);
      if (!isRetriable(error)) {
        this.#failure = error as Error;
        this.#onNews();
      }
    }
  }

  async #leave(reason: string): Promise<void> {
    const memberId = this.#memberId;
    if (memberId === "" || this.#options.groupInstanceId !== null) return;
    const connection = await this.#cluster.coordinator("group", this.groupId, this.#role);
    const isBatched = connection.versions.find(leaveGroup, { min: 3 }) >= 0;
    await connection.request(
      leaveGroup,
      isBatched
        ? { groupId: this.groupId, members: [{ memberId, reason }] }
        : { groupId: this.groupId, memberId },
      { timeoutMs: JOIN_GRACE_MS },
    );
  }

  #connection(): Promise<Connection> {
    return this.#cluster.coordinator("group", this.groupId, this.#role, this.#abort.signal);
  }
}

function brokerErrorName(code: number): string {
  return code === 0 ? "" : brokerError(code, "").error;
}
