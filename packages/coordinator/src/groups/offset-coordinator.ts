/**
 * Committed offsets over all shards: plain ones, those of transactions, their deletion and their expiry. What is to be written is decided in
 * offset-operations.ts, and what is stored and when in group-shard.ts; here is who waits for whom in between.
 */
import type { Cancel, Clock } from "@ottla/platform";
import { type AppendRejection, type GroupErrorName, groupErrorOf, rejectionOf } from "../errors.ts";
import type { GroupCoordinatorProbe } from "../probe.ts";
import type { ClassicGroupInputs } from "./classic-events.ts";
import type { GroupCoordinatorConfig } from "./config.ts";
import type { Group, GroupShard } from "./group-shard.ts";
import type { GroupShards } from "./group-shards.ts";
import { OffsetOperations, type UnstablePartitions } from "./offset-operations.ts";
import type {
  DeletedTopic,
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetDeleteRequest,
  OffsetDeleteResult,
  OffsetFetchRequest,
  OffsetFetchResult,
  TopicCatalog,
  TransactionalOffsetCommitRequest,
} from "./offset-types.ts";
import type { GroupRecord } from "./records/record-types.ts";

type CommitEvent = "commit" | "transactionalCommit";

/** Asks a group whether somebody may commit to it; a sign of life as well. */
export type MayCommit = <Event extends CommitEvent>(
  group: Group,
  event: Event,
  credentials: ClassicGroupInputs[Event],
) => GroupErrorName;

export interface OffsetCoordinatorOptions {
  readonly clock: Clock;
  readonly config: GroupCoordinatorConfig;
  readonly topics: TopicCatalog;
  readonly shards: GroupShards;
  readonly mayCommit: MayCommit;
  readonly probe: GroupCoordinatorProbe | null;
}

export class OffsetCoordinator {
  readonly #clock: Clock;
  readonly #config: GroupCoordinatorConfig;
  readonly #topics: TopicCatalog;
  readonly #shards: GroupShards;
  readonly #mayCommit: MayCommit;
  readonly #probe: GroupCoordinatorProbe | null;
  readonly #operations: OffsetOperations;
  #cancelScan: Cancel | null = null;

  constructor({ clock, config, topics, shards, mayCommit, probe }: OffsetCoordinatorOptions) {
    this.#clock = clock;
    this.#config = config;
    this.#topics = topics;
    this.#shards = shards;
    this.#mayCommit = mayCommit;
    this.#probe = probe;
    this.#operations = new OffsetOperations({ clock, config, topics });
  }

