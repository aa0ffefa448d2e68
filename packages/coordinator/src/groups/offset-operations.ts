/**
 * What commits, fetches, deletions and expiry read from the state and want to have written: pure, the coordinator does the
 * appending.
 *
 * An offset remembers the id of its topic. One that was committed to a topic of the same name that has since been deleted is as good
 * as gone, even when its tombstone did not make it to the log.
 */
import type { Clock } from "@ottla/platform";
import type { GroupErrorName } from "../errors.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { Group, GroupShard } from "./group-shard.ts";
import type {
  DeletedTopic,
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetCommitResultTopic,
  OffsetDeleteRequest,
  OffsetDeleteResult,
  OffsetFetchGroup,
  OffsetFetchResultGroup,
  OffsetFetchResultPartition,
  OffsetFetchResultTopic,
  OffsetFetchTopic,
  TopicCatalog,
  TransactionalOffsetCommitRequest,
} from "./offset-types.ts";
import type { CommittedOffset } from "./records/offset-commit.ts";
import type { GroupRecord, OffsetRecord } from "./records/record-types.ts";
import { Tombstones, tombstone, tombstonesWhere } from "./tombstones.ts";

export interface OffsetOperationsOptions {
  readonly clock: Clock;
  readonly config: GroupCoordinatorConfig;
  readonly topics: TopicCatalog;
}

/** Whether an open transaction has an offset of this partition. */
export type UnstablePartitions = (topic: string, partition: number) => boolean;

const MS_PER_MINUTE = 60_000;

export class OffsetOperations {
  readonly #clock: Clock;
  readonly #config: GroupCoordinatorConfig;
  readonly #topics: TopicCatalog;

  constructor({ clock, config, topics }: OffsetOperationsOptions) {
    this.#clock = clock;
    this.#config = config;
    this.#topics = topics;
  }

  /** Looks up topics and partitions, before anything is known about the group. */
  prepareCommit(request: OffsetCommitRequest): PendingCommit {
    const commit = this.#newCommit(request.groupId, request.retentionTimeMs);
    for (const { name, topicId, partitions } of request.topics) {
      const topicName = topicId === null ? name : this.#topics.topicName(topicId);
      if (topicName === null) {
        commit.refuseTopic({ name, topicId, partitions }, "UNKNOWN_TOPIC_ID");
        continue;
      }
      const id = topicId ?? this.#topics.topicId(topicName);
      const partitionCount = this.#topics.partitionCount(topicName) ?? 0;
      commit.addTopic({ name: topicName, topicId: id, partitions }, partitionCount);
    }
    return commit;
  }

  /** The same for offsets in a transaction, whose topics and partitions are there. */
  prepareTransactionalCommit(request: TransactionalOffsetCommitRequest): PendingCommit {
    const commit = this.#newCommit(request.groupId, -1);
    for (const { name, topicId, partitions } of request.topics) {
      const id = topicId ?? this.#topics.topicId(name);
      commit.addTopic({ name, topicId: id, partitions }, Number.POSITIVE_INFINITY);
    }
    return commit;
  }

