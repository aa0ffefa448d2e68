/**
 * What goes into and comes out of the offset store. A topic is named by name or by id, as the request did; the coordinator looks up the
 * other one. `topicId` is a UUID in Kafka's 22-character form, null when the request carries none.
 */
import type { GroupErrorName } from "../errors.ts";

/** Names and sizes of topics, as of now; answers come from memory. */
export interface TopicCatalog {
  /** null for an unknown topic. */
  partitionCount(name: string): number | null;
  /** null for an unknown id. */
  topicName(topicId: string): string | null;
  /** null for an unknown name. */
  topicId(name: string): string | null;
}

/** A topic that is no more. */
export interface DeletedTopic {
  readonly name: string;
  readonly topicId: string;
}

export interface OffsetCommitRequest {
  /** The empty group id is allowed here, as in OffsetFetch, DescribeGroups and DeleteGroups (CG12). */
  readonly groupId: string;
  /** −1 from a consumer that is in no group, and from admin clients. */
  readonly generationIdOrMemberEpoch: number;
  readonly memberId: string;
  /** null below v7. */
  readonly groupInstanceId: string | null;
  /** −1 for the broker's own retention; only v2 to v4 carry it. */
  readonly retentionTimeMs: number;
  /** From v9 an unknown group is GROUP_ID_NOT_FOUND, before it is ILLEGAL_GENERATION. */
  readonly knowsGroupIdNotFound: boolean;
  readonly topics: readonly OffsetCommitTopic[];
}

export interface OffsetCommitTopic {
  /** Empty when the request names topics by id (v10). */
  readonly name: string;
  readonly topicId: string | null;
  readonly partitions: readonly OffsetCommitPartition[];
}

export interface OffsetCommitPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  /** −1 when the client does not know it, and below v6. */
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

export interface OffsetCommitResult {
  /** The topics of the request in its order. An error about the group is repeated in every partition. */
  readonly topics: readonly OffsetCommitResultTopic[];
}

export interface OffsetCommitResultTopic {
  /** Filled from the id where that is known. */
  readonly name: string;
  readonly topicId: string | null;
  readonly partitions: readonly PartitionError[];
}

export interface PartitionError {
  readonly partitionIndex: number;
  readonly error: GroupErrorName;
}

export interface OffsetFetchRequest {
  /** One below v8. */
  readonly groups: readonly OffsetFetchGroup[];
  /** From v7: partitions with offsets of an open transaction answer UNSTABLE_OFFSET_COMMIT (TX13). */
  readonly requireStable: boolean;
}

export interface OffsetFetchGroup {
  readonly groupId: string;
  /** null below v9 and from clients that are in no group. */
  readonly memberId: string | null;
  /** −1 below v9. */
  readonly memberEpoch: number;
  /** null asks for all that is committed; an empty list (v0 and v1 have no null) asks for nothing. */
  readonly topics: readonly OffsetFetchTopic[] | null;
}

export interface OffsetFetchTopic {
  readonly name: string;
  readonly topicId: string | null;
  readonly partitionIndexes: readonly number[];
}

export interface OffsetFetchResult {
  readonly groups: readonly OffsetFetchResultGroup[];
}

export interface OffsetFetchResultGroup {
  readonly groupId: string;
  readonly error: GroupErrorName;
  readonly topics: readonly OffsetFetchResultTopic[];
}

export interface OffsetFetchResultTopic {
  readonly name: string;
  /** null when the topic is not known (any more); an answer by id (v10) to "all topics" leaves such topics out. */
  readonly topicId: string | null;
  readonly partitions: readonly OffsetFetchResultPartition[];
}

export interface OffsetFetchResultPartition {
  readonly partitionIndex: number;
  /** −1 when nothing is committed or there is an error. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly error: GroupErrorName;
}

export interface OffsetDeleteRequest {
  readonly groupId: string;
  readonly topics: readonly OffsetDeleteTopic[];
}

export interface OffsetDeleteTopic {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

export interface OffsetDeleteResult {
  /** About the group; `topics` is then empty. */
  readonly error: GroupErrorName;
  readonly topics: readonly OffsetDeleteResultTopic[];
}

export interface OffsetDeleteResultTopic {
  readonly name: string;
  readonly partitions: readonly PartitionError[];
}

/** Offsets that count when the transaction commits (TX13). Topics are named; whether they exist has been looked at before. */
export interface TransactionalOffsetCommitRequest {
  readonly groupId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1, as the two below empty and null, below v3 and from producers that do not say for whom they commit (KIP-447). */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly TransactionalOffsetCommitTopic[];
  /**
   * Asked right before the offsets are queued, in the same turn of the event loop: whether the producer's transaction still takes
   * them. Anything but NONE is the answer of every partition.
   */
  admit(): GroupErrorName;
}

export interface TransactionalOffsetCommitTopic {
  readonly name: string;
  /** The topic that the caller has found under this name, partitions included; null for the one of now. */
  readonly topicId: string | null;
  readonly partitions: readonly OffsetCommitPartition[];
}

/** The end of a transaction in one shard. */
export interface CompletedTransaction {
  readonly producerId: number;
  readonly commit: boolean;
}