  /** Looks for expired offsets from now on, every `offsets.retention.check.interval.ms`. */
  start(): void {
    this.#cancelScan?.();
    this.#cancelScan = this.#clock.schedule(this.#config.offsetsRetentionCheckIntervalMs, () => {
      this.start();
      for (const shard of this.#shards) {
        if (this.#shards.unavailability(shard) === "NONE") void this.#expire(shard);
      }
    });
  }

  /** Idempotent. */
  close(): void {
    this.#cancelScan?.();
  }

  /** Resolves when the offsets are durable. */
  async commit(request: OffsetCommitRequest): Promise<OffsetCommitResult> {
    const commit = this.#operations.prepareCommit(request);
    if (!commit.hasWork) return commit.result;
    const shard = this.#shards.of(request.groupId);
    if (shard.gate !== null) await shard.opened();
    let error = this.#shards.unavailability(shard);
    if (error === "NONE") error = this.#refusalOfCommit(shard, request);
    if (error !== "NONE") return commit.refuse(error);
    const records = commit.records(this.#topics);
    if (records.length === 0) return commit.result;
    try {
      await shard.append(records);
    } catch (cause) {
      this.#warn(`offsets of group ${request.groupId} were not stored`, cause);
      return commit.refuse(commitErrorOf(rejectionOf(cause)));
    }
    this.#probe?.offsetsCommitted(records.length);
    return commit.result;
  }

  /** Stores offsets that count when the producer's transaction commits (TX13). Resolves when they are durable. */
  async commitInTransaction(
    request: TransactionalOffsetCommitRequest,
  ): Promise<OffsetCommitResult> {
    const { groupId, producerId, producerEpoch } = request;
    const commit = this.#operations.prepareTransactionalCommit(request);
    const shard = this.#shards.of(groupId);
    if (shard.gate !== null) await shard.opened();
    let error = this.#shards.refusal(shard, groupId);
    if (error === "NONE") error = this.#refusalOfTransactionalCommit(shard, request);
    // Last, in the turn in which the batch is queued.
    if (error === "NONE") error = request.admit();
    if (error !== "NONE") return commit.refuse(error);
    const records = commit.records(this.#topics);
    if (records.length === 0) return commit.result;
    try {
      await shard.append(records, { producerId, producerEpoch });
    } catch (cause) {
      this.#warn(`transactional offsets of group ${groupId} were not stored`, cause);
      return commit.refuse(groupErrorOf(rejectionOf(cause)));
    }
    this.#probe?.offsetsCommitted(records.length);
    return commit.result;
  }

  async fetch(request: OffsetFetchRequest): Promise<OffsetFetchResult> {
    const groups = request.groups.map(async (wanted) => {
      const shard = this.#shards.of(wanted.groupId);
      if (request.requireStable) await shard.settled();
      const error = this.#shards.unavailability(shard);
      if (error !== "NONE") return { groupId: wanted.groupId, error, topics: [] };
      const { pending } = shard;
      const isUnstable: UnstablePartitions | null =
        request.requireStable && pending.hasGroup(wanted.groupId)
          ? (topic, partition) => pending.has(wanted.groupId, topic, partition)
          : null;
      return this.#operations.fetch(shard.group(wanted.groupId), wanted, isUnstable);
    });
    return { groups: await Promise.all(groups) };
  }

  /** Deletes offsets of topics that the group does not subscribe to (CG13). */
  async delete(request: OffsetDeleteRequest): Promise<OffsetDeleteResult> {
    const shard = this.#shards.of(request.groupId);
    return shard.exclusively(async () => {
      const refusal = this.#shards.refusal(shard, request.groupId);
      if (refusal !== "NONE") return { error: refusal, topics: [] };
      const { result, records } = this.#operations.prepareDelete(
        shard.group(request.groupId),
        request,
      );
      if (records.length === 0) return result;
      try {
        await shard.append(records);
      } catch (cause) {
        this.#warn(`offsets of group ${request.groupId} were not deleted`, cause);
        return { error: groupErrorOf(rejectionOf(cause)), topics: [] };
      }
      this.#probe?.offsetsDeleted(records.length);
      return result;
    });
  }

  /** Drops the offsets of deleted topics (CG13). */
  async dropTopics(topics: readonly DeletedTopic[]): Promise<void> {
    await Promise.all(
      Array.from(this.#shards, async (shard) => {
        await shard.ready;
        if (this.#shards.unavailability(shard) !== "NONE") return;
        if (!this.#operations.anyOf(shard, topics) && shard.settled() === null) return;
        await this.#clean(shard, () => this.#operations.ofTopics(shard, topics));
      }),
    );
  }

  /** Drops the offsets of topics that are gone from a shard that was loaded just now. */
  async dropMissingTopics(shard: GroupShard): Promise<void> {
    if (this.#operations.ofMissingTopics(shard).length === 0) return;
    await this.#clean(shard, () => this.#operations.ofMissingTopics(shard));
  }

  /** Tombstones of all offsets of a group. */
  tombstonesOf(group: Group): GroupRecord[] {
    return this.#operations.ofGroup(group);
  }

  #refusalOfCommit(shard: GroupShard, request: OffsetCommitRequest): GroupErrorName {
    const generation = request.generationIdOrMemberEpoch;
    const group = shard.group(request.groupId);
    if (group !== undefined) {
      const { memberId, groupInstanceId } = request;
      return this.#mayCommit(group, "commit", { memberId, groupInstanceId, generation });
    }
    // Without a generation it is a consumer that only keeps its offsets here; replay makes it a group.
    if (generation < 0) return "NONE";
    return request.knowsGroupIdNotFound ? "GROUP_ID_NOT_FOUND" : "ILLEGAL_GENERATION";
  }

  #refusalOfTransactionalCommit(
    shard: GroupShard,
    request: TransactionalOffsetCommitRequest,
  ): GroupErrorName {
    const { groupId, memberId, groupInstanceId, generationId: generation } = request;
    const group = shard.group(groupId);
    if (group === undefined) return generation < 0 ? "NONE" : "ILLEGAL_GENERATION";
    const credentials = { memberId, groupInstanceId, generation };
    return this.#mayCommit(group, "transactionalCommit", credentials);
  }

  /** Deletes offsets past their retention, and groups that nothing is left of (CG13). */
  async #expire(shard: GroupShard): Promise<void> {
    if (!this.#operations.anythingExpired(shard)) return;
    const count = await this.#clean(shard, () => this.#operations.expired(shard));
    this.#probe?.offsetsExpired(count);
  }

  /** Appends the tombstones that `find` comes up with; resolves to the number of offsets among them. A failure is tried again by the next scan. */
  #clean(shard: GroupShard, find: () => GroupRecord[]): Promise<number> {
    return shard.exclusively(async () => {
      if (this.#shards.unavailability(shard) !== "NONE") return 0;
      const records = find();
      const { records: left, cause } = await shard.appendInBatches(records);
      if (left.length > 0) {
        this.#warn(`${left.length} tombstones of shard ${shard.index} were not stored`, cause);
      }
      return countOffsets(records) - countOffsets(left);
    });
  }

  #warn(message: string, cause: unknown): void {
    this.#probe?.warning(message, cause);
  }
}

function countOffsets(records: readonly GroupRecord[]): number {
  return records.filter(({ type }) => type === "offset").length;
}

function commitErrorOf(rejection: AppendRejection): GroupErrorName {
  return rejection === "tooLarge" ? "INVALID_COMMIT_OFFSET_SIZE" : groupErrorOf(rejection);
}
