export type {
  CoordinatorLog,
  CoordinatorRecord,
  StoredCoordinatorRecord,
} from "./coordinator-log.ts";
export {
  type AppendRejection,
  CoordinatorAppendRejected,
  CorruptCoordinatorRecord,
  type GroupErrorName,
} from "./errors.ts";
export { DEFAULT_GROUP_COORDINATOR_CONFIG, type GroupCoordinatorConfig } from "./groups/config.ts";
export { GroupCoordinator, type GroupCoordinatorOptions } from "./groups/group-coordinator.ts";
export type {
  ClassicGroupState,
  DeletedGroup,
  DescribedGroup,
  DescribedMember,
  HeartbeatRequest,
  JoinGroupProtocol,
  JoinGroupRequest,
  JoinGroupResult,
  JoinGroupResultMember,
  LeaveGroupRequest,
  LeaveGroupResult,
  LeavingMember,
  LeftMember,
  ListedGroup,
  ListGroupsFilter,
  ListGroupsResult,
  SyncGroupAssignment,
  SyncGroupRequest,
  SyncGroupResult,
} from "./groups/group-types.ts";
export type {
  DeletedTopic,
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetCommitResultTopic,
  OffsetCommitTopic,
  OffsetDeleteRequest,
  OffsetDeleteResult,
  OffsetDeleteResultTopic,
  OffsetDeleteTopic,
  OffsetFetchGroup,
  OffsetFetchRequest,
  OffsetFetchResult,
  OffsetFetchResultGroup,
  OffsetFetchResultPartition,
  OffsetFetchResultTopic,
  OffsetFetchTopic,
  PartitionError,
  TopicCatalog,
} from "./groups/offset-types.ts";
export type { GroupCoordinatorGauges, GroupCoordinatorProbe } from "./probe.ts";
export { javaHash, shardOf } from "./shard.ts";
