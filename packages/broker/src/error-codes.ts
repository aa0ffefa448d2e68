/** The only translation from our errors to Kafka's. The compiler checks that it is complete. */
import type { LogErrorKind } from "@ottla/log";
import { InvalidConfig, InvalidReplication, TopicExists, TopicNotFound } from "@ottla/metadata";
import { type ErrorName, errorCode } from "@ottla/protocol";

const LOG_ERRORS: Record<LogErrorKind, ErrorName> = {
  unknownTopic: "UNKNOWN_TOPIC_OR_PARTITION",
  unknownPartition: "UNKNOWN_TOPIC_OR_PARTITION",
  corruptBatch: "CORRUPT_MESSAGE",
  invalidRecord: "INVALID_RECORD",
  messageTooLarge: "MESSAGE_TOO_LARGE",
  recordListTooLarge: "RECORD_LIST_TOO_LARGE",
  invalidTimestamp: "INVALID_TIMESTAMP",
  unsupportedCompression: "UNSUPPORTED_COMPRESSION_TYPE",
  unknownCompression: "UNKNOWN_SERVER_ERROR",
  unsupportedForMessageFormat: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
  outOfOrderSequence: "OUT_OF_ORDER_SEQUENCE_NUMBER",
  invalidProducerEpoch: "INVALID_PRODUCER_EPOCH",
  unknownProducerId: "UNKNOWN_PRODUCER_ID",
  invalidTransactionState: "INVALID_TXN_STATE",
  coordinatorFenced: "TRANSACTION_COORDINATOR_FENCED",
  transactionalIdRequired: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  notEnoughReplicas: "NOT_ENOUGH_REPLICAS",
  offsetOutOfRange: "OFFSET_OUT_OF_RANGE",
  fencedLeaderEpoch: "FENCED_LEADER_EPOCH",
  unknownLeaderEpoch: "UNKNOWN_LEADER_EPOCH",
  invalidIsolation: "UNKNOWN_SERVER_ERROR",
  policyViolation: "POLICY_VIOLATION",
  storage: "KAFKA_STORAGE_ERROR",
  shuttingDown: "NOT_LEADER_OR_FOLLOWER",
};

/** Kafka's code for a partition's outcome; 0 for none. */
export function logErrorCode(kind: LogErrorKind | null): number {
  return kind === null ? 0 : errorCode(LOG_ERRORS[kind]);
}

/** A request, or one item of it, refused with a Kafka error and words for people. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly error: ErrorName;

  constructor(error: ErrorName, message: string) {
    super(message);
    this.error = error;
  }
}

/** The Kafka error behind whatever a metadata operation threw. */
export function metadataError(cause: unknown): { readonly error: ErrorName; message: string } {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof RequestError) return { error: cause.error, message };
  if (cause instanceof TopicExists) return { error: "TOPIC_ALREADY_EXISTS", message };
  if (cause instanceof TopicNotFound) return { error: "UNKNOWN_TOPIC_OR_PARTITION", message };
  if (cause instanceof InvalidReplication) return { error: "INVALID_REPLICATION_FACTOR", message };
  if (cause instanceof InvalidConfig) {
    return { error: cause.kind === "config" ? "INVALID_CONFIG" : "INVALID_REQUEST", message };
  }
  return { error: "UNKNOWN_SERVER_ERROR", message };
}
