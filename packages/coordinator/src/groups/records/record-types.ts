/**
 * The record-type table of `__consumer_offsets`. A key begins with its type as an int16; numbers are Kafka's and never reused.
 *
 *     0, 1  OffsetCommit      2  GroupMetadata      3–…  groups of later protocols, skipped when found
 */
import { ProtocolError, recordType } from "@ottla/protocol";
import type { CoordinatorRecord } from "../../coordinator-log.ts";
import { CorruptCoordinatorRecord } from "../../errors.ts";
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

/** @throws ProtocolError when a string is longer than Kafka's strings can be. */
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
export function decodeGroupRecord({ key, value }: CoordinatorRecord): GroupRecord | null {
  try {
    switch (recordType(key)) {
      case 0:
      case 1: {
        const offset = value === null ? null : decodeOffsetCommitValue(value);
        return { type: "offset", ...decodeOffsetCommitKey(key), value: offset };
      }
      case 2: {
        const metadata = value === null ? null : decodeGroupMetadataValue(value);
        return { type: "metadata", groupId: decodeGroupMetadataKey(key), value: metadata };
      }
      default:
        return null;
    }
  } catch (error) {
    if (error instanceof ProtocolError) throw new CorruptCoordinatorRecord(key, error);
    throw error;
  }
}
