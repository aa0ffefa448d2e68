/**
 * The error table of the protocol: the only place that knows the numbers. Names, codes and which of them a client may simply
 * retry are Kafka's, the sentences are ours.
 */

interface ErrorEntry {
  readonly code: number;
  /** Whether the same request may succeed when sent again, perhaps after refreshing metadata. */
  readonly retriable: boolean;
  readonly message: string;
}

function fatal(code: number, message: string): ErrorEntry {
  return { code, retriable: false, message };
}

function retriable(code: number, message: string): ErrorEntry {
  return { code, retriable: true, message };
}

const ERRORS = {
  UNKNOWN_SERVER_ERROR: fatal(-1, "The broker failed in a way it did not expect."),
  NONE: fatal(0, "No error."),
  OFFSET_OUT_OF_RANGE: fatal(1, "The offset lies outside what the broker holds of the partition."),
  CORRUPT_MESSAGE: retriable(2, "The records are corrupt: checksum, size or structure is wrong."),
  UNKNOWN_TOPIC_OR_PARTITION: retriable(3, "The broker does not know this topic or partition."),
  INVALID_FETCH_SIZE: fatal(4, "The fetch size is not valid."),
  LEADER_NOT_AVAILABLE: retriable(5, "The partition has no leader at the moment."),
  NOT_LEADER_OR_FOLLOWER: retriable(
    6,
    "This broker does not lead, or does not hold, the partition.",
  ),
  REQUEST_TIMED_OUT: retriable(7, "The request was not completed in its time."),
  BROKER_NOT_AVAILABLE: fatal(8, "The broker cannot be reached."),
  REPLICA_NOT_AVAILABLE: retriable(9, "The partition has no usable replica here."),
  MESSAGE_TOO_LARGE: fatal(10, "A record batch is larger than the broker or topic accepts."),
  STALE_CONTROLLER_EPOCH: fatal(11, "The controller has moved to another node."),
  OFFSET_METADATA_TOO_LARGE: fatal(12, "The metadata beside a committed offset is too long."),
  NETWORK_EXCEPTION: retriable(13, "The connection ended before the response came."),
  COORDINATOR_LOAD_IN_PROGRESS: retriable(14, "The coordinator is still loading its state."),
  COORDINATOR_NOT_AVAILABLE: retriable(15, "The coordinator is not available."),
  NOT_COORDINATOR: retriable(16, "This broker is not the coordinator asked for."),
  INVALID_TOPIC_EXCEPTION: fatal(
    17,
    "The topic name is not valid, or the topic does not allow this.",
  ),
  RECORD_LIST_TOO_LARGE: fatal(18, "The record batch is larger than a log segment may be."),
  NOT_ENOUGH_REPLICAS: retriable(19, "Fewer replicas are in sync than the topic demands."),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: retriable(
    20,
    "The records were written, but to fewer in-sync replicas than the topic demands.",
  ),
  INVALID_REQUIRED_ACKS: fatal(21, "The required acknowledgements must be -1, 0 or 1."),
  ILLEGAL_GENERATION: fatal(22, "The generation is not the group's current one."),
  INCONSISTENT_GROUP_PROTOCOL: fatal(
    23,
    "The member has no protocol type or protocol in common with the group.",
  ),
  INVALID_GROUP_ID: fatal(24, "The group id is not valid."),
  UNKNOWN_MEMBER_ID: fatal(25, "The group has no such member."),
  INVALID_SESSION_TIMEOUT: fatal(
    26,
    "The session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms.",
  ),
  REBALANCE_IN_PROGRESS: fatal(27, "The group is rebalancing: join again."),
  INVALID_COMMIT_OFFSET_SIZE: fatal(28, "The offsets to commit are too large to be stored."),
  TOPIC_AUTHORIZATION_FAILED: fatal(29, "Not authorized for the topic."),
  GROUP_AUTHORIZATION_FAILED: fatal(30, "Not authorized for the group."),
  CLUSTER_AUTHORIZATION_FAILED: fatal(31, "Not authorized for the cluster."),
  INVALID_TIMESTAMP: fatal(32, "A record's timestamp is outside the range that the topic allows."),
  UNSUPPORTED_SASL_MECHANISM: fatal(33, "The broker does not offer this SASL mechanism."),
  ILLEGAL_SASL_STATE: fatal(34, "The request does not fit the state of the SASL exchange."),
  UNSUPPORTED_VERSION: fatal(35, "The broker does not support this version of the API."),
  TOPIC_ALREADY_EXISTS: fatal(36, "A topic of this name exists already."),
  INVALID_PARTITIONS: fatal(37, "The number of partitions is not valid."),
  INVALID_REPLICATION_FACTOR: fatal(
    38,
    "The replication factor is below 1 or above the broker count.",
  ),
  INVALID_REPLICA_ASSIGNMENT: fatal(39, "The replica assignment is not valid."),
  INVALID_CONFIG: fatal(40, "The configuration is not valid."),
  NOT_CONTROLLER: retriable(41, "This node is not the controller."),
  INVALID_REQUEST: fatal(42, "The request contradicts itself or the protocol."),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: fatal(43, "The record format of the topic does not allow this."),
  POLICY_VIOLATION: fatal(44, "A policy of the broker forbids this."),
  OUT_OF_ORDER_SEQUENCE_NUMBER: fatal(
    45,
    "The producer's sequence number is not the expected one.",
  ),
  DUPLICATE_SEQUENCE_NUMBER: fatal(46, "The producer's sequence number was used before."),
  INVALID_PRODUCER_EPOCH: fatal(47, "The producer's epoch is older than the current one."),
  INVALID_TXN_STATE: fatal(48, "The state of the transaction does not allow this."),
  INVALID_PRODUCER_ID_MAPPING: fatal(
    49,
    "The producer id does not belong to the transactional id.",
  ),
  INVALID_TRANSACTION_TIMEOUT: fatal(
    50,
    "The transaction timeout is not positive or exceeds transaction.max.timeout.ms.",
  ),
  CONCURRENT_TRANSACTIONS: retriable(
    51,
    "Another operation on the same transaction has not finished.",
  ),
  TRANSACTION_COORDINATOR_FENCED: fatal(52, "A newer transaction coordinator has taken over."),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: fatal(53, "Not authorized for the transactional id."),
  SECURITY_DISABLED: fatal(54, "No authorizer is configured."),
  OPERATION_NOT_ATTEMPTED: fatal(55, "Not attempted, because another part of the request failed."),
  KAFKA_STORAGE_ERROR: retriable(56, "The log could not be read or written on disk."),
  LOG_DIR_NOT_FOUND: fatal(57, "The broker has no such log directory."),
  SASL_AUTHENTICATION_FAILED: fatal(58, "SASL authentication failed."),
  UNKNOWN_PRODUCER_ID: fatal(59, "The broker holds no state for this producer id."),
  REASSIGNMENT_IN_PROGRESS: fatal(60, "The partition is being reassigned."),
  DELEGATION_TOKEN_AUTH_DISABLED: fatal(61, "Delegation tokens are not enabled."),
  DELEGATION_TOKEN_NOT_FOUND: fatal(62, "There is no such delegation token."),
  DELEGATION_TOKEN_OWNER_MISMATCH: fatal(63, "The principal neither owns nor may renew the token."),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: fatal(
    64,
    "Delegation tokens cannot be managed over this kind of connection.",
  ),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: fatal(65, "Not authorized for the delegation token."),
  DELEGATION_TOKEN_EXPIRED: fatal(66, "The delegation token has expired."),
  INVALID_PRINCIPAL_TYPE: fatal(67, "The principal type is not supported."),
  NON_EMPTY_GROUP: fatal(68, "The group still has members."),
  GROUP_ID_NOT_FOUND: fatal(69, "There is no such group."),
  FETCH_SESSION_ID_NOT_FOUND: retriable(70, "The broker has no such fetch session."),
  INVALID_FETCH_SESSION_EPOCH: retriable(71, "The fetch session expected another epoch."),
  LISTENER_NOT_FOUND: retriable(72, "The leader has no listener of the name that was used."),
  TOPIC_DELETION_DISABLED: fatal(73, "Deleting topics is disabled (delete.topic.enable)."),
  FENCED_LEADER_EPOCH: retriable(74, "The leader epoch given is older than the broker's."),
  UNKNOWN_LEADER_EPOCH: retriable(75, "The leader epoch given is newer than the broker's."),
  UNSUPPORTED_COMPRESSION_TYPE: fatal(76, "The client's version does not allow this compression."),
  STALE_BROKER_EPOCH: fatal(77, "The broker has registered anew since."),
  OFFSET_NOT_AVAILABLE: retriable(78, "The new leader does not know the high watermark yet."),
  MEMBER_ID_REQUIRED: fatal(79, "Join again with the member id from this response."),
  PREFERRED_LEADER_NOT_AVAILABLE: retriable(80, "The preferred leader is not available."),
  GROUP_MAX_SIZE_REACHED: fatal(81, "The group is full (group.max.size)."),
  FENCED_INSTANCE_ID: fatal(82, "Another member has taken this group instance id."),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: retriable(83, "No replica is eligible to lead."),
  ELECTION_NOT_NEEDED: retriable(84, "The partition already has the leader asked for."),
  NO_REASSIGNMENT_IN_PROGRESS: fatal(85, "The partition is not being reassigned."),
  GROUP_SUBSCRIBED_TO_TOPIC: fatal(86, "The group is subscribed to the topic."),
  INVALID_RECORD: fatal(87, "A record breaks a rule of the broker or the topic."),
  UNSTABLE_OFFSET_COMMIT: retriable(
    88,
    "An open transaction still holds offsets of the partition.",
  ),
  THROTTLING_QUOTA_EXCEEDED: retriable(89, "The quota is used up for now."),
  PRODUCER_FENCED: fatal(90, "A newer producer uses the same transactional id."),
  RESOURCE_NOT_FOUND: fatal(91, "The resource does not exist."),
  DUPLICATE_RESOURCE: fatal(92, "The request names a resource twice."),
  UNACCEPTABLE_CREDENTIAL: fatal(93, "The credential does not meet the requirements."),
  INCONSISTENT_VOTER_SET: fatal(94, "Sender or receiver is not among the expected voters."),
  INVALID_UPDATE_VERSION: fatal(95, "The version to update to is not valid."),
  FEATURE_UPDATE_FAILED: fatal(96, "The features could not be updated."),
  PRINCIPAL_DESERIALIZATION_FAILURE: fatal(97, "The forwarded principal could not be read."),
  SNAPSHOT_NOT_FOUND: fatal(98, "There is no such snapshot."),
  POSITION_OUT_OF_RANGE: fatal(99, "The position lies outside the snapshot."),
  UNKNOWN_TOPIC_ID: retriable(100, "The broker does not know this topic id."),
  DUPLICATE_BROKER_REGISTRATION: fatal(101, "The broker id is in use."),
  BROKER_ID_NOT_REGISTERED: fatal(102, "The broker id is not registered."),
  INCONSISTENT_TOPIC_ID: retriable(103, "The log belongs to another topic id."),
  INCONSISTENT_CLUSTER_ID: fatal(104, "The request is meant for another cluster."),
  TRANSACTIONAL_ID_NOT_FOUND: fatal(105, "There is no such transactional id."),
  FETCH_SESSION_TOPIC_ID_ERROR: retriable(106, "The fetch session mixes topic names and ids."),
  INELIGIBLE_REPLICA: fatal(107, "A replica of the new in-sync set is not eligible."),
  NEW_LEADER_ELECTED: fatal(108, "The partition was changed, and another replica leads it now."),
  OFFSET_MOVED_TO_TIERED_STORAGE: fatal(109, "The offset has moved to tiered storage."),
  FENCED_MEMBER_EPOCH: fatal(110, "The member epoch is fenced: give up all partitions and rejoin."),
  UNRELEASED_INSTANCE_ID: fatal(111, "Another member still holds the group instance id."),
  UNSUPPORTED_ASSIGNOR: fatal(112, "The group does not know this assignor."),
  STALE_MEMBER_EPOCH: fatal(
    113,
    "The member epoch is stale: retry with the one of the next heartbeat.",
  ),
  MISMATCHED_ENDPOINT_TYPE: fatal(114, "The request reached an endpoint of the wrong type."),
  UNSUPPORTED_ENDPOINT_TYPE: fatal(115, "The endpoint type is not supported."),
  UNKNOWN_CONTROLLER_ID: fatal(116, "There is no such controller."),
  UNKNOWN_SUBSCRIPTION_ID: fatal(117, "The telemetry subscription is unknown or outdated."),
  TELEMETRY_TOO_LARGE: fatal(118, "The telemetry is larger than the broker accepts."),
  INVALID_REGISTRATION: fatal(119, "The controller refuses the broker's registration."),
  TRANSACTION_ABORTABLE: fatal(120, "The transaction must be aborted; its id can then be used on."),
  INVALID_RECORD_STATE: fatal(121, "The state of the record does not allow this acknowledgement."),
  SHARE_SESSION_NOT_FOUND: retriable(122, "The broker has no such share session."),
  INVALID_SHARE_SESSION_EPOCH: retriable(123, "The share session expected another epoch."),
  FENCED_STATE_EPOCH: fatal(124, "The state epoch of the share group does not match."),
  INVALID_VOTER_KEY: fatal(125, "The voter key is not the one of the receiving replica."),
  DUPLICATE_VOTER: fatal(126, "The voter is in the set already."),
  VOTER_NOT_FOUND: fatal(127, "The voter is not in the set."),
  INVALID_REGULAR_EXPRESSION: fatal(128, "The regular expression is not valid."),
  REBOOTSTRAP_REQUIRED: fatal(129, "The client's metadata is stale: bootstrap again."),
  STREAMS_INVALID_TOPOLOGY: fatal(130, "The topology is not valid."),
  STREAMS_INVALID_TOPOLOGY_EPOCH: fatal(131, "The topology epoch is not valid."),
  STREAMS_TOPOLOGY_FENCED: fatal(132, "The topology epoch is outdated."),
  SHARE_SESSION_LIMIT_REACHED: retriable(133, "The broker has no room for another share session."),
} as const satisfies Record<string, ErrorEntry>;

/** An error of the protocol, by Kafka's name. */
export type ErrorName = keyof typeof ERRORS;

const NAMES = new Map<number, ErrorName>(
  (Object.keys(ERRORS) as ErrorName[]).map((name) => [ERRORS[name].code, name]),
);

/** All names, in the order of their codes. */
export const ERROR_NAMES: readonly ErrorName[] = [...NAMES.values()];

/** The number of an error on the wire. */
export function errorCode(name: ErrorName): number {
  return ERRORS[name].code;
}

/** The name of a code; UNKNOWN_SERVER_ERROR for one that the table lacks. */
export function errorName(code: number): ErrorName {
  return NAMES.get(code) ?? "UNKNOWN_SERVER_ERROR";
}

/** A sentence for people. */
export function errorMessage(name: ErrorName): string {
  return ERRORS[name].message;
}

/** Whether the same request may succeed when it is sent again. */
export function isRetriable(name: ErrorName): boolean {
  return ERRORS[name].retriable;
}
