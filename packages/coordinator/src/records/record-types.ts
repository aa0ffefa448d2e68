/**
 * The record-type table of `__consumer_offsets`. A key begins with its type as an int16; numbers are Kafka's and never reused.
 *
 *     0, 1  OffsetCommit      2  GroupMetadata      3–…  groups of later protocols, skipped when found
 */
import type { CoordinatorRecord } from "../coordinator-log.ts";
import {
  decodeGroupMetadataKey,
  decodeGroupMetadataValue,
  encodeGroupMetadataKey,
  encodeGroupMetadataValue,
  type GroupMetadata,
} from "./group-metadata.ts";
import {
  type CommittedOffset,
  decodeOffsetCommitKey,
  decodeOffsetCommitValue,
  encodeOffsetCommitKey,
  encodeOffsetCommitValue,
} from "./offset-commit.ts";
import { RecordReader } from "./record-bytes.ts";

/** One change of a group's hard state; a null value deletes. */
export type GroupRecord = OffsetRecord | MetadataRecord;

export interface OffsetRecord {
  readonly type: "offset";
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset | null;
}

export interface MetadataRecord {
  readonly type: "metadata";
  readonly groupId: string;
  readonly value: GroupMetadata | null;
}

/** @throws {RangeError} when a string is longer than Kafka's strings can be. */
export function encodeGroupRecord(record: GroupRecord): CoordinatorRecord {
  if (record.type === "offset") {
    return {
      key: encodeOffsetCommitKey(record),
      value: record.value === null ? null : encodeOffsetCommitValue(record.value),
    };
  }
  return {
    key: encodeGroupMetadataKey(record.groupId),
    value: record.value === null ? null : encodeGroupMetadataValue(record.value),
  };
}

/** null for a type that this version does not know. @throws {CorruptCoordinatorRecord} */
export function decodeGroupRecord(record: CoordinatorRecord): GroupRecord | null {
  const key = new RecordReader(record.key);
  const value = record.value === null ? null : new RecordReader(record.value);
  switch (key.int16()) {
    case 0:
    case 1: {
      const { groupId, topic, partition } = decodeOffsetCommitKey(key);
      const offset = value === null ? null : decodeOffsetCommitValue(value);
      return { type: "offset", groupId, topic, partition, value: offset };
    }
    case 2: {
      const groupId = decodeGroupMetadataKey(key);
      const metadata = value === null ? null : decodeGroupMetadataValue(value);
      return { type: "metadata", groupId, value: metadata };
    }
    default:
      return null;
  }
}
