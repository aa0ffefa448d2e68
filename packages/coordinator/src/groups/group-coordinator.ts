/**
 * The group coordinator: routes requests to shards and groups, keeps them waiting while a shard loads or is being cleaned, turns
 * outcomes into records and answers. What a group does is in classic-group.ts, what becomes of offsets in offset-coordinator.ts, what is
 * stored and when in group-shard.ts.
 *
 * Nothing here blocks: a request that waits is a promise that its group holds. Time costs two timers whatever the number of
 * groups: the next deadline of any group, and the next scan for expired offsets.
 */
import type { Clock, Random } from "@ottla/platform";
import type { CoordinatorLog } from "../coordinator-log.ts";
import { DeadlineQueue } from "../deadline-queue.ts";
import { type GroupErrorName, groupErrorOf, rejectionOf } from "../errors.ts";
import type { GroupCoordinatorGauges, GroupCoordinatorProbe } from "../probe.ts";
import { joinError, syncError } from "./classic-answers.ts";
import type {
  ClassicGroupEvent,
  ClassicGroupInputs,
  ClassicGroupOutput,
} from "./classic-events.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { Group, GroupShard } from "./group-shard.ts";
import { GroupShards } from "./group-shards.ts";
import type {
  DeletedGroup,
  DescribedGroup,
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupRequest,
  LeaveGroupResult,
  ListedGroup,
  ListGroupsFilter,
  ListGroupsResult,
  SyncGroupRequest,
  SyncGroupResult,
} from "./group-types.ts";
import { MemberMemory } from "./member-memory.ts";
import { OffsetCoordinator } from "./offset-coordinator.ts";
import type {
  CompletedTransaction,
  DeletedTopic,
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetDeleteRequest,
  OffsetDeleteResult,
  OffsetFetchRequest,
  OffsetFetchResult,
  TopicCatalog,
  TransactionalOffsetCommitRequest,
} from "./offset-types.ts";
import type { GroupMetadata } from "./records/group-metadata.ts";

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: CoordinatorLog;
  readonly config: GroupCoordinatorConfig;
  readonly topics: TopicCatalog;
  readonly probe?: GroupCoordinatorProbe;
  /** What members of all groups may say of themselves together; 512 MiB unless told. */
  readonly memberBytes?: number;
  /** Groups without members that have stored nothing; 100,000 unless told. */
  readonly begunGroups?: number;
}

/** How many shards are read at a time. */
const LOADING_AT_ONCE = 8;

const MAX_BEGUN_GROUPS = 100_000;
/** What their ids may take together: one may have 32,767 characters. */
const MAX_BEGUN_CHARACTERS = 16_777_216;

/** A client id longer than this is cut where it begins a member id, which must fit a string of the protocol. */
const CLIENT_ID_IN_MEMBER_ID_CHARACTERS = 8_000;

const EMPTY = Buffer.alloc(0);

/**
 * Classic consumer groups and committed offsets, over all shards of a coordinator log. Expected failures are values; a rejected
 * promise is a defect. Nothing is answered before what it says is durable.
 */
export class GroupCoordinator {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #config: GroupCoordinatorConfig;
  readonly #probe: GroupCoordinatorProbe | null;
  readonly #memberMemory: MemberMemory;
  readonly #maxBegun: number;
  /** Ids of groups that began with a join, oldest first. */
  readonly #begun: string[] = [];
  #begunCharacters = 0;
  readonly #shards: GroupShards;
  readonly #deadlines: DeadlineQueue<Group>;
  readonly #offsets: OffsetCoordinator;

