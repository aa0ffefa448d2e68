/**
 * Record type 0 of `__transaction_state`, Kafka's TransactionLog: all that is known of one transactional id; a tombstone when it has
 * expired. Written as v1, as Kafka does at transaction.version 2; v0 is read too.
 */
import {
  decodeRecordKey,
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  ProtocolError,
  recordType,
  transactionLogRecord,
} from "@ottla/protocol";
import type { CoordinatorRecord } from "../coordinator-log.ts";
import { CorruptCoordinatorRecord } from "../errors.ts";
import {
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  type PartitionsByTopic,
  type TransactionMetadata,
} from "./transaction-metadata.ts";

/** One change of what is known; null deletes. */
export interface TransactionRecord {
  readonly transactionalId: string;
  readonly value: TransactionMetadata | null;
}

const VERSION = 1;

/** By number; they are Kafka's and never reused. 7 is never stored. */
const STATES = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
] as const satisfies readonly TransactionMetadata["state"][];

/** @throws ProtocolError when a string is longer than Kafka's strings can be. */
export function encodeTransactionRecord(record: TransactionRecord): CoordinatorRecord {
  const { transactionalId, value } = record;
  return {
    key: encodeRecordKey(transactionLogRecord, { transactionalId }),
    value: value === null ? null : encodeValue(value),
  };
}

/** null for a type that this version does not know. @throws {CorruptCoordinatorRecord} */
export function decodeTransactionRecord({
  key,
  value,
}: CoordinatorRecord): TransactionRecord | null {
  try {
    if (recordType(key) !== transactionLogRecord.type) return null;
    const { transactionalId } = decodeRecordKey(transactionLogRecord, key);
    return {
      transactionalId,
      value: value === null ? null : decodeValue(transactionalId, value),
    };
  } catch (error) {
    if (error instanceof ProtocolError) throw new CorruptCoordinatorRecord(key, error);
    throw error;
  }
}

function encodeValue(metadata: TransactionMetadata): Buffer {
  return encodeVersioned(transactionLogRecord.value, VERSION, {
    producerId: metadata.producerId,
    previousProducerId: metadata.previousProducerId,
    nextProducerId: metadata.nextProducerId,
    producerEpoch: metadata.producerEpoch,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStatus: STATES.indexOf(metadata.state),
    transactionPartitions: metadata.state === "Empty" ? null : listed(metadata.partitions),
    transactionLastUpdateTimestampMs: metadata.lastUpdateMs,
    transactionStartTimestampMs: metadata.startMs,
    clientTransactionVersion: metadata.transactionVersion,
  });
}

function decodeValue(transactionalId: string, bytes: Buffer): TransactionMetadata {
  const { value } = decodeVersioned(transactionLogRecord.value, bytes);
  const state = STATES[value.transactionStatus];
  const version = value.clientTransactionVersion;
  if (state === undefined) {
    throw new ProtocolError("malformed", `${value.transactionStatus} is no transaction state`);
  }
  if (version !== 0 && version !== 1 && version !== 2) {
    throw new ProtocolError("malformed", `${version} is no transaction version`);
  }
  return {
    transactionalId,
    state,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    partitions: byTopic(value.transactionPartitions),
    startMs: value.transactionStartTimestampMs,
    lastUpdateMs: value.transactionLastUpdateTimestampMs,
    transactionVersion: version,
  };
}

function listed(partitions: PartitionsByTopic) {
  return Array.from(partitions, ([topic, indexes]) => ({ topic, partitionIds: [...indexes] }));
}

function byTopic(
  topics: readonly { readonly topic: string; readonly partitionIds: readonly number[] }[] | null,
): PartitionsByTopic {
  if (topics === null || topics.length === 0) return NO_PARTITIONS;
  const result = new Map<string, Set<number>>();
  for (const { topic, partitionIds } of topics) result.set(topic, new Set(partitionIds));
  return result;
}
