export type {
  CoordinatorLog,
  CoordinatorRecord,
  ProducerIdentity,
  StoredCoordinatorRecord,
  StoredMarker,
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
  CompletedTransaction,
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
  TransactionalOffsetCommitRequest,
  TransactionalOffsetCommitTopic,
} from "./groups/offset-types.ts";
export type { GroupCoordinatorGauges, GroupCoordinatorProbe } from "./probe.ts";
export { shardOf } from "./shard.ts";
export {
  DEFAULT_TRANSACTION_COORDINATOR_CONFIG,
  type TransactionCoordinatorConfig,
} from "./transactions/config.ts";
export {
  TransactionCoordinator,
  type TransactionCoordinatorOptions,
} from "./transactions/transaction-coordinator.ts";
export type {
  ProducerIdAllocator,
  TransactionMarker,
  TransactionMarkers,
} from "./transactions/transaction-markers.ts";
export type {
  TransactionCoordinatorGauges,
  TransactionCoordinatorProbe,
} from "./transactions/transaction-probe.ts";
export type {
  AddPartitionsRequest,
  DescribedTransaction,
  EndTransactionRequest,
  EndTransactionResult,
  InitTransactionalProducerRequest,
  InitTransactionalProducerResult,
  ListedTransaction,
  ListTransactionsFilter,
  ListTransactionsResult,
  TopicPartitions,
  TransactionErrorName,
  TransactionPartitionsRequest,
  TransactionStateName,
  TransactionVersion,
  VerifyPartitionsResult,
} from "./transactions/transaction-types.ts";
