/**
 * Records of `__consumer_offsets`, in Kafka's layout so that tools which read that topic work.
 */
import {
  array,
  bytes,
  int8,
  int32,
  int64,
  nullableArray,
  nullableString,
  nullableStruct,
  string,
  uuid,
} from "../schema/fields.ts";
import { coordinatorRecord } from "./coordinator-record.ts";

/** A committed offset as it was written before record type 1; read, never written. */
export const legacyOffsetCommitRecord = coordinatorRecord({
  type: 0,
  name: "LegacyOffsetCommit",
  versions: "0",
  flexible: "none",
  key: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
  value: {
    offset: int64(),
    metadata: string(),
    commitTimestamp: int64(),
  },
});

/**
 * A committed offset. Writers use v3; v4 adds the topic id as a tagged field. v1 carries an
 * expiry.
 */
export const offsetCommitRecord = coordinatorRecord({
  type: 1,
  name: "OffsetCommit",
  versions: "0-4",
  flexible: "4+",
  key: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
  value: {
    offset: int64(),
    leaderEpoch: int32({ versions: "3+", default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: "1", default: -1, ignorable: true }),
    topicId: uuid({ versions: "4+", tag: 0, ignorable: true }),
  },
});

const memberMetadata = {
  memberId: string(),
  groupInstanceId: nullableString({ versions: "3+", default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: "1+", default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
};

/** A classic group in a stable generation, with its members. */
export const groupMetadataRecord = coordinatorRecord({
  type: 2,
  name: "GroupMetadata",
  versions: "0-4",
  flexible: "4+",
  key: {
    group: string(),
  },
  value: {
    protocolType: string(),
    generation: int32(),
    protocol: nullableString(),
    leader: nullableString(),
    currentStateTimestamp: int64({ versions: "2+", default: -1, ignorable: true }),
    members: array(memberMetadata),
  },
});

/** Epoch of a KIP-848 group, and a hash of the topics it follows. */
export const consumerGroupMetadataRecord = coordinatorRecord({
  type: 3,
  name: "ConsumerGroupMetadata",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
  },
  value: {
    epoch: int32(),
    metadataHash: int64({ tag: 0, default: 0 }),
  },
});

/** Topics a KIP-848 group follows; superseded by the hash in its metadata, still to be read. */
export const consumerGroupPartitionMetadataRecord = coordinatorRecord({
  type: 4,
  name: "ConsumerGroupPartitionMetadata",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
  },
  value: {
    topics: array({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: array({
        partition: int32(),
        racks: array(string()),
      }),
    }),
  },
});

/** What a member of a KIP-848 group said of itself. */
export const consumerGroupMemberMetadataRecord = coordinatorRecord({
  type: 5,
  name: "ConsumerGroupMemberMetadata",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    instanceId: nullableString(),
    rackId: nullableString(),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: nullableString(),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: nullableString(),
    classicMemberMetadata: nullableStruct(
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: array({
          name: string(),
          metadata: bytes(),
        }),
      },
      { tag: 0, default: null },
    ),
  },
});

/** Epoch of the target assignment of a KIP-848 group. */
export const consumerGroupTargetAssignmentMetadataRecord = coordinatorRecord({
  type: 6,
  name: "ConsumerGroupTargetAssignmentMetadata",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
  },
  value: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, default: 0, ignorable: true }),
  },
});

/** What a member of a KIP-848 group is to own. */
export const consumerGroupTargetAssignmentMemberRecord = coordinatorRecord({
  type: 7,
  name: "ConsumerGroupTargetAssignmentMember",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
});

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: nullableArray(int32(), { tag: 0, default: null }),
};

/** What a member of a KIP-848 group owns and is giving up. */
export const consumerGroupCurrentMemberAssignmentRecord = coordinatorRecord({
  type: 8,
  name: "ConsumerGroupCurrentMemberAssignment",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
    memberId: string(),
  },
  value: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
});

/** Topics that a regular expression resolved to, and when. */
export const consumerGroupRegularExpressionRecord = coordinatorRecord({
  type: 16,
  name: "ConsumerGroupRegularExpression",
  versions: "0",
  flexible: "0+",
  key: {
    groupId: string(),
    regularExpression: string(),
  },
  value: {
    topics: array(string()),
    version: int64(),
    timestamp: int64(),
  },
});
