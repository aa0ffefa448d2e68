/**
 * The errors that an API may answer with (section ER of the broker's specification). A client takes a code that it does not expect from an
 * API for an unexpected failure, usually a fatal one, so the right error in the wrong place does damage (trap F8).
 *
 * Checked while developing only: in tests, and with OTTLA_STRICT=1, the dispatcher refuses to send a response with another code. In production
 * nothing of this is evaluated.
 *
 * `wellFormed` is what a client library meets; `malformed` what Kafka answers to requests that no library sends.
 */
import { type Api, type ErrorName, errorCode, errorName } from "@ottla/protocol";

interface AllowedErrors {
  readonly wellFormed: readonly ErrorName[];
  readonly malformed?: readonly ErrorName[];
  /** Of the response itself, where its errors differ from those of topics and partitions inside. */
  readonly top?: readonly ErrorName[];
}

/** What every request to a partition's leader may meet. */
const LEADER: readonly ErrorName[] = [
  "NONE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "NOT_LEADER_OR_FOLLOWER",
  "REPLICA_NOT_AVAILABLE",
  "TOPIC_AUTHORIZATION_FAILED",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
];

/** What every request of a group's member may meet. */
const MEMBER: readonly ErrorName[] = [
  "NONE",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "GROUP_AUTHORIZATION_FAILED",
  "FENCED_INSTANCE_ID",
];

/** What every request about a producer's transaction may meet. */
const TRANSACTION: readonly ErrorName[] = [
  "NONE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_TXN_STATE",
  "INVALID_PRODUCER_ID_MAPPING",
  "CONCURRENT_TRANSACTIONS",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  "PRODUCER_FENCED",
  "TRANSACTION_ABORTABLE",
];

const DELEGATION_TOKEN: readonly ErrorName[] = [
  "NONE",
  "DELEGATION_TOKEN_AUTH_DISABLED",
  "DELEGATION_TOKEN_NOT_FOUND",
  "DELEGATION_TOKEN_OWNER_MISMATCH",
  "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
  "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
  "DELEGATION_TOKEN_EXPIRED",
  "INVALID_PRINCIPAL_TYPE",
];