  /** With `isUnstable`, the partitions for which it is true are refused: what they will hold is undecided (TX13). */
  fetch(
    group: Group | undefined,
    wanted: OffsetFetchGroup,
    isUnstable: UnstablePartitions | null,
  ): OffsetFetchResultGroup {
    const topics =
      wanted.topics === null
        ? this.#fetchAll(group, isUnstable)
        : wanted.topics.map((topic) => this.#fetchTopic(group, topic, isUnstable));
    return { groupId: wanted.groupId, error: "NONE", topics };
  }

  /** What OffsetDelete answers, and the tombstones it takes. */
  prepareDelete(
    group: Group | undefined,
    request: OffsetDeleteRequest,
  ): { result: OffsetDeleteResult; records: GroupRecord[] } {
    const records: GroupRecord[] = [];
    const refusal = refusalOfDelete(group);
    if (refusal !== "NONE") return { result: { error: refusal, topics: [] }, records };
    const topics = request.topics.map(({ name, partitions }) => {
      const partitionCount = this.#topics.partitionCount(name) ?? 0;
      const isSubscribed = group!.classic.isSubscribedTo(name);
      const errors = partitions.map(({ partitionIndex }) => {
        if (partitionIndex < 0 || partitionIndex >= partitionCount) {
          return { partitionIndex, error: "UNKNOWN_TOPIC_OR_PARTITION" as const };
        }
        if (isSubscribed) return { partitionIndex, error: "GROUP_SUBSCRIBED_TO_TOPIC" as const };
        const isPending = group!.shard.pending.has(group!.groupId, name, partitionIndex);
        if (isPending || group!.offsets.get(name, partitionIndex) !== undefined) {
          records.push(tombstone(group!.groupId, name, partitionIndex));
        }
        return { partitionIndex, error: "NONE" as const };
      });
      return { name, partitions: errors };
    });
    return { result: { error: "NONE", topics }, records };
  }

  /** Tombstones of all offsets of a group, those of open transactions included. */
  ofGroup({ groupId, offsets, shard }: Group): GroupRecord[] {
    const records = new Tombstones(groupId);
    for (const [topic, partitions] of offsets.topics()) {
      for (const partition of partitions.keys()) records.add(topic, partition);
    }
    shard.pending.visit(groupId, (topic, partition) => records.add(topic, partition));
    return records.records;
  }

  /** Whether any group has committed to one of the topics, or is about to. */
  anyOf(shard: GroupShard, topics: readonly DeletedTopic[]): boolean {
    const isDeleted = (topic: string) => topics.some(({ name }) => name === topic);
    let found = false;
    for (const { groupId, offsets } of shard.groups.values()) {
      if (topics.some(({ name }) => offsets.topic(name) !== undefined)) return true;
      shard.pending.visit(groupId, (topic) => {
        if (isDeleted(topic)) found = true;
      });
    }
    return found;
  }

  /** Tombstones of the offsets of deleted topics; those of a new topic of the same name stay. */
  ofTopics(shard: GroupShard, topics: readonly DeletedTopic[]): GroupRecord[] {
    const deleted = new Map(topics.map(({ name, topicId }) => [name, topicId]));
    return tombstonesWhere(
      shard,
      (topic) => deleted.has(topic),
      (topic, { topicId }) => topicId === null || topicId === deleted.get(topic),
    );
  }

  /**
   * Tombstones of the offsets of topics that are gone: their own did not make it to the log before a stop. They must, as not every offset has the
   * id of its topic on record (offset-commit.ts), and without it counts for the next topic of that name.
   */
  ofMissingTopics(shard: GroupShard): GroupRecord[] {
    const isMissing = (topic: string) => this.#topics.partitionCount(topic) === null;
    return tombstonesWhere(shard, isMissing, () => true);
  }

  /** Whether `expired` would find something. */
  anythingExpired(shard: GroupShard): boolean {
    for (const group of shard.groups.values()) {
      if (this.#expire(group, () => {}) || this.#hasExpiredOffset(group)) return true;
    }
    return false;
  }

  /** Tombstones of what is past its retention now, groups included; a group that was never stored is forgotten on the way. */
  expired(shard: GroupShard): GroupRecord[] {
    const records: GroupRecord[] = [];
    for (const group of [...shard.groups.values()]) {
      const isAllExpired = this.#expire(group, (record) => records.push(record));
      if (!isAllExpired) continue;
      if (group.hasRecords) records.push({ type: "metadata", groupId: group.groupId, value: null });
      else shard.drop(group);
    }
    return records;
  }

  /** Visits the tombstones of a group's expired offsets; true when nothing would be left of the group. */
  #expire(group: Group, visit: (record: GroupRecord) => void): boolean {
    const { groupId, offsets, shard } = group;
    let isAllExpired = group.isAbandoned && !shard.pending.hasGroup(groupId);
    for (const [topic, partitions] of offsets.topics()) {
      for (const [partition, offset] of partitions) {
        // An open transaction may be about to replace it.
        const isKept = shard.pending.has(groupId, topic, partition);
        if (!isKept && this.#isExpired(group, topic, offset)) {
          visit(tombstone(groupId, topic, partition));
        } else isAllExpired = false;
      }
    }
    return isAllExpired;
  }

  #hasExpiredOffset(group: Group): boolean {
    let found = false;
    this.#expire(group, () => {
      found = true;
    });
    return found;
  }

  /** KIP-211. An expiry that a client asked for itself counts instead of the retention. */
  #isExpired({ classic }: Group, topic: string, offset: CommittedOffset): boolean {
    const start = classic.retentionStart(offset);
    if (start === null || classic.isSubscribedTo(topic)) return false;
    const now = this.#clock.now();
    if (offset.expireTimestampMs !== -1) return now >= offset.expireTimestampMs;
    return now - start >= this.#config.offsetsRetentionMinutes * MS_PER_MINUTE;
  }

  #newCommit(groupId: string, retentionTimeMs: number): PendingCommit {
    const nowMs = this.#clock.now();
    const expireMs = retentionTimeMs === -1 ? -1 : nowMs + retentionTimeMs;
    return new PendingCommit(groupId, { nowMs, expireMs }, this.#config.offsetMetadataMaxBytes);
  }

  #fetchAll(
    group: Group | undefined,
    isUnstable: UnstablePartitions | null,
  ): OffsetFetchResultTopic[] {
    if (group === undefined) return [];
    const topics: OffsetFetchResultTopic[] = [];
    for (const [name, offsets] of group.offsets.topics()) {
      const topicId = this.#topics.topicId(name);
      const partitions: OffsetFetchResultPartition[] = [];
      for (const [partition, offset] of offsets) {
        if (isUnstable?.(name, partition) === true) partitions.push(unstable(partition));
        else if (isOfTopic(offset, topicId)) partitions.push(fetched(partition, offset));
      }
      if (partitions.length > 0) topics.push({ name, topicId, partitions });
    }
    return topics;
  }

  #fetchTopic(
    group: Group | undefined,
    wanted: OffsetFetchTopic,
    isUnstable: UnstablePartitions | null,
  ): OffsetFetchResultTopic {
    const name = wanted.topicId === null ? wanted.name : this.#topics.topicName(wanted.topicId);
    if (name === null) {
      const partitions = wanted.partitionIndexes.map((partition) =>
        nothing(partition, "UNKNOWN_TOPIC_ID"),
      );
      return { name: wanted.name, topicId: wanted.topicId, partitions };
    }
    const topicId = wanted.topicId ?? this.#topics.topicId(name);
    const offsets = group?.offsets.topic(name);
    const partitions = wanted.partitionIndexes.map((partition) => {
      if (isUnstable?.(name, partition) === true) return unstable(partition);
      const offset = offsets?.get(partition);
      if (offset === undefined || !isOfTopic(offset, topicId)) return nothing(partition, "NONE");
      return fetched(partition, offset);
    });
    return { name, topicId, partitions };
  }
}

