/**
 * Groups of every type in one shape: classic ones, those of KIP-848 (`consumer`), share groups (KIP-932) and streams groups (KIP-1071), with
 * the epochs and target assignments of the newer types, for which the client's admin has no place. Loaded by commands that look at groups.
 */
import type { Client, GroupDescription, TopicPartition } from "@ottla/client";
import {
  type ConsumerGroupDescribeResponse,
  consumerGroupDescribe,
  type ShareGroupDescribeResponse,
  type StreamsGroupDescribeResponse,
  shareGroupDescribe,
  streamsGroupDescribe,
} from "@ottla/protocol";
import { askCoordinator, throwIfError } from "./coordinator.ts";
import { committedOffsets, inOrder } from "./groups.ts";

export type GroupType = "classic" | "consumer" | "share" | "streams";

export interface AnyGroup {
  readonly groupId: string;
  readonly type: GroupType;
  /** `Dead` for a group that is not there. */
  readonly state: string;
  readonly protocolType: string;
  /** Empty where there is none. */
  readonly assignor: string;
  /** Null for classic groups, which have generations that nobody tells. */
  readonly epoch: number | null;
  readonly members: readonly AnyMember[];
}

export interface AnyMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly epoch: number | null;
  /** What it asked for: names, or a pattern between slashes; null where that cannot be read. */
  readonly topics: readonly string[] | null;
  /** What it has. */
  readonly partitions: readonly TopicPartition[];
  /** What it is to have, when that is something else. */
  readonly targetPartitions: readonly TopicPartition[] | null;
}

/** Any group by its id; one that is not there is a classic one that is `Dead`. */
export async function describeAnyGroup(client: Client, groupId: string): Promise<AnyGroup> {
  const [found] = await client.admin.describeGroups([groupId]);
  const body = { groupIds: [groupId], includeAuthorizedOperations: false };
  switch (await typeOf(client, found!)) {
    case "consumer": {
      const { groups } = await askCoordinator(client, groupId, consumerGroupDescribe, body);
      return fromConsumer(only(groups));
    }
    case "share": {
      const { groups } = await askCoordinator(client, groupId, shareGroupDescribe, body);
      return fromShare(only(groups));
    }
    case "streams": {
      const { groups } = await askCoordinator(client, groupId, streamsGroupDescribe, body);
      return fromStreams(only(groups));
    }
    default:
      return fromClassic(found!);
  }
}

/** Streams groups answer to nobody who asks about other types: to the client they are not there. */
async function typeOf(client: Client, { groupId, type, error }: GroupDescription) {
  if (error === null) return type;
  if (error.error !== "GROUP_ID_NOT_FOUND") throw error;
  const listed = (await client.admin.listGroups()).find((each) => each.groupId === groupId);
  return listed?.type ?? type;
}

/** The answer about one group. @throws {BrokerError} when it is an error */
function only<
  G extends {
    readonly groupId: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  },
>(groups: readonly G[]): G {
  const [group] = groups;
  throwIfError(group!.errorCode, `group ${group!.groupId}`, group!.errorMessage);
  return group!;
}

type ConsumerGroup = ConsumerGroupDescribeResponse["groups"][number];
type ShareGroup = ShareGroupDescribeResponse["groups"][number];
type StreamsGroup = StreamsGroupDescribeResponse["groups"][number];

function fromClassic(group: GroupDescription): AnyGroup {
  return {
    groupId: group.groupId,
    type: "classic",
    state: group.state,
    protocolType: group.protocolType,
    assignor: group.protocol,
    epoch: null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      epoch: null,
      topics: member.topics,
      partitions: [...(member.assignment ?? [])]
        .flatMap(([topic, numbers]) => numbers.map((partition) => ({ topic, partition })))
        .sort(inOrder),
      targetPartitions: null,
    })),
  };
}

