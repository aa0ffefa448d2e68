export type {
  OauthBearerToken,
  OauthBearerTokenProvider,
  SaslConversation,
  SaslMechanism,
  SaslOptions,
} from "@ottla/security";
export type {
  Acl,
  AclFilter,
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  CreatedAcl,
  DeletedAcls,
} from "./admin/acls.ts";
export { Admin } from "./admin/admin.ts";
export type {
  ClusterDescription,
  DescribeLogDirsOptions,
  LogDir,
  LogDirPartition,
} from "./admin/cluster-info.ts";
export type {
  AlteredConfigs,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigResourceType,
  ConfigSource,
  ConfigSynonym,
  ConfigType,
  DescribeConfigsOptions,
  FullConfigs,
  ResourceChanges,
  ResourceConfigs,
} from "./admin/configs.ts";
export type {
  Feature,
  FeatureUpdate,
  QuorumDescription,
  QuorumReplica,
  UpdatedFeature,
} from "./admin/features.ts";
export type {
  DeletedGroup,
  GroupDescription,
  GroupListing,
  GroupMemberDescription,
  ListGroupsOptions,
} from "./admin/groups.ts";
export type {
  AlteredOffset,
  CommittedOffset,
  FetchedOffset,
  FetchOffsetsOptions,
  IsolationLevel,
  ListedOffset,
  ListOffsetsOptions,
  OffsetQuery,
  OffsetSpec,
  OffsetToCommit,
} from "./admin/offsets.ts";
export type { TopicPartition } from "./admin/per-leader.ts";
export type {
  AlteredQuota,
  ClientQuota,
  DescribeQuotasOptions,
  QuotaChange,
  QuotaEntity,
  QuotaFilter,
  QuotaValues,
} from "./admin/quotas.ts";
export type {
  Election,
  MovedReplica,
  OngoingReassignment,
  PartitionOutcome,
  Reassignment,
  ReplicaMove,
} from "./admin/replicas.ts";
export { type ItemResult, orThrow } from "./admin/results.ts";
export type {
  AlteredScramUser,
  ScramChange,
  ScramMechanism,
  ScramUser,
} from "./admin/scram-users.ts";
export type {
  AlteredShareOffset,
  DeletedShareOffsets,
  ShareGroupOffset,
  ShareGroupStart,
} from "./admin/share-offsets.ts";
export type {
  ChangeOptions,
  CreatedTopic,
  DeletedRecords,
  DeletedTopic,
  NewPartitions,
  NewTopic,
  RecordsToDelete,
  TopicDescription,
  TopicListing,
} from "./admin/topics.ts";
export type {
  ActiveProducer,
  HangingTransaction,
  ListTransactionsOptions,
  PartitionProducers,
  TransactionDescription,
  TransactionListing,
  TransactionState,
} from "./admin/transactions.ts";
export { isBrokerError } from "./broker-error.ts";
export { Client } from "./client.ts";
export type { CallOptions } from "./cluster.ts";
export {
  type AssignedPartition,
  Consumer,
  type PollOptions,
  type RebalanceListener,
} from "./consumer/consumer.ts";
export type { ConsumerOptions } from "./consumer/options.ts";
export { ConsumerRecord, PartitionRecords } from "./consumer/records.ts";
export {
  AuthenticationError,
  BrokerError,
  ClientError,
  ClosedError,
  ConnectionError,
  CorruptBatchError,
  DeliveryTimeoutError,
  FencedError,
  isRetriable,
  MalformedResponseError,
  NoOffsetError,
  RecordTooLargeError,
  TimeoutError,
  TransactionAbortedError,
  UnknownPartitionError,
  UnsupportedError,
  UsageError,
} from "./errors.ts";
export type { Assignor, AssignorInput, GroupMember } from "./group/assignors/assignor.ts";
export { cooperativeStickyAssignor } from "./group/assignors/cooperative-sticky.ts";
export { rangeAssignor } from "./group/assignors/range.ts";
export { roundRobinAssignor } from "./group/assignors/round-robin.ts";
export type { GroupMetadata, ServerPattern } from "./group/membership.ts";
export type { Assignment, PartitionsByTopic, Subscription } from "./group/subscription.ts";
export type { ClientOptions } from "./options.ts";
export { murmur2, partitionForKey } from "./producer/murmur2.ts";
export type { ProducerOptions } from "./producer/options.ts";
export { Producer, type SendOptions } from "./producer/producer.ts";
export type { Delivery, ProducerRecord } from "./producer/record.ts";
export {
  Transaction,
  TransactionalProducer,
  type TransactionalProducerOptions,
  type TransactionalProducerState,
} from "./producer/transactional-producer.ts";
export type { AcknowledgementResult, AcknowledgeType } from "./share/acknowledgements.ts";
export type { ShareConsumerOptions } from "./share/options.ts";
export { ShareConsumer } from "./share/share-consumer.ts";
export { ShareRecord } from "./share/share-record.ts";
export type { BrokerAddress } from "./transport/brokers.ts";
export type { Dial } from "./transport/connection.ts";
export type { PartitionMetadata, TopicMetadata } from "./transport/metadata.ts";