/** By name of the API; one that is not here may answer anything. */
const ALLOWED: Readonly<Record<string, AllowedErrors>> = {
  Produce: {
    wellFormed: [
      "NONE",
      "CORRUPT_MESSAGE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NOT_LEADER_OR_FOLLOWER",
      "REQUEST_TIMED_OUT",
      "MESSAGE_TOO_LARGE",
      "INVALID_TOPIC_EXCEPTION",
      "RECORD_LIST_TOO_LARGE",
      "NOT_ENOUGH_REPLICAS",
      "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
      "INVALID_REQUIRED_ACKS",
      "TOPIC_AUTHORIZATION_FAILED",
      "CLUSTER_AUTHORIZATION_FAILED",
      "INVALID_TIMESTAMP",
      "UNSUPPORTED_VERSION",
      "UNSUPPORTED_FOR_MESSAGE_FORMAT",
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      "INVALID_PRODUCER_EPOCH",
      "INVALID_TXN_STATE",
      "INVALID_PRODUCER_ID_MAPPING",
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "KAFKA_STORAGE_ERROR",
      "UNKNOWN_PRODUCER_ID",
      "UNSUPPORTED_COMPRESSION_TYPE",
      "INVALID_RECORD",
      "PRODUCER_FENCED",
      "UNKNOWN_TOPIC_ID",
      "TRANSACTION_ABORTABLE",
    ],
    malformed: ["UNKNOWN_SERVER_ERROR", "INVALID_REQUEST"],
  },
  Fetch: {
    wellFormed: [
      ...LEADER,
      "OFFSET_OUT_OF_RANGE",
      "CORRUPT_MESSAGE",
      "UNKNOWN_TOPIC_ID",
      "INCONSISTENT_TOPIC_ID",
      "UNKNOWN_SERVER_ERROR",
      // Read from a topic of zstd by a version that cannot read it.
      "UNSUPPORTED_COMPRESSION_TYPE",
    ],
    top: [
      "NONE",
      "FETCH_SESSION_ID_NOT_FOUND",
      "INVALID_FETCH_SESSION_EPOCH",
      "FETCH_SESSION_TOPIC_ID_ERROR",
      "UNKNOWN_TOPIC_ID",
      "INCONSISTENT_TOPIC_ID",
      "UNKNOWN_SERVER_ERROR",
    ],
  },
  ListOffsets: {
    wellFormed: [...LEADER, "LEADER_NOT_AVAILABLE", "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
    malformed: ["UNKNOWN_SERVER_ERROR", "INVALID_REQUEST", "UNSUPPORTED_VERSION"],
  },
  OffsetForLeaderEpoch: { wellFormed: [...LEADER, "LEADER_NOT_AVAILABLE"] },
  JoinGroup: {
    wellFormed: [
      ...MEMBER,
      "COORDINATOR_LOAD_IN_PROGRESS",
      "INCONSISTENT_GROUP_PROTOCOL",
      "INVALID_GROUP_ID",
      "INVALID_SESSION_TIMEOUT",
      "UNSUPPORTED_VERSION",
      "MEMBER_ID_REQUIRED",
      "GROUP_MAX_SIZE_REACHED",
    ],
  },
  SyncGroup: {
    wellFormed: [...MEMBER, "INCONSISTENT_GROUP_PROTOCOL"],
    malformed: ["INVALID_GROUP_ID"],
  },
  Heartbeat: { wellFormed: MEMBER, malformed: ["INVALID_GROUP_ID"] },
  OffsetCommit: {
    wellFormed: [
      ...MEMBER,
      "UNKNOWN_TOPIC_OR_PARTITION",
      "REQUEST_TIMED_OUT",
      "OFFSET_METADATA_TOO_LARGE",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "INVALID_COMMIT_OFFSET_SIZE",
      "TOPIC_AUTHORIZATION_FAILED",
      "GROUP_ID_NOT_FOUND",
      "UNKNOWN_TOPIC_ID",
      "FENCED_MEMBER_EPOCH",
      "STALE_MEMBER_EPOCH",
    ],
  },
  OffsetFetch: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "COORDINATOR_NOT_AVAILABLE",
      "NOT_COORDINATOR",
      "UNKNOWN_MEMBER_ID",
      "TOPIC_AUTHORIZATION_FAILED",
      "GROUP_AUTHORIZATION_FAILED",
      "GROUP_ID_NOT_FOUND",
      "UNSTABLE_OFFSET_COMMIT",
      "UNKNOWN_TOPIC_ID",
      "STALE_MEMBER_EPOCH",
    ],
  },
  FindCoordinator: {
    wellFormed: [
      "NONE",
      "COORDINATOR_NOT_AVAILABLE",
      "GROUP_AUTHORIZATION_FAILED",
      "INVALID_REQUEST",
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "TRANSACTION_ABORTABLE",
    ],
  },
  InitProducerId: {
    wellFormed: [
      "NONE",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "COORDINATOR_NOT_AVAILABLE",
      "NOT_COORDINATOR",
      "CLUSTER_AUTHORIZATION_FAILED",
      "INVALID_PRODUCER_EPOCH",
      "INVALID_TRANSACTION_TIMEOUT",
      "CONCURRENT_TRANSACTIONS",
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "PRODUCER_FENCED",
      "TRANSACTION_ABORTABLE",
    ],
    malformed: ["INVALID_REQUEST"],
  },
  AddPartitionsToTxn: {
    wellFormed: [
      ...TRANSACTION,
      "UNKNOWN_TOPIC_OR_PARTITION",
      "TOPIC_AUTHORIZATION_FAILED",
      "OPERATION_NOT_ATTEMPTED",
    ],
    malformed: ["INVALID_REQUEST"],
  },
  AddOffsetsToTxn: {
    wellFormed: [...TRANSACTION, "GROUP_AUTHORIZATION_FAILED"],
    malformed: ["INVALID_REQUEST"],
  },
  EndTxn: { wellFormed: TRANSACTION, malformed: ["INVALID_REQUEST"] },
  WriteTxnMarkers: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NOT_LEADER_OR_FOLLOWER",
      "CLUSTER_AUTHORIZATION_FAILED",
      "INVALID_PRODUCER_EPOCH",
      "TRANSACTION_COORDINATOR_FENCED",
      "KAFKA_STORAGE_ERROR",
    ],
    malformed: ["UNKNOWN_SERVER_ERROR"],
  },
  TxnOffsetCommit: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "REQUEST_TIMED_OUT",
      "OFFSET_METADATA_TOO_LARGE",
      "COORDINATOR_NOT_AVAILABLE",
      "NOT_COORDINATOR",
      "ILLEGAL_GENERATION",
      "UNKNOWN_MEMBER_ID",
      "INVALID_COMMIT_OFFSET_SIZE",
      "GROUP_AUTHORIZATION_FAILED",
      "UNSUPPORTED_FOR_MESSAGE_FORMAT",
      "INVALID_PRODUCER_EPOCH",
      "INVALID_TXN_STATE",
      "INVALID_PRODUCER_ID_MAPPING",
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "FENCED_INSTANCE_ID",
      "PRODUCER_FENCED",
      "UNKNOWN_TOPIC_ID",
      "STALE_MEMBER_EPOCH",
      "TRANSACTION_ABORTABLE",
    ],
    malformed: ["INVALID_GROUP_ID", "INVALID_REQUEST"],
  },
  DescribeProducers: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NOT_LEADER_OR_FOLLOWER",
      "TOPIC_AUTHORIZATION_FAILED",
    ],
    malformed: ["INVALID_TOPIC_EXCEPTION"],
  },
  DescribeTransactions: {
    wellFormed: [
      "NONE",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "COORDINATOR_NOT_AVAILABLE",
      "NOT_COORDINATOR",
      "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      "TRANSACTIONAL_ID_NOT_FOUND",
    ],
    malformed: ["INVALID_REQUEST"],
  },
  ListTransactions: {
    wellFormed: [
      "NONE",
      "COORDINATOR_LOAD_IN_PROGRESS",
      "COORDINATOR_NOT_AVAILABLE",
      "INVALID_REGULAR_EXPRESSION",
    ],
  },
  DescribeAcls: { wellFormed: ["NONE", "SECURITY_DISABLED", "CLUSTER_AUTHORIZATION_FAILED"] },
  CreateAcls: {
    wellFormed: ["NONE", "SECURITY_DISABLED", "CLUSTER_AUTHORIZATION_FAILED"],
    malformed: ["INVALID_REQUEST"],
  },
  DeleteAcls: {
    wellFormed: ["NONE", "SECURITY_DISABLED", "CLUSTER_AUTHORIZATION_FAILED"],
    malformed: ["INVALID_REQUEST"],
  },
  AlterReplicaLogDirs: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "NOT_LEADER_OR_FOLLOWER",
      "CLUSTER_AUTHORIZATION_FAILED",
      "KAFKA_STORAGE_ERROR",
      "LOG_DIR_NOT_FOUND",
    ],
  },
  CreateDelegationToken: { wellFormed: DELEGATION_TOKEN },
  RenewDelegationToken: { wellFormed: DELEGATION_TOKEN },
  ExpireDelegationToken: { wellFormed: DELEGATION_TOKEN },
  DescribeDelegationToken: { wellFormed: DELEGATION_TOKEN },
  ElectLeaders: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "REQUEST_TIMED_OUT",
      "NOT_CONTROLLER",
      "CLUSTER_AUTHORIZATION_FAILED",
      "PREFERRED_LEADER_NOT_AVAILABLE",
      "ELECTION_NOT_NEEDED",
      "ELIGIBLE_LEADERS_NOT_AVAILABLE",
    ],
    malformed: ["INVALID_REQUEST"],
  },
  AlterPartitionReassignments: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "REQUEST_TIMED_OUT",
      "CLUSTER_AUTHORIZATION_FAILED",
      "INVALID_REPLICATION_FACTOR",
      "INVALID_REPLICA_ASSIGNMENT",
      "NOT_CONTROLLER",
      "NO_REASSIGNMENT_IN_PROGRESS",
    ],
  },
  ListPartitionReassignments: {
    wellFormed: [
      "NONE",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "REQUEST_TIMED_OUT",
      "CLUSTER_AUTHORIZATION_FAILED",
      "NOT_CONTROLLER",
    ],
  },
  DescribeQuorum: {
    wellFormed: ["NONE", "CLUSTER_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PARTITION"],
  },
  UpdateFeatures: {
    wellFormed: [
      "NONE",
      "REQUEST_TIMED_OUT",
      "CLUSTER_AUTHORIZATION_FAILED",
      "NOT_CONTROLLER",
      "INVALID_UPDATE_VERSION",
      "FEATURE_UPDATE_FAILED",
    ],
    malformed: ["INVALID_REQUEST"],
  },
  UnregisterBroker: {
    wellFormed: [
      "NONE",
      "REQUEST_TIMED_OUT",
      "CLUSTER_AUTHORIZATION_FAILED",
      "NOT_CONTROLLER",
      "INVALID_REQUEST",
      "BROKER_ID_NOT_REGISTERED",
    ],
  },
  ListConfigResources: {
    wellFormed: ["NONE", "CLUSTER_AUTHORIZATION_FAILED"],
    malformed: ["UNSUPPORTED_VERSION"],
  },
};

