/**
 * Record type 2, Kafka's GroupMetadata: one stable (or empty) generation of a classic group; a tombstone when the group is gone.
 * Written as v3, as Kafka 4.3 does; v0 to v4 are read.
 */
import {
  decodeRecordKey,
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  groupMetadataRecord,
} from "@ottla/protocol";

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
  /** The session timeout in records older than v1. */
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}

const VERSION = 3;

export function encodeGroupMetadataKey(groupId: string): Buffer {
  return encodeRecordKey(groupMetadataRecord, { group: groupId });
}

export function encodeGroupMetadataValue(metadata: GroupMetadata): Buffer {
  return encodeVersioned(groupMetadataRecord.value, VERSION, {
    protocolType: metadata.protocolType,
    generation: metadata.generation,
    protocol: metadata.protocol,
    leader: metadata.leader,
    currentStateTimestamp: metadata.currentStateTimestampMs,
    members: metadata.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  });
}

/** @throws ProtocolError */
export function decodeGroupMetadataKey(key: Buffer): string {
  return decodeRecordKey(groupMetadataRecord, key).group;
}

/** The result owns its bytes. @throws ProtocolError */
export function decodeGroupMetadataValue(value: Buffer): GroupMetadata {
  const metadata = decodeVersioned(groupMetadataRecord.value, value).value;
  return {
    protocolType: metadata.protocolType,
    generation: metadata.generation,
    protocol: metadata.protocol,
    leader: metadata.leader,
    currentStateTimestampMs: metadata.currentStateTimestamp,
    members: metadata.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs:
        member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      subscription: Buffer.from(member.subscription),
      assignment: Buffer.from(member.assignment),
    })),
  };
}
