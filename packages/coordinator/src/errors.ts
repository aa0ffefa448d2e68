import type { ErrorName } from "@ottla/protocol";

/** The Kafka errors that this package answers with, by their names in Kafka's error table. */
export type GroupErrorName = Extract<
  ErrorName,
  | "NONE"
  | "UNKNOWN_SERVER_ERROR"
  | "UNKNOWN_TOPIC_OR_PARTITION"
  | "OFFSET_METADATA_TOO_LARGE"
  | "COORDINATOR_LOAD_IN_PROGRESS"
  | "COORDINATOR_NOT_AVAILABLE"
  | "NOT_COORDINATOR"
  | "ILLEGAL_GENERATION"
  | "INCONSISTENT_GROUP_PROTOCOL"
  | "INVALID_GROUP_ID"
  | "UNKNOWN_MEMBER_ID"
  | "INVALID_SESSION_TIMEOUT"
  | "REBALANCE_IN_PROGRESS"
  | "INVALID_COMMIT_OFFSET_SIZE"
  | "NON_EMPTY_GROUP"
  | "GROUP_ID_NOT_FOUND"
  | "MEMBER_ID_REQUIRED"
  | "GROUP_MAX_SIZE_REACHED"
  | "FENCED_INSTANCE_ID"
  | "GROUP_SUBSCRIBED_TO_TOPIC"
  | "UNSTABLE_OFFSET_COMMIT"
  | "UNKNOWN_TOPIC_ID"
  | "INVALID_PRODUCER_EPOCH"
  | "INVALID_TXN_STATE"
  | "INVALID_PRODUCER_ID_MAPPING"
  | "CONCURRENT_TRANSACTIONS"
  | "TRANSACTION_ABORTABLE"
>;

/**
 * Why a coordinator log refused a batch: `tooLarge` for its topic, `notOwner` when the shard moved elsewhere, `fenced` when its
 * producer's epoch is older than one that the shard has seen, `unavailable` for all that a client may try again.
 */
export type AppendRejection = "tooLarge" | "notOwner" | "fenced" | "unavailable";

/** A batch that did not happen. Anything else that a log rejects with counts as `unavailable`. */
export class CoordinatorAppendRejected extends Error {
  override readonly name = "CoordinatorAppendRejected";
  readonly rejection: AppendRejection;

  constructor(rejection: AppendRejection, cause?: unknown) {
    super(`coordinator append rejected: ${rejection}`, { cause });
    this.rejection = rejection;
  }
}

/** A stored record that is no record of its type. Loading its shard fails: skipping it could bring back deleted state. */
export class CorruptCoordinatorRecord extends Error {
  override readonly name = "CorruptCoordinatorRecord";
  readonly key: Buffer;

  constructor(key: Buffer, cause: unknown) {
    super(`coordinator record with key ${key.toString("hex", 0, 64)} does not parse`, { cause });
    this.key = key;
  }
}

/** The rejection behind whatever an append failed with. */
export function rejectionOf(error: unknown): AppendRejection {
  return error instanceof CoordinatorAppendRejected ? error.rejection : "unavailable";
}

/** What a group's request is answered with when its append was rejected. */
export function groupErrorOf(rejection: AppendRejection): GroupErrorName {
  switch (rejection) {
    case "tooLarge":
      return "UNKNOWN_SERVER_ERROR";
    case "notOwner":
      return "NOT_COORDINATOR";
    case "fenced":
      return "INVALID_PRODUCER_EPOCH";
    case "unavailable":
      return "COORDINATOR_NOT_AVAILABLE";
  }
}
