/**
 * Record type 1, Kafka's OffsetCommit: the committed offset of one partition of one group; a tombstone when it is gone.
 *
 *     key    int16 1 (0 in old logs: the same fields), group, topic, partition int32
 *     value  int16 version, offset int64, leaderEpoch int32 (v3+), metadata, commitTimestamp int64,
 *            expireTimestamp int64 (v1 only), topicId (v4+, tag 0; flexible)
 *
 * Written as Kafka 4.3 does: v4, or v1 when the client asked for a retention of its own. All versions are read.
 */
import { CorruptCoordinatorRecord } from "../errors.ts";
import { type RecordReader, RecordWriter, unsignedVarintSize } from "./record-bytes.ts";

export const OFFSET_COMMIT_TYPE = 1;

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

/** @throws {RangeError} when a name is longer than Kafka's strings can be. */
export function encodeOffsetCommitKey(key: OffsetCommitKey): Buffer {
  const groupSize = Buffer.byteLength(key.groupId);
  const topicSize = Buffer.byteLength(key.topic);
  return new RecordWriter(10 + groupSize + topicSize)
    .int16(OFFSET_COMMIT_TYPE)
    .string(key.groupId, groupSize)
    .string(key.topic, topicSize)
    .int32(key.partition)
    .finish();
}

export function encodeOffsetCommitValue(value: CommittedOffset): Buffer {
  const metadataSize = Buffer.byteLength(value.metadata);
  if (value.expireTimestampMs !== -1) {
    return new RecordWriter(28 + metadataSize)
      .int16(1)
      .int64(value.offset)
      .string(value.metadata, metadataSize)
      .int64(value.commitTimestampMs)
      .int64(value.expireTimestampMs)
      .finish();
  }
  const metadataBytes = unsignedVarintSize(metadataSize + 1) + metadataSize;
  const writer = new RecordWriter(23 + metadataBytes + (value.topicId === null ? 0 : 18))
    .int16(4)
    .int64(value.offset)
    .int32(value.leaderEpoch)
    .compactString(value.metadata, metadataSize)
    .int64(value.commitTimestampMs);
  if (value.topicId === null) return writer.unsignedVarint(0).finish();
  return writer.unsignedVarint(1).unsignedVarint(0).unsignedVarint(16).uuid(value.topicId).finish();
}

/** Reads what follows the type in a key. */
export function decodeOffsetCommitKey(reader: RecordReader): OffsetCommitKey {
  return {
    groupId: reader.string(false),
    topic: reader.string(false),
    partition: reader.int32(),
  };
}

export function decodeOffsetCommitValue(reader: RecordReader): CommittedOffset {
  const version = reader.int16();
  if (version < 0 || version > 4) {
    throw new CorruptCoordinatorRecord(`offset commit value of version ${version}`);
  }
  const flexible = version >= 4;
  const offset = reader.int64();
  const leaderEpoch = version >= 3 ? reader.int32() : -1;
  const metadata = reader.string(flexible);
  const commitTimestampMs = reader.int64();
  const expireTimestampMs = version === 1 ? reader.int64() : -1;
  let topicId: string | null = null;
  if (flexible) {
    reader.taggedFields((tag, field) => {
      if (tag === 0) topicId = field.uuid();
    });
  }
  return { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId };
}