/** A response about to be sent carries an error that its API does not have. */
export class ForbiddenError extends Error {
  override readonly name = "ForbiddenError";
  readonly api: string;
  readonly error: ErrorName;

  constructor(api: string, error: ErrorName) {
    super(`${api} may not answer ${error}`);
    this.api = api;
    this.error = error;
  }
}

/** @throws {ForbiddenError} when the response carries an error that the API may not answer with. */
export function checkErrors(api: Api, body: unknown): void {
  const allowed = ALLOWED[api.name];
  if (allowed === undefined) return;
  const inside = codes([...allowed.wellFormed, ...(allowed.malformed ?? [])]);
  const top = allowed.top === undefined ? inside : codes(allowed.top);
  check(api, body, top, inside);
}

/** Fields that carry one; AddPartitionsToTxn has a name of its own for it. */
const ERROR_FIELDS: ReadonlySet<string> = new Set(["errorCode", "partitionErrorCode"]);

function codes(names: readonly ErrorName[]): ReadonlySet<number> {
  return new Set(names.map(errorCode));
}

function check(
  api: Api,
  value: unknown,
  here: ReadonlySet<number>,
  inside: ReadonlySet<number>,
): void {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
  for (const [name, field] of Object.entries(value)) {
    if (ERROR_FIELDS.has(name) && !here.has(field))
      throw new ForbiddenError(api.name, errorName(field));
    check(api, field, inside, inside);
  }
}
