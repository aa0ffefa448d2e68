/** What the tests of this package drive a coordinator with: a simulated clock, a log in memory, requests with sensible defaults. */
import { SeededRandom, SimulatedClock } from "@ottla/platform";
import type { GroupErrorName } from "../errors.ts";
import { MemoryCoordinatorLog } from "../memory-coordinator-log.ts";
import { DEFAULT_GROUP_COORDINATOR_CONFIG, type GroupCoordinatorConfig } from "./config.ts";
import { GroupCoordinator } from "./group-coordinator.ts";
import type {
  HeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupResult,
  LeavingMember,
  SyncGroupRequest,
  SyncGroupResult,
} from "./group-types.ts";
import type { OffsetCommitRequest, OffsetFetchResultPartition } from "./offset-types.ts";

export const GROUP = "group";
export const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

export interface HarnessOptions {
  readonly config?: Partial<GroupCoordinatorConfig>;
  readonly shards?: number;
  readonly seed?: number;
  readonly memberBytes?: number;
  readonly begunGroups?: number;
}

/** A request that may still wait. */
export interface Pending<Result> {
  readonly promise: Promise<Result>;
  /** null while it waits. */
  answer(): Result | null;
}

export class CoordinatorHarness {
  readonly clock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly log: MemoryCoordinatorLog;
  readonly config: GroupCoordinatorConfig;
  /** Topics that exist: id and partition count by name. */
  readonly topics = new Map([["topic", { topicId: TOPIC_ID, partitions: 3 }]]);
  readonly warnings: string[] = [];
  completedRebalances = 0;
  readonly #bounds: Pick<HarnessOptions, "memberBytes" | "begunGroups">;
  coordinator: GroupCoordinator;

  constructor({ config = {}, shards = 1, seed = 1, ...bounds }: HarnessOptions = {}) {
    this.#bounds = bounds;
    this.random = new SeededRandom(seed);
    this.log = new MemoryCoordinatorLog({ shards, now: () => this.clock.now() });
    this.config = { ...DEFAULT_GROUP_COORDINATOR_CONFIG, ...config };
    this.coordinator = this.#newCoordinator();
  }

  static async start(options: HarnessOptions = {}): Promise<CoordinatorHarness> {
    const harness = new CoordinatorHarness(options);
    await harness.coordinator.load();
    return harness;
  }

  /** Ends the coordinator as kill −9 does, and starts another one on what it left behind. */
  async restart(): Promise<void> {
    this.log.crash();
    // Not awaited: what was held is never answered. Waiting clients lose their connection, here by an answer.
    void this.coordinator.close();
    await this.settle();
    this.coordinator = this.#newCoordinator();
    await this.coordinator.load();
  }

  /** Lets everything run that does not wait for the clock. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(0);
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms);
  }

  join(fields: Partial<JoinGroupRequest> = {}): Pending<JoinGroupResult> {
    return pending(this.coordinator.joinGroup(joinRequest(fields)));
  }

  sync(fields: Partial<SyncGroupRequest> = {}): Pending<SyncGroupResult> {
    return pending(this.coordinator.syncGroup(syncRequest(fields)));
  }

  heartbeat(fields: Partial<HeartbeatRequest>): GroupErrorName {
    return this.coordinator.heartbeat({
      groupId: GROUP,
      generationId: 1,
      memberId: "",
      groupInstanceId: null,
      ...fields,
    });
  }

  leave(...members: Partial<LeavingMember>[]): Promise<LeaveGroupResult> {
    return this.coordinator.leaveGroup({
      groupId: GROUP,
      members: members.map((member) => ({
        memberId: "",
        groupInstanceId: null,
        reason: null,
        ...member,
      })),
    });
  }

  /** Commits `offset` to partition 0 of `topic`; the answer of that partition. */
  async commit(
    offset: number,
    fields: Partial<OffsetCommitRequest> & {
      readonly metadata?: string;
      readonly epoch?: number;
    } = {},
  ): Promise<GroupErrorName> {
    const { topics } = await this.coordinator.commitOffsets(commitRequest(offset, fields));
    return topics[0]!.partitions[0]!.error;
  }