  constructor(options: GroupCoordinatorOptions) {
    const { clock, config, log, topics } = options;
    this.#clock = clock;
    this.#random = options.random;
    this.#config = config;
    this.#probe = options.probe ?? null;
    this.#memberMemory = new MemberMemory(options.memberBytes);
    this.#maxBegun = options.begunGroups ?? MAX_BEGUN_GROUPS;
    const settings = {
      clock,
      initialRebalanceDelayMs: config.groupInitialRebalanceDelayMs,
      maxSize: config.groupMaxSize,
      memberMemory: this.#memberMemory,
    };
    this.#shards = new GroupShards(log, settings);
    this.#deadlines = new DeadlineQueue(clock, (group) => this.#tick(group));
    this.#offsets = new OffsetCoordinator({
      clock,
      config,
      topics,
      shards: this.#shards,
      mayCommit: (group, event, credentials) => this.#run(group, event, credentials).response,
      probe: this.#probe,
    });
  }

  /**
   * Reads every shard; requests for a shard that is not read yet answer COORDINATOR_LOAD_IN_PROGRESS.
   * @throws AggregateError when shards cannot be read; they answer COORDINATOR_NOT_AVAILABLE, the others work.
   */
  async load(): Promise<void> {
    if (this.#shards.isClosed) return;
    this.#offsets.start();
    const waiting = this.#shards[Symbol.iterator]();
    const errors: unknown[] = [];
    const loadNext = async () => {
      for (const shard of waiting) {
        await this.#loadShard(shard).catch((error: unknown) => errors.push(error));
      }
    };
    await Promise.all(Array.from({ length: LOADING_AT_ONCE }, loadNext));
    if (errors.length > 0) throw new AggregateError(errors, "coordinator shards cannot be read");
  }

  /** The partition of `__consumer_offsets` that holds the group (CG14). */
  shardFor(groupId: string): number {
    return this.#shards.indexOf(groupId);
  }

  /** Resolves when the join phase completes, or the request is refused. */
  async joinGroup(request: JoinGroupRequest): Promise<JoinGroupResult> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const shard = this.#shards.of(groupId);
    if (shard.gate !== null) await shard.opened();
    const refusal = this.#shards.refusal(shard, groupId);
    if (refusal !== "NONE") return joinError(refusal, memberId);
    const { groupMinSessionTimeoutMs, groupMaxSessionTimeoutMs } = this.#config;
    if (
      sessionTimeoutMs < groupMinSessionTimeoutMs ||
      sessionTimeoutMs > groupMaxSessionTimeoutMs
    ) {
      return joinError("INVALID_SESSION_TIMEOUT", memberId);
    }
    const saidBefore = shard.group(groupId)?.classic.members.get(memberId)?.protocols ?? null;
    if (!this.#memberMemory.hasRoom(request.protocols, saidBefore, request)) {
      return joinError("COORDINATOR_NOT_AVAILABLE", memberId);
    }
    let group = shard.group(groupId);
    if (group === undefined) {
      if (memberId !== "") return joinError("UNKNOWN_MEMBER_ID", memberId);
      group = shard.groupOrNew(groupId);
      this.#begin(groupId);
    }
    return new Promise((reply) => {
      const kept = keepJoin(request);
      if (memberId !== "") {
        this.#run(group, "rejoin", { request: kept, reply });
        return;
      }
      const newMemberId = this.#newMemberId(kept);
      this.#run(group, "join", { request: kept, newMemberId, reply });
    });
  }

  /** Resolves when the leader's assignment is durable, or the request is refused. */
  async syncGroup(request: SyncGroupRequest): Promise<SyncGroupResult> {
    const shard = this.#shards.of(request.groupId);
    if (shard.gate !== null) await shard.opened();
    const refusal = this.#shards.refusal(shard, request.groupId);
    if (refusal !== "NONE") {
      // Clients do not expect to hear of loading here; looking for the coordinator again is what they should do (ER).
      const isLoading = refusal === "COORDINATOR_LOAD_IN_PROGRESS";
      return syncError(isLoading ? "COORDINATOR_NOT_AVAILABLE" : refusal);
    }
    const group = shard.group(request.groupId);
    if (group === undefined) return syncError("UNKNOWN_MEMBER_ID");
    return new Promise((reply) => {
      this.#run(group, "sync", { request: keepSync(request), reply });
    });
  }

  /** Answers from memory, at once. While the shard loads all is well, so that nobody rejoins for that. */
  heartbeat(request: HeartbeatRequest): GroupErrorName {
    const shard = this.#shards.of(request.groupId);
    const refusal = this.#shards.refusal(shard, request.groupId);
    if (refusal === "COORDINATOR_LOAD_IN_PROGRESS") return "NONE";
    if (refusal !== "NONE") return refusal;
    const group = shard.group(request.groupId);
    if (group === undefined) return "UNKNOWN_MEMBER_ID";
    return this.#run(group, "heartbeat", request).response;
  }

  async leaveGroup(request: LeaveGroupRequest): Promise<LeaveGroupResult> {
    const shard = this.#shards.of(request.groupId);
    if (shard.gate !== null) await shard.opened();
    const refusal = this.#shards.refusal(shard, request.groupId);
    if (refusal !== "NONE") return { error: refusal, members: [] };
    const group = shard.group(request.groupId);
    if (group === undefined) {
      const members = request.members.map(({ memberId, groupInstanceId }) => ({
        memberId,
        groupInstanceId,
        error: "UNKNOWN_MEMBER_ID" as const,
      }));
      return { error: "NONE", members };
    }
    const { response, stored } = this.#run(group, "leave", request);
    const error = stored === null ? "NONE" : await stored;
    return error === "NONE" ? response : { error, members: [] };
  }

  describeGroups(groupIds: readonly string[]): readonly DescribedGroup[] {
    return groupIds.map((groupId) => {
      const shard = this.#shards.of(groupId);
      const refusal = this.#shards.unavailability(shard);
      const group = shard.group(groupId);
      if (refusal === "NONE" && group !== undefined) return group.classic.describe();
      const isUnknown = refusal === "NONE";
      return {
        groupId,
        error: isUnknown ? "GROUP_ID_NOT_FOUND" : refusal,
        errorMessage: isUnknown ? `Group ${groupId} not found.` : null,
        groupState: isUnknown ? "Dead" : "",
        protocolType: "",
        protocolData: "",
        members: [],
      };
    });
  }

  listGroups(filter: ListGroupsFilter): ListGroupsResult {
    const states = new Set(filter.statesFilter.map((state) => state.toLowerCase()));
    const types = new Set(filter.typesFilter.map((type) => type.toLowerCase()));
    const isTypeWanted = types.size === 0 || types.has("classic");
    const groups: ListedGroup[] = [];
    for (const shard of this.#shards) {
      const error = this.#shards.unavailability(shard);
      if (error !== "NONE") return { error, groups: [] };
      if (!isTypeWanted) continue;
      for (const { groupId, classic } of shard.groups.values()) {
        if (states.size > 0 && !states.has(classic.state.toLowerCase())) continue;
        const protocolType = classic.protocolType ?? "";
        groups.push({ groupId, protocolType, groupState: classic.state, groupType: "classic" });
      }
    }
    return { error: "NONE", groups };
  }

  /** Deletes groups without members, with their offsets (CG13). */
  deleteGroups(groupIds: readonly string[]): Promise<readonly DeletedGroup[]> {
    return Promise.all(
      groupIds.map(async (groupId) => ({ groupId, error: await this.#deleteGroup(groupId) })),
    );
  }

  /** Resolves when the offsets are durable. */
  commitOffsets(request: OffsetCommitRequest): Promise<OffsetCommitResult> {
    return this.#offsets.commit(request);
  }

  /** Stores offsets that count when the producer's transaction commits (TX13). Resolves when they are durable. */
  commitTransactionalOffsets(
    request: TransactionalOffsetCommitRequest,
  ): Promise<OffsetCommitResult> {
    return this.#offsets.commitInTransaction(request);
  }

  /**
   * Ends a transaction in one shard. To be called in the turn in which its marker is queued there, with the promise that tells whether it was
   * stored; resolves when what it brought can be seen.
   */
  completeTransaction(
    shard: number,
    end: CompletedTransaction,
    stored: Promise<boolean>,
  ): Promise<void> {
    // A partition that the topic has got since the start holds no group before the next one.
    return this.#shards.at(shard)?.completeTransaction(end, stored) ?? Promise.resolve();
  }

  fetchOffsets(request: OffsetFetchRequest): Promise<OffsetFetchResult> {
    return this.#offsets.fetch(request);
  }

  /** Deletes offsets of topics that the group does not subscribe to (CG13). */
  deleteOffsets(request: OffsetDeleteRequest): Promise<OffsetDeleteResult> {
    return this.#offsets.delete(request);
  }

  /** Drops the offsets of deleted topics (CG13). To be called after the catalog has forgotten them. */
  onTopicsDeleted(topics: readonly DeletedTopic[]): Promise<void> {
    return this.#offsets.dropTopics(topics);
  }

  gauges(): GroupCoordinatorGauges {
    const byState = {
      Empty: 0,
      PreparingRebalance: 0,
      CompletingRebalance: 0,
      Stable: 0,
      Dead: 0,
    };
    let numGroups = 0;
    let numOffsets = 0;
    for (const shard of this.#shards) {
      numGroups += shard.groups.size;
      for (const { classic, offsets } of shard.groups.values()) {
        byState[classic.state]++;
        numOffsets += offsets.count;
      }
    }
    return {
      numGroups,
      numGroupsEmpty: byState.Empty,
      numGroupsPreparingRebalance: byState.PreparingRebalance,
      numGroupsCompletingRebalance: byState.CompletingRebalance,
      numGroupsStable: byState.Stable,
      numGroupsDead: byState.Dead,
      numOffsets,
    };
  }

  /** Answers what waits with NOT_COORDINATOR and what comes after with COORDINATOR_NOT_AVAILABLE. Idempotent. */
  async close(): Promise<void> {
    if (!this.#shards.isClosed) {
      this.#shards.isClosed = true;
      this.#offsets.close();
      this.#deadlines.close();
      for (const shard of this.#shards) {
        shard.becomeReady();
        for (const { classic } of shard.groups.values()) {
          classic.handle("unload", { error: "NOT_COORDINATOR" });
        }
      }
    }
    for (const shard of this.#shards) {
      await shard.opened();
      await shard.settled();
    }
  }

  async #loadShard(shard: GroupShard): Promise<void> {
    if (shard.status !== "COORDINATOR_LOAD_IN_PROGRESS" || this.#shards.isClosed) return;
    const startMs = this.#clock.monotonic();
    try {
      const records = await shard.load();
      shard.status = "NONE";
      if (!this.#shards.isClosed) {
        for (const group of shard.groups.values()) this.#revive(group);
        void this.#offsets.dropMissingTopics(shard);
      }
      const durationMs = this.#clock.monotonic() - startMs;
      this.#probe?.shardLoaded({ shard: shard.index, records, durationMs });
    } catch (error) {
      shard.status = "COORDINATOR_NOT_AVAILABLE";
      this.#warn(`coordinator shard ${shard.index} cannot be read`, error);
      throw error;
    } finally {
      shard.becomeReady();
    }
  }

  #revive(group: Group): void {
    group.classic.restore();
    this.#run(group, "loaded", {});
    this.#deadlines.request(group, group.classic.nextDeadline());
  }

  /** Gives an event to a group, and stores what comes of it; `stored` resolves when that is done. */
  #run<Event extends ClassicGroupEvent>(
    group: Group,
    event: Event,
    input: ClassicGroupInputs[Event],
  ): { response: ClassicGroupOutput<Event>; stored: Promise<GroupErrorName> | null } {
    const { record, response } = group.classic.handle(event, input);
    this.#watch(group);
    return { response, stored: record === null ? null : this.#store(group, record) };
  }

  #tick(group: Group): void {
    for (const record of group.classic.tick()) void this.#store(group, record);
    group.classic.wakeAt = Number.POSITIVE_INFINITY;
    this.#deadlines.request(group, group.classic.nextDeadline());
  }

  #watch(group: Group): void {
    this.#deadlines.request(group, group.classic.wakeAt);
    group.classic.wakeAt = Number.POSITIVE_INFINITY;
  }

  async #store(group: Group, metadata: GroupMetadata): Promise<GroupErrorName> {
    const { classic, groupId } = group;
    const stateBefore = classic.state;
    try {
      await group.shard.append([{ type: "metadata", groupId, value: metadata }]);
    } catch (cause) {
      const error = groupErrorOf(rejectionOf(cause));
      this.#warn(`generation ${metadata.generation} of group ${groupId} was not stored`, cause);
      if (!this.#shards.isClosed) this.#run(group, "storeFailed", { metadata, error });
      return error;
    }
    if (this.#shards.isClosed) return "NONE";
    this.#watch(group);
    if (stateBefore === "CompletingRebalance" && classic.state === "Stable") {
      this.#probe?.rebalanceCompleted();
    }
    return "NONE";
  }

  async #deleteGroup(groupId: string): Promise<GroupErrorName> {
    const shard = this.#shards.of(groupId);
    return shard.exclusively(async () => {
      const refusal = this.#shards.unavailability(shard);
      if (refusal !== "NONE") return refusal;
      const group = shard.group(groupId);
      if (group === undefined || group.classic.state === "Dead") return "GROUP_ID_NOT_FOUND";
      if (group.classic.state !== "Empty") return "NON_EMPTY_GROUP";
      const records = this.#offsets.tombstonesOf(group);
      const offsets = records.length;
      records.push({ type: "metadata", groupId, value: null });
      const { records: left, cause } = await shard.appendInBatches(records);
      if (left.length > 0) {
        this.#warn(`group ${groupId} was not deleted`, cause);
        return groupErrorOf(rejectionOf(cause));
      }
      this.#probe?.offsetsDeleted(offsets);
      return "NONE";
    });
  }

  /** Of groups that were only ever asked to be joined the oldest are forgotten: who was told a member id there asks for another. */
  #begin(groupId: string): void {
    this.#begun.push(groupId);
    this.#begunCharacters += groupId.length;
    const isTooMuch = this.#begunCharacters > MAX_BEGUN_CHARACTERS;
    if (this.#begun.length <= this.#maxBegun && !isTooMuch) return;
    for (const id of this.#begun.splice(0, Math.ceil(this.#begun.length / 10))) {
      this.#begunCharacters -= id.length;
      const shard = this.#shards.of(id);
      const old = shard.group(id);
      if (old !== undefined && shard.dropUnused(old)) this.#deadlines.remove(old);
    }
  }

  #newMemberId({ clientId, groupInstanceId }: JoinGroupRequest): string {
    const prefix = groupInstanceId ?? clientId;
    return `${prefix.slice(0, CLIENT_ID_IN_MEMBER_ID_CHARACTERS)}-${this.#random.uuid()}`;
  }

  #warn(message: string, cause: unknown): void {
    this.#probe?.warning(message, cause);
  }
}

/** A copy that owns its bytes: a member keeps them long after the request's buffer is gone. */
function keepJoin(request: JoinGroupRequest): JoinGroupRequest {
  const { rebalanceTimeoutMs, sessionTimeoutMs } = request;
  return {
    ...request,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: copy(metadata) })),
  };
}

function keepSync(request: SyncGroupRequest): SyncGroupRequest {
  const assignments = request.assignments.map(({ memberId, assignment }) => ({
    memberId,
    assignment: copy(assignment),
  }));
  return { ...request, assignments };
}

function copy(bytes: Buffer): Buffer {
  return bytes.length === 0 ? EMPTY : Buffer.from(bytes);
}