function fromConsumer(group: ConsumerGroup): AnyGroup {
  return {
    ...common(group, "consumer"),
    assignor: group.assignorName,
    members: group.members.map((member) => {
      const partitions = assigned(member.assignment);
      const target = assigned(member.targetAssignment);
      const { subscribedTopicRegex: pattern } = member;
      return {
        ...memberOf(member),
        instanceId: member.instanceId,
        topics: [
          ...member.subscribedTopicNames,
          ...(pattern === null || pattern === "" ? [] : [`/${pattern}/`]),
        ],
        partitions,
        targetPartitions: isSame(partitions, target) ? null : target,
      };
    }),
  };
}

function fromShare(group: ShareGroup): AnyGroup {
  return {
    ...common(group, "share"),
    assignor: group.assignorName,
    members: group.members.map((member) => ({
      ...memberOf(member),
      instanceId: null,
      topics: member.subscribedTopicNames,
      partitions: assigned(member.assignment),
      targetPartitions: null,
    })),
  };
}

/** A task reads the partition of its number of every topic its sub-topology has. */
function fromStreams(group: StreamsGroup): AnyGroup {
  const topics = new Map(
    (group.topology?.subtopologies ?? []).map((each) => [
      each.subtopologyId,
      [...each.sourceTopics, ...each.repartitionSourceTopics.map(({ name }) => name)],
    ]),
  );
  const partitionsOf = (tasks: StreamsGroup["members"][number]["assignment"]["activeTasks"]) =>
    tasks
      .flatMap(({ subtopologyId, partitions }) =>
        (topics.get(subtopologyId) ?? []).flatMap((topic) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      )
      .sort(inOrder);
  return {
    ...common(group, "streams"),
    assignor: "",
    members: group.members.map((member) => {
      const partitions = partitionsOf(member.assignment.activeTasks);
      const target = partitionsOf(member.targetAssignment.activeTasks);
      return {
        ...memberOf(member),
        instanceId: member.instanceId,
        topics: null,
        partitions,
        targetPartitions: isSame(partitions, target) ? null : target,
      };
    }),
  };
}

function common<T extends GroupType>(
  group: { readonly groupId: string; readonly groupState: string; readonly groupEpoch: number },
  type: T,
) {
  return {
    groupId: group.groupId,
    type,
    state: group.groupState,
    protocolType: type,
    epoch: group.groupEpoch,
  };
}

function memberOf(member: {
  readonly memberId: string;
  readonly clientId: string;
  readonly clientHost: string;
  readonly memberEpoch: number;
}) {
  const { memberId, clientId, clientHost: host, memberEpoch: epoch } = member;
  return { memberId, clientId, host, epoch };
}

function assigned(assignment: ConsumerGroup["members"][number]["assignment"]): TopicPartition[] {
  return assignment.topicPartitions
    .flatMap(({ topicName: topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    .sort(inOrder);
}

function isSame(a: readonly TopicPartition[], b: readonly TopicPartition[]): boolean {
  return a.length === b.length && a.every((each, index) => inOrder(each, b[index]!) === 0);
}

export interface GroupOffset extends TopicPartition {
  /** The next offset to read; of share groups the first that is not done. */
  readonly offset: number;
  /** As the coordinator counts it, or null where it does not. */
  readonly lag: number | null;
}

/** Where the group is, in each partition it has been to. */
export async function groupOffsets(
  client: Client,
  { groupId, type }: Pick<AnyGroup, "groupId" | "type">,
): Promise<readonly GroupOffset[]> {
  if (type !== "share") {
    return (await committedOffsets(client, groupId)).map((each) => ({ ...each, lag: null }));
  }
  const found = await client.admin.describeShareGroupOffsets(groupId);
  return found.flatMap(({ topic, partition, startOffset, lag, error }) =>
    error !== null || startOffset < 0
      ? []
      : [{ topic, partition, offset: startOffset, lag: lag < 0 ? null : lag }],
  );
}

/** Moves a group without members. */
export async function moveGroup(
  client: Client,
  { groupId, type }: Pick<AnyGroup, "groupId" | "type">,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): Promise<void> {
  const { orThrow } = await import("@ottla/client");
  const { admin } = client;
  if (type === "share") orThrow(await admin.alterShareGroupOffsets(groupId, offsets));
  else orThrow(await admin.alterGroupOffsets(groupId, offsets));
}