interface MutablePartitionError {
  readonly partitionIndex: number;
  error: GroupErrorName;
}

interface NamedTopic {
  readonly name: string;
  readonly topicId: string | null;
  readonly partitions: readonly OffsetCommitPartition[];
}

interface CommitTimes {
  readonly nowMs: number;
  /** −1 for the retention of the broker. */
  readonly expireMs: number;
}

/** An OffsetCommit on its way: which partitions are in order, and their answers. */
export class PendingCommit {
  readonly result: OffsetCommitResult;
  readonly #topics: OffsetCommitResultTopic[] = [];
  readonly #groupId: string;
  readonly #times: CommitTimes;
  readonly #metadataMax: number;
  /** Answers of the partitions that depend on the group, and what to write for them. */
  readonly #open: MutablePartitionError[] = [];
  readonly #records: OffsetRecord[] = [];

  constructor(groupId: string, times: CommitTimes, metadataMax: number) {
    this.#groupId = groupId;
    this.#times = times;
    this.#metadataMax = metadataMax;
    this.result = { topics: this.#topics };
  }

  /** Whether the group must be asked at all. */
  get hasWork(): boolean {
    return this.#open.length > 0;
  }

  refuseTopic({ name, topicId, partitions }: NamedTopic, error: GroupErrorName): void {
    const errors = partitions.map(({ partitionIndex }) => ({ partitionIndex, error }));
    this.#topics.push({ name, topicId, partitions: errors });
  }

  addTopic({ name, topicId, partitions }: NamedTopic, partitionCount: number): void {
    const errors: MutablePartitionError[] = [];
    for (const partition of partitions) {
      const { partitionIndex } = partition;
      const answer: MutablePartitionError = { partitionIndex, error: "NONE" };
      errors.push(answer);
      if (partitionIndex < 0 || partitionIndex >= partitionCount) {
        answer.error = "UNKNOWN_TOPIC_OR_PARTITION";
        continue;
      }
      this.#open.push(answer);
      this.#records.push(this.#record(name, topicId, partition));
    }
    this.#topics.push({ name, topicId, partitions: errors });
  }

  /**
   * What to append, to be called in the turn in which it is queued: partitions whose topic is gone by then are answered here, as nobody would delete
   * their offsets any more (CG13), and those whose metadata is too long (CG12).
   */
  records(topics: TopicCatalog): OffsetRecord[] {
    return this.#records.filter(({ topic, value }, index) => {
      const isThere = topics.topicId(topic) === value!.topicId;
      if (isThere && value!.metadata.length <= this.#metadataMax) return true;
      this.#open[index]!.error = isThere
        ? "OFFSET_METADATA_TOO_LARGE"
        : "UNKNOWN_TOPIC_OR_PARTITION";
      return false;
    });
  }

