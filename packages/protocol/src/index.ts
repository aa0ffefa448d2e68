export { UNKNOWN_TAGS, type UnknownTaggedField } from "./codec/runtime.ts";
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
  type InitProducerIdRequest,
  type InitProducerIdRequestInput,
  type InitProducerIdResponse,
  type InitProducerIdResponseInput,
  initProducerId,
} from "./messages/22-init-producer-id.ts";
export { apiByKey, apis } from "./messages/index.ts";
export { ProtocolError, type ProtocolErrorKind } from "./protocol-error.ts";
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
export { crc32c } from "./records/crc32c.ts";
export type { RecordsInput } from "./schema/fields.ts";
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
