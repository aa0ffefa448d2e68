export { MAX_MESSAGE_ELEMENTS, UNKNOWN_TAGS, type UnknownTaggedField } from "./codec/runtime.ts";
export {
  type CompressionType,
  compress,
  compressionIdOf,
  compressionLevels,
  compressionTypeOf,
  compressionTypes,
  decompress,
} from "./compression/compression.ts";
export {
  type ConsumerProtocolAssignment,
  type ConsumerProtocolAssignmentInput,
  type ConsumerProtocolSubscription,
  type ConsumerProtocolSubscriptionInput,
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "./data/consumer-protocol.ts";
export {
  type CoordinatorRecordKind,
  coordinatorRecord,
  decodeRecordKey,
  encodeRecordKey,
  type RecordKeyOf,
  type RecordValueInput,
  type RecordValueOf,
  recordType,
} from "./data/coordinator-record.ts";
export {
  consumerGroupCurrentMemberAssignmentRecord,
  consumerGroupMemberMetadataRecord,
  consumerGroupMetadataRecord,
  consumerGroupPartitionMetadataRecord,
  consumerGroupRegularExpressionRecord,
  consumerGroupTargetAssignmentMemberRecord,
  consumerGroupTargetAssignmentMetadataRecord,
  groupMetadataRecord,
  legacyOffsetCommitRecord,
  offsetCommitRecord,
} from "./data/group-records.ts";
export { transactionLogRecord } from "./data/transaction-records.ts";
export {
  ERROR_NAMES,
  type ErrorName,
  errorCode,
  errorMessage,
  errorName,
  isRetriable,
} from "./errors.ts";
export {
  decodeData,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  decodeVersioned,
  encodeData,
  encodeRequest,
  encodeResponse,
  encodeVersioned,
  type RequestEnvelope,
  type RequestHeader,
  readVersion,
} from "./frames.ts";
export {
  type ProduceRequest,
  type ProduceRequestInput,
  type ProduceResponse,
  type ProduceResponseInput,
  produce,
} from "./messages/00-produce.ts";
export {
  type FetchRequest,
  type FetchRequestInput,
  type FetchResponse,
  type FetchResponseInput,
  fetch,
} from "./messages/01-fetch.ts";
export {
  type ListOffsetsRequest,
  type ListOffsetsRequestInput,
  type ListOffsetsResponse,
  type ListOffsetsResponseInput,
  listOffsets,
} from "./messages/02-list-offsets.ts";
export {
  type MetadataRequest,
  type MetadataRequestInput,
  type MetadataResponse,
  type MetadataResponseInput,
  metadata,
} from "./messages/03-metadata.ts";
export {
  type OffsetCommitRequest,
  type OffsetCommitRequestInput,
  type OffsetCommitResponse,
  type OffsetCommitResponseInput,
  offsetCommit,
} from "./messages/08-offset-commit.ts";
export {
  type OffsetFetchRequest,
  type OffsetFetchRequestInput,
  type OffsetFetchResponse,
  type OffsetFetchResponseInput,
  offsetFetch,
} from "./messages/09-offset-fetch.ts";
export {
  type FindCoordinatorRequest,
  type FindCoordinatorRequestInput,
  type FindCoordinatorResponse,
  type FindCoordinatorResponseInput,
  findCoordinator,
} from "./messages/10-find-coordinator.ts";
export {
  type JoinGroupRequest,
  type JoinGroupRequestInput,
  type JoinGroupResponse,
  type JoinGroupResponseInput,
  joinGroup,
} from "./messages/11-join-group.ts";
export {
  type HeartbeatRequest,
  type HeartbeatRequestInput,
  type HeartbeatResponse,
  type HeartbeatResponseInput,
  heartbeat,
} from "./messages/12-heartbeat.ts";
export {
  type LeaveGroupRequest,
  type LeaveGroupRequestInput,
  type LeaveGroupResponse,
  type LeaveGroupResponseInput,
  leaveGroup,
} from "./messages/13-leave-group.ts";
export {
  type SyncGroupRequest,
  type SyncGroupRequestInput,
  type SyncGroupResponse,
  type SyncGroupResponseInput,
  syncGroup,
} from "./messages/14-sync-group.ts";
export {
  type DescribeGroupsRequest,
  type DescribeGroupsRequestInput,
  type DescribeGroupsResponse,
  type DescribeGroupsResponseInput,
  describeGroups,
} from "./messages/15-describe-groups.ts";
export {
  type ListGroupsRequest,
  type ListGroupsRequestInput,
  type ListGroupsResponse,
  type ListGroupsResponseInput,
  listGroups,
} from "./messages/16-list-groups.ts";
export {
  type SaslHandshakeRequest,
  type SaslHandshakeRequestInput,
  type SaslHandshakeResponse,
  type SaslHandshakeResponseInput,
  saslHandshake,
} from "./messages/17-sasl-handshake.ts";
export {
  type ApiVersionsRequest,
  type ApiVersionsRequestInput,
  type ApiVersionsResponse,
  type ApiVersionsResponseInput,
  apiVersions,
} from "./messages/18-api-versions.ts";
export {
  type CreateTopicsRequest,
  type CreateTopicsRequestInput,
  type CreateTopicsResponse,
  type CreateTopicsResponseInput,
  createTopics,
} from "./messages/19-create-topics.ts";
export {
  type DeleteTopicsRequest,
  type DeleteTopicsRequestInput,
  type DeleteTopicsResponse,
  type DeleteTopicsResponseInput,
  deleteTopics,
} from "./messages/20-delete-topics.ts";
export {
  type DeleteRecordsRequest,
  type DeleteRecordsRequestInput,
  type DeleteRecordsResponse,
  type DeleteRecordsResponseInput,
  deleteRecords,
} from "./messages/21-delete-records.ts";
export {
  type InitProducerIdRequest,
  type InitProducerIdRequestInput,
  type InitProducerIdResponse,
  type InitProducerIdResponseInput,
  initProducerId,
} from "./messages/22-init-producer-id.ts";
export {
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochRequestInput,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderEpochResponseInput,
  offsetForLeaderEpoch,
} from "./messages/23-offset-for-leader-epoch.ts";
export {
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnRequestInput,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnResponseInput,
  addPartitionsToTxn,
} from "./messages/24-add-partitions-to-txn.ts";
export {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnRequestInput,
  type AddOffsetsToTxnResponse,
  type AddOffsetsToTxnResponseInput,
  addOffsetsToTxn,
} from "./messages/25-add-offsets-to-txn.ts";
export {
  type EndTxnRequest,
  type EndTxnRequestInput,
  type EndTxnResponse,
  type EndTxnResponseInput,
  endTxn,
} from "./messages/26-end-txn.ts";
export {
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersRequestInput,
  type WriteTxnMarkersResponse,
  type WriteTxnMarkersResponseInput,
  writeTxnMarkers,
} from "./messages/27-write-txn-markers.ts";
export {
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestInput,
  type TxnOffsetCommitResponse,
  type TxnOffsetCommitResponseInput,
  txnOffsetCommit,
} from "./messages/28-txn-offset-commit.ts";
export {
  type DescribeAclsRequest,
  type DescribeAclsRequestInput,
  type DescribeAclsResponse,
  type DescribeAclsResponseInput,
  describeAcls,
} from "./messages/29-describe-acls.ts";
export {
  type CreateAclsRequest,
  type CreateAclsRequestInput,
  type CreateAclsResponse,
  type CreateAclsResponseInput,
  createAcls,
} from "./messages/30-create-acls.ts";
export {
  type DeleteAclsRequest,
  type DeleteAclsRequestInput,
  type DeleteAclsResponse,
  type DeleteAclsResponseInput,
  deleteAcls,
} from "./messages/31-delete-acls.ts";
export {
  type DescribeConfigsRequest,
  type DescribeConfigsRequestInput,
  type DescribeConfigsResponse,
  type DescribeConfigsResponseInput,
  describeConfigs,
} from "./messages/32-describe-configs.ts";
export {
  type AlterConfigsRequest,
  type AlterConfigsRequestInput,
  type AlterConfigsResponse,
  type AlterConfigsResponseInput,
  alterConfigs,
} from "./messages/33-alter-configs.ts";
export {
  type AlterReplicaLogDirsRequest,
  type AlterReplicaLogDirsRequestInput,
  type AlterReplicaLogDirsResponse,
  type AlterReplicaLogDirsResponseInput,
  alterReplicaLogDirs,
} from "./messages/34-alter-replica-log-dirs.ts";
export {
  type DescribeLogDirsRequest,
  type DescribeLogDirsRequestInput,
  type DescribeLogDirsResponse,
  type DescribeLogDirsResponseInput,
  describeLogDirs,
} from "./messages/35-describe-log-dirs.ts";
export {
  type SaslAuthenticateRequest,
  type SaslAuthenticateRequestInput,
  type SaslAuthenticateResponse,
  type SaslAuthenticateResponseInput,
  saslAuthenticate,
} from "./messages/36-sasl-authenticate.ts";
export {
  type CreatePartitionsRequest,
  type CreatePartitionsRequestInput,
  type CreatePartitionsResponse,
  type CreatePartitionsResponseInput,
  createPartitions,
} from "./messages/37-create-partitions.ts";
export {
  type CreateDelegationTokenRequest,
  type CreateDelegationTokenRequestInput,
  type CreateDelegationTokenResponse,
  type CreateDelegationTokenResponseInput,
  createDelegationToken,
} from "./messages/38-create-delegation-token.ts";
export {
  type RenewDelegationTokenRequest,
  type RenewDelegationTokenRequestInput,
  type RenewDelegationTokenResponse,
  type RenewDelegationTokenResponseInput,
  renewDelegationToken,
} from "./messages/39-renew-delegation-token.ts";
export {
  type ExpireDelegationTokenRequest,
  type ExpireDelegationTokenRequestInput,
  type ExpireDelegationTokenResponse,
  type ExpireDelegationTokenResponseInput,
  expireDelegationToken,
} from "./messages/40-expire-delegation-token.ts";
export {
  type DescribeDelegationTokenRequest,
  type DescribeDelegationTokenRequestInput,
  type DescribeDelegationTokenResponse,
  type DescribeDelegationTokenResponseInput,
  describeDelegationToken,
} from "./messages/41-describe-delegation-token.ts";
export {
  type DeleteGroupsRequest,
  type DeleteGroupsRequestInput,
  type DeleteGroupsResponse,
  type DeleteGroupsResponseInput,
  deleteGroups,
} from "./messages/42-delete-groups.ts";
export {
  type ElectLeadersRequest,
  type ElectLeadersRequestInput,
  type ElectLeadersResponse,
  type ElectLeadersResponseInput,
  electLeaders,
} from "./messages/43-elect-leaders.ts";
export {
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsRequestInput,
  type IncrementalAlterConfigsResponse,
  type IncrementalAlterConfigsResponseInput,
  incrementalAlterConfigs,
} from "./messages/44-incremental-alter-configs.ts";
export {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsRequestInput,
  type AlterPartitionReassignmentsResponse,
  type AlterPartitionReassignmentsResponseInput,
  alterPartitionReassignments,
} from "./messages/45-alter-partition-reassignments.ts";
export {
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsRequestInput,
  type ListPartitionReassignmentsResponse,
  type ListPartitionReassignmentsResponseInput,
  listPartitionReassignments,
} from "./messages/46-list-partition-reassignments.ts";
export {
  type OffsetDeleteRequest,
  type OffsetDeleteRequestInput,
  type OffsetDeleteResponse,
  type OffsetDeleteResponseInput,
  offsetDelete,
} from "./messages/47-offset-delete.ts";
export {
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasRequestInput,
  type DescribeClientQuotasResponse,
  type DescribeClientQuotasResponseInput,
  describeClientQuotas,
} from "./messages/48-describe-client-quotas.ts";
export {
  type AlterClientQuotasRequest,
  type AlterClientQuotasRequestInput,
  type AlterClientQuotasResponse,
  type AlterClientQuotasResponseInput,
  alterClientQuotas,
} from "./messages/49-alter-client-quotas.ts";
export {
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsRequestInput,
  type DescribeUserScramCredentialsResponse,
  type DescribeUserScramCredentialsResponseInput,
  describeUserScramCredentials,
} from "./messages/50-describe-user-scram-credentials.ts";
export {
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsRequestInput,
  type AlterUserScramCredentialsResponse,
  type AlterUserScramCredentialsResponseInput,
  alterUserScramCredentials,
} from "./messages/51-alter-user-scram-credentials.ts";
export {
  type DescribeQuorumRequest,
  type DescribeQuorumRequestInput,
  type DescribeQuorumResponse,
  type DescribeQuorumResponseInput,
  describeQuorum,
} from "./messages/55-describe-quorum.ts";
export {
  type UpdateFeaturesRequest,
  type UpdateFeaturesRequestInput,
  type UpdateFeaturesResponse,
  type UpdateFeaturesResponseInput,
  updateFeatures,
} from "./messages/57-update-features.ts";
export {
  type DescribeClusterRequest,
  type DescribeClusterRequestInput,
  type DescribeClusterResponse,
  type DescribeClusterResponseInput,
  describeCluster,
} from "./messages/60-describe-cluster.ts";
export {
  type DescribeProducersRequest,
  type DescribeProducersRequestInput,
  type DescribeProducersResponse,
  type DescribeProducersResponseInput,
  describeProducers,
} from "./messages/61-describe-producers.ts";
export {
  type UnregisterBrokerRequest,
  type UnregisterBrokerRequestInput,
  type UnregisterBrokerResponse,
  type UnregisterBrokerResponseInput,
  unregisterBroker,
} from "./messages/64-unregister-broker.ts";
export {
  type DescribeTransactionsRequest,
  type DescribeTransactionsRequestInput,
  type DescribeTransactionsResponse,
  type DescribeTransactionsResponseInput,
  describeTransactions,
} from "./messages/65-describe-transactions.ts";
export {
  type ListTransactionsRequest,
  type ListTransactionsRequestInput,
  type ListTransactionsResponse,
  type ListTransactionsResponseInput,
  listTransactions,
} from "./messages/66-list-transactions.ts";
export {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatRequestInput,
  type ConsumerGroupHeartbeatResponse,
  type ConsumerGroupHeartbeatResponseInput,
  consumerGroupHeartbeat,
} from "./messages/68-consumer-group-heartbeat.ts";
export {
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeRequestInput,
  type ConsumerGroupDescribeResponse,
  type ConsumerGroupDescribeResponseInput,
  consumerGroupDescribe,
} from "./messages/69-consumer-group-describe.ts";
export {
  type GetTelemetrySubscriptionsRequest,
  type GetTelemetrySubscriptionsRequestInput,
  type GetTelemetrySubscriptionsResponse,
  type GetTelemetrySubscriptionsResponseInput,
  getTelemetrySubscriptions,
} from "./messages/71-get-telemetry-subscriptions.ts";
export {
  type PushTelemetryRequest,
  type PushTelemetryRequestInput,
  type PushTelemetryResponse,
  type PushTelemetryResponseInput,
  pushTelemetry,
} from "./messages/72-push-telemetry.ts";
export {
  type ListConfigResourcesRequest,
  type ListConfigResourcesRequestInput,
  type ListConfigResourcesResponse,
  type ListConfigResourcesResponseInput,
  listConfigResources,
} from "./messages/74-list-config-resources.ts";
export {
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsRequestInput,
  type DescribeTopicPartitionsResponse,
  type DescribeTopicPartitionsResponseInput,
  describeTopicPartitions,
} from "./messages/75-describe-topic-partitions.ts";
export {
  type ShareGroupHeartbeatRequest,
  type ShareGroupHeartbeatRequestInput,
  type ShareGroupHeartbeatResponse,
  type ShareGroupHeartbeatResponseInput,
  shareGroupHeartbeat,
} from "./messages/76-share-group-heartbeat.ts";
export {
  type ShareGroupDescribeRequest,
  type ShareGroupDescribeRequestInput,
  type ShareGroupDescribeResponse,
  type ShareGroupDescribeResponseInput,
  shareGroupDescribe,
} from "./messages/77-share-group-describe.ts";
export {
  type ShareFetchRequest,
  type ShareFetchRequestInput,
  type ShareFetchResponse,
  type ShareFetchResponseInput,
  shareFetch,
} from "./messages/78-share-fetch.ts";
export {
  type ShareAcknowledgeRequest,
  type ShareAcknowledgeRequestInput,
  type ShareAcknowledgeResponse,
  type ShareAcknowledgeResponseInput,
  shareAcknowledge,
} from "./messages/79-share-acknowledge.ts";
export {
  type StreamsGroupHeartbeatRequest,
  type StreamsGroupHeartbeatRequestInput,
  type StreamsGroupHeartbeatResponse,
  type StreamsGroupHeartbeatResponseInput,
  streamsGroupHeartbeat,
} from "./messages/88-streams-group-heartbeat.ts";
export {
  type StreamsGroupDescribeRequest,
  type StreamsGroupDescribeRequestInput,
  type StreamsGroupDescribeResponse,
  type StreamsGroupDescribeResponseInput,
  streamsGroupDescribe,
} from "./messages/89-streams-group-describe.ts";
export {
  type DescribeShareGroupOffsetsRequest,
  type DescribeShareGroupOffsetsRequestInput,
  type DescribeShareGroupOffsetsResponse,
  type DescribeShareGroupOffsetsResponseInput,
  describeShareGroupOffsets,
} from "./messages/90-describe-share-group-offsets.ts";
export {
  type AlterShareGroupOffsetsRequest,
  type AlterShareGroupOffsetsRequestInput,
  type AlterShareGroupOffsetsResponse,
  type AlterShareGroupOffsetsResponseInput,
  alterShareGroupOffsets,
} from "./messages/91-alter-share-group-offsets.ts";
export {
  type DeleteShareGroupOffsetsRequest,
  type DeleteShareGroupOffsetsRequestInput,
  type DeleteShareGroupOffsetsResponse,
  type DeleteShareGroupOffsetsResponseInput,
  deleteShareGroupOffsets,
} from "./messages/92-delete-share-group-offsets.ts";
export { apiByKey, apis } from "./messages/index.ts";
export { readInt64, writeInt64 } from "./primitives.ts";
export { ProtocolError, type ProtocolErrorKind } from "./protocol-error.ts";
export {
  BatchBuilder,
  type BatchOptions,
  type HeaderInput,
  type RecordBytes,
} from "./records/batch-builder.ts";
export {
  attributes,
  type BatchHeaderFields,
  baseOffset,
  baseSequence,
  baseTimestamp,
  batchCrc,
  batchLength,
  batchSize,
  COMPRESSION_MASK,
  CONTROL_BIT,
  compressionId,
  computeBatchCrc,
  DELETE_HORIZON_BIT,
  hasDeleteHorizon,
  isBatchComplete,
  isBatchCrcValid,
  isControl,
  isLogAppendTime,
  isTransactional,
  LOG_OVERHEAD,
  lastOffset,
  lastOffsetDelta,
  MAGIC_V2,
  magic,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  recordsCount,
  stampBaseOffset,
  stampCrc,
  stampLogAppendTime,
  stampMaxTimestamp,
  stampPartitionLeaderEpoch,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
  writeBatchHeader,
} from "./records/batch-header.ts";
export { BatchWalker } from "./records/batch-walker.ts";
export {
  buildEndMarker,
  type ControlRecord,
  type ControlType,
  controlTypeOf,
  type EndMarker,
  readControlRecord,
} from "./records/control-record.ts";
export { crc32c, createCrc32c, type MemoryCrc32c } from "./records/crc32c.ts";
export { recompressBatch } from "./records/recompress.ts";
export {
  MAX_DECOMPRESSED_BYTES,
  RecordCursor,
  type RecordHeader,
} from "./records/record-cursor.ts";
export {
  readZigzag,
  readZigzagLong,
  varintCursor,
  writeZigzag,
  zigzagSize,
} from "./records/varint.ts";
export type { RecordsInput, Shape } from "./schema/fields.ts";
export {
  type Api,
  type DataInput,
  type DataOf,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
  Schema,
} from "./schema/schema.ts";
export type { VersionRange } from "./schema/versions.ts";
export { isUuid, ZERO_UUID } from "./uuid.ts";
export { createGather, GATHER_OVERSHOOT_BYTES, type Gather } from "./wasm/gather.ts";
export type { WasmMemory } from "./wasm/memory.ts";