  /** Answers all partitions with `error` that do not have one of their own. */
  refuse(error: GroupErrorName): OffsetCommitResult {
    for (const answer of this.#open) {
      if (answer.error === "NONE") answer.error = error;
    }
    return this.result;
  }

  #record(topic: string, topicId: string | null, partition: OffsetCommitPartition): OffsetRecord {
    const { nowMs, expireMs } = this.#times;
    return {
      type: "offset",
      groupId: this.#groupId,
      topic,
      partition: partition.partitionIndex,
      value: {
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch < 0 ? -1 : partition.committedLeaderEpoch,
        metadata: partition.committedMetadata ?? "",
        commitTimestampMs: nowMs,
        expireTimestampMs: expireMs,
        topicId,
      },
    };
  }
}

function refusalOfDelete(group: Group | undefined): GroupErrorName {
  if (group === undefined || group.classic.state === "Dead") return "GROUP_ID_NOT_FOUND";
  if (group.classic.state === "Empty" || group.classic.usesConsumerProtocol) return "NONE";
  return "NON_EMPTY_GROUP";
}

function isOfTopic(offset: CommittedOffset, topicId: string | null): boolean {
  return offset.topicId === null || topicId === null || offset.topicId === topicId;
}

function fetched(partitionIndex: number, offset: CommittedOffset): OffsetFetchResultPartition {
  return {
    partitionIndex,
    committedOffset: offset.offset,
    committedLeaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    error: "NONE",
  };
}

function unstable(partitionIndex: number): OffsetFetchResultPartition {
  return nothing(partitionIndex, "UNSTABLE_OFFSET_COMMIT");
}

function nothing(partitionIndex: number, error: GroupErrorName): OffsetFetchResultPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", error };
}
