import type { Clock, Random } from "@ottla/platform";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import type { GroupErrorName } from "./errors.ts";
import type {
  DeletedGroup,
  DescribedGroup,
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupRequest,
  LeaveGroupResult,
  ListGroupsFilter,
  ListGroupsResult,
  SyncGroupRequest,
  SyncGroupResult,
} from "./group-types.ts";
import type {
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetDeleteRequest,
  OffsetDeleteResult,
  OffsetFetchRequest,
  OffsetFetchResult,
  TopicCatalog,
} from "./offset-types.ts";
import type { GroupCoordinatorGauges, GroupCoordinatorProbe } from "./probe.ts";

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: CoordinatorLog;
  readonly config: GroupCoordinatorConfig;
  readonly topics: TopicCatalog;
  readonly probe?: GroupCoordinatorProbe;
}

/**
 * Classic consumer groups and committed offsets, over all shards of a coordinator log. Expected failures are values; a rejected
 * promise is a defect. Nothing is answered before what it says is durable.
 */
export interface GroupCoordinator {
  /** Reads every shard; requests for a shard not read yet answer COORDINATOR_LOAD_IN_PROGRESS. @throws when a shard cannot be read. */
  load(): Promise<void>;
  /** The partition of `__consumer_offsets` that holds the group. */
  shardFor(groupId: string): number;

  /** Resolves when the join phase completes. */
  joinGroup(request: JoinGroupRequest): Promise<JoinGroupResult>;
  /** Resolves when the leader's assignment is durable. */
  syncGroup(request: SyncGroupRequest): Promise<SyncGroupResult>;
  /** Answers from memory, at once. */
  heartbeat(request: HeartbeatRequest): GroupErrorName;
  leaveGroup(request: LeaveGroupRequest): Promise<LeaveGroupResult>;
  describeGroups(groupIds: readonly string[]): readonly DescribedGroup[];
  listGroups(filter: ListGroupsFilter): ListGroupsResult;
  deleteGroups(groupIds: readonly string[]): Promise<readonly DeletedGroup[]>;

  commitOffsets(request: OffsetCommitRequest): Promise<OffsetCommitResult>;
  fetchOffsets(request: OffsetFetchRequest): Promise<OffsetFetchResult>;
  deleteOffsets(request: OffsetDeleteRequest): Promise<OffsetDeleteResult>;

  /** Drops the offsets of deleted topics. To be called after the catalog has forgotten them. */
  onTopicsDeleted(names: readonly string[]): Promise<void>;
  gauges(): GroupCoordinatorGauges;
  /** Answers what waits with NOT_COORDINATOR and what comes after with COORDINATOR_NOT_AVAILABLE. Idempotent. */
  close(): Promise<void>;
}
