/**
 * Record type 2, Kafka's GroupMetadata: one stable (or empty) generation of a classic group; a tombstone when the group is gone.
 *
 *     key    int16 2, group
 *     value  int16 version, protocolType, generation int32, protocol (nullable), leader (nullable),
 *            currentStateTimestamp int64 (v2+), members
 *     member memberId, groupInstanceId (nullable, v3+), clientId, clientHost, rebalanceTimeout int32 (v1+),
 *            sessionTimeout int32, subscription bytes, assignment bytes
 *
 * Written as v3, as Kafka 4.3 does; v0 to v4 (flexible) are read.
 */
import { CorruptCoordinatorRecord } from "../errors.ts";
import { type RecordReader, RecordWriter } from "./record-bytes.ts";

export const GROUP_METADATA_TYPE = 2;

export interface GroupMetadata {
  /** Empty for a group that never had members. */
  readonly protocolType: string;
  readonly generation: number;
  readonly protocol: string | null;
  readonly leader: string | null;
  /** −1 in records older than v2. */
  readonly currentStateTimestampMs: number;
  readonly members: readonly GroupMetadataMember[];
}

export interface GroupMetadataMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}

export function encodeGroupMetadataKey(groupId: string): Buffer {
  const size = Buffer.byteLength(groupId);
  return new RecordWriter(4 + size).int16(GROUP_METADATA_TYPE).string(groupId, size).finish();
}

export function encodeGroupMetadataValue(value: GroupMetadata): Buffer {
  let size = 24 + sizeOf(value.protocolType) + sizeOf(value.protocol) + sizeOf(value.leader);
  for (const member of value.members) size += memberSize(member);
  const writer = new RecordWriter(size)
    .int16(3)
    .nullableString(value.protocolType)
    .int32(value.generation)
    .nullableString(value.protocol)
    .nullableString(value.leader)
    .int64(value.currentStateTimestampMs)
    .int32(value.members.length);
  for (const member of value.members) {
    writer
      .nullableString(member.memberId)
      .nullableString(member.groupInstanceId)
      .nullableString(member.clientId)
      .nullableString(member.clientHost)
      .int32(member.rebalanceTimeoutMs)
      .int32(member.sessionTimeoutMs)
      .sizedBytes(member.subscription)
      .sizedBytes(member.assignment);
  }
  return writer.finish();
}

/** Reads what follows the type in a key. */
export function decodeGroupMetadataKey(reader: RecordReader): string {
  return reader.string(false);
}

export function decodeGroupMetadataValue(reader: RecordReader): GroupMetadata {
  const version = reader.int16();
  if (version < 0 || version > 4) {
    throw new CorruptCoordinatorRecord(`group metadata value of version ${version}`);
  }
  const flexible = version >= 4;
  const protocolType = reader.string(flexible);
  const generation = reader.int32();
  const protocol = reader.nullableString(flexible);
  const leader = reader.nullableString(flexible);
  const currentStateTimestampMs = version >= 2 ? reader.int64() : -1;
  const members: GroupMetadataMember[] = [];
  for (let left = reader.arrayCount(flexible); left > 0; left--) {
    members.push(decodeMember(reader, version));
  }
  if (flexible) reader.taggedFields();
  return { protocolType, generation, protocol, leader, currentStateTimestampMs, members };
}

function decodeMember(reader: RecordReader, version: number): GroupMetadataMember {
  const flexible = version >= 4;
  const memberId = reader.string(flexible);
  const groupInstanceId = version >= 3 ? reader.nullableString(flexible) : null;
  const clientId = reader.string(flexible);
  const clientHost = reader.string(flexible);
  const rebalanceTimeout = version >= 1 ? reader.int32() : -1;
  const sessionTimeoutMs = reader.int32();
  const subscription = reader.bytes(flexible);
  const assignment = reader.bytes(flexible);
  if (flexible) reader.taggedFields();
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeoutMs : rebalanceTimeout,
    sessionTimeoutMs,
    subscription,
    assignment,
  };
}

function memberSize(member: GroupMetadataMember): number {
  return (
    24 +
    sizeOf(member.memberId) +
    sizeOf(member.groupInstanceId) +
    sizeOf(member.clientId) +
    sizeOf(member.clientHost) +
    member.subscription.length +
    member.assignment.length
  );
}

/** Bytes of a string without its length prefix. */
function sizeOf(text: string | null): number {
  return text === null ? 0 : Buffer.byteLength(text);
}