  /** What is committed for a partition. */
  async fetch(
    partition = 0,
    topic = "topic",
    groupId = GROUP,
  ): Promise<OffsetFetchResultPartition> {
    const { groups } = await this.coordinator.fetchOffsets({
      requireStable: true,
      groups: [
        {
          groupId,
          memberId: null,
          memberEpoch: -1,
          topics: [{ name: topic, topicId: null, partitionIndexes: [partition] }],
        },
      ],
    });
    return groups[0]!.topics[0]!.partitions[0]!;
  }

  async committed(partition = 0, topic = "topic", groupId = GROUP): Promise<number> {
    return (await this.fetch(partition, topic, groupId)).committedOffset;
  }

  get state(): string {
    return this.coordinator.describeGroups([GROUP])[0]!.groupState;
  }

  /** Brings `count` dynamic members into a stable group; the first leads. */
  async stableMembers(
    count: number,
    fields: Partial<JoinGroupRequest> = {},
  ): Promise<JoinGroupResult[]> {
    return this.stable(...Array.from({ length: count }, () => fields));
  }

  /** Brings a member with each of these fields into a stable group. */
  async stable(...members: Partial<JoinGroupRequest>[]): Promise<JoinGroupResult[]> {
    const joins = members.map((fields) => this.join(fields));
    await this.advance(this.config.groupInitialRebalanceDelayMs * 2);
    const joined = await Promise.all(joins.map((join) => join.promise));
    await this.syncAll(joined);
    return joined;
  }

  /** Syncs the members of a generation; each is assigned its own member id. */
  async syncAll(joined: readonly JoinGroupResult[]): Promise<SyncGroupResult[]> {
    const syncs = joined.map(({ memberId, generationId, members, leader }) => {
      const assignments =
        memberId === leader
          ? members.map((member) => ({
              memberId: member.memberId,
              assignment: Buffer.from(member.memberId),
            }))
          : [];
      return this.sync({ memberId, generationId, assignments });
    });
    await this.settle();
    return Promise.all(syncs.map((sync) => sync.promise));
  }

  #newCoordinator(): GroupCoordinator {
    const { clock, random, log, config, topics } = this;
    return new GroupCoordinator({
      ...this.#bounds,
      clock,
      random,
      log,
      config,
      topics: {
        partitionCount: (name) => topics.get(name)?.partitions ?? null,
        topicId: (name) => topics.get(name)?.topicId ?? null,
        topicName: (id) => {
          for (const [name, { topicId }] of topics) if (topicId === id) return name;
          return null;
        },
      },
      probe: {
        rebalanceCompleted: () => {
          this.completedRebalances++;
        },
        offsetsCommitted: () => {},
        offsetsExpired: () => {},
        offsetsDeleted: () => {},
        shardLoaded: () => {},
        warning: (message) => this.warnings.push(message),
      },
    });
  }
}

export function joinRequest(fields: Partial<JoinGroupRequest> = {}): JoinGroupRequest {
  return {
    groupId: GROUP,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: subscription(["topic"]) }],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    reason: null,
    clientId: "client",
    clientHost: "/127.0.0.1",
    requiresKnownMemberId: false,
    supportsSkippingAssignment: true,
    ...fields,
  };
}

export function syncRequest(fields: Partial<SyncGroupRequest> = {}): SyncGroupRequest {
  return {
    groupId: GROUP,
    generationId: 1,
    memberId: "",
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
    ...fields,
  };
}

export function commitRequest(
  offset: number,
  {
    metadata = "",
    epoch = -1,
    ...fields
  }: Partial<OffsetCommitRequest> & { readonly metadata?: string; readonly epoch?: number } = {},
): OffsetCommitRequest {
  return {
    groupId: GROUP,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    groupInstanceId: null,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    topics: [
      {
        name: "topic",
        topicId: null,
        partitions: [
          {
            partitionIndex: 0,
            committedOffset: offset,
            committedLeaderEpoch: epoch,
            committedMetadata: metadata,
          },
        ],
      },
    ],
    ...fields,
  };
}

/** A consumer protocol subscription, version 0. */
export function subscription(topics: readonly string[]): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32BE(topics.length, 2);
  const names = topics.flatMap((topic) => {
    const size = Buffer.alloc(2);
    size.writeInt16BE(Buffer.byteLength(topic));
    return [size, Buffer.from(topic)];
  });
  return Buffer.concat([head, ...names, Buffer.alloc(4, 0xff)]);
}

export function pending<Result>(promise: Promise<Result>): Pending<Result> {
  let result: Result | null = null;
  void promise.then((answer) => {
    result = answer;
  });
  return { promise, answer: () => result };
}
