/**
 * Record type 1, Kafka's OffsetCommit: the committed offset of one partition of one group; a tombstone when it is gone. Type 0 is its
 * predecessor, read only.
 *
 * Written as Kafka 4.3 does: v4, which carries the topic's id as a tagged field, or v1 when the client asked for a retention of its
 * own. All versions are read.
 */
import {
  decodeRecordKey,
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  legacyOffsetCommitRecord,
  offsetCommitRecord,
  recordType,
  ZERO_UUID,
} from "@ottla/protocol";

export interface OffsetCommitKey {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

export interface CommittedOffset {
  readonly offset: number;
  /** −1 when unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** −1 unless the client asked for its own retention (OffsetCommit v2 to v4). */
  readonly expireTimestampMs: number;
  /** The topic's id at the time of the commit; null in old records. */
  readonly topicId: string | null;
}

export function encodeOffsetCommitKey({ groupId, topic, partition }: OffsetCommitKey): Buffer {
  return encodeRecordKey(offsetCommitRecord, { group: groupId, topic, partition });
}

export function encodeOffsetCommitValue(offset: CommittedOffset): Buffer {
  const { expireTimestampMs } = offset;
  const version = expireTimestampMs === -1 ? 4 : 1;
  return encodeVersioned(offsetCommitRecord.value, version, {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestamp: offset.commitTimestampMs,
    expireTimestamp: expireTimestampMs,
    topicId: offset.topicId ?? ZERO_UUID,
  });
}

/** @throws ProtocolError */
export function decodeOffsetCommitKey(key: Buffer): OffsetCommitKey {
  const isLegacy = recordType(key) === legacyOffsetCommitRecord.type;
  const kind = isLegacy ? legacyOffsetCommitRecord : offsetCommitRecord;
  const { group, topic, partition } = decodeRecordKey(kind, key);
  return { groupId: group, topic, partition };
}

/** @throws ProtocolError */
export function decodeOffsetCommitValue(value: Buffer): CommittedOffset {
  const commit = decodeVersioned(offsetCommitRecord.value, value).value;
  return {
    offset: commit.offset,
    leaderEpoch: commit.leaderEpoch,
    metadata: commit.metadata,
    commitTimestampMs: commit.commitTimestamp,
    expireTimestampMs: commit.expireTimestamp,
    topicId: commit.topicId === ZERO_UUID ? null : commit.topicId,
  };
}
