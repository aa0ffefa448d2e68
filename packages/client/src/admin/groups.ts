import {
  consumerGroupDescribe as consumerGroupDescribeApi,
  deleteGroups as deleteGroupsApi,
  describeGroups as describeGroupsApi,
  listGroups as listGroupsApi,
  shareGroupDescribe as shareGroupDescribeApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import {
  decodeAssignment,
  decodeSubscription,
  type PartitionsByTopic,
} from "../group/subscription.ts";
import type { ItemResult } from "./results.ts";
import { errorOf } from "./topics.ts";

export interface GroupListing {
  readonly groupId: string;
  /** `consumer` for consumer groups, empty for groups that only hold offsets. */
  readonly protocolType: string;
  /** Such as `Stable` or `Empty`; empty on brokers that do not say. */
  readonly state: string;
  /** `classic`, `consumer`, `share` or `streams`; empty on brokers that do not say. */
  readonly type: string;
}

export interface ListGroupsOptions extends CallOptions {
  readonly states?: readonly string[];
  readonly types?: readonly string[];
}

/** The groups of all brokers, by id. */
export async function listGroups(
  cluster: Cluster,
  options: ListGroupsOptions,
): Promise<readonly GroupListing[]> {
  await cluster.retry("Metadata", options, () => cluster.metadata.refresh([], options.signal));
  const answers = await Promise.all(
    cluster.brokers.known.map(({ nodeId }) =>
      cluster.callBroker(
        nodeId,
        listGroupsApi,
        {
          ...(options.states === undefined ? {} : { statesFilter: options.states }),
          ...(options.types === undefined ? {} : { typesFilter: options.types }),
        },
        ({ errorCode }) => throwIfError(errorCode, "ListGroups"),
        options,
      ),
    ),
  );
  const groups = new Map<string, GroupListing>();
  for (const { groupId, protocolType, groupState, groupType } of answers.flatMap((a) => a.groups)) {
    groups.set(groupId, { groupId, protocolType, state: groupState, type: groupType });
  }
  return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

export interface GroupDescription extends ItemResult {
  readonly groupId: string;
  readonly state: string;
  /** Which protocol its members speak. */
  readonly type: "classic" | "consumer" | "share";
  readonly protocolType: string;
  /** The assignor in use, for consumer groups. */
  readonly protocol: string;
  /** Counts changes of the group's members and subscriptions; −1 for classic groups. */
  readonly groupEpoch: number;
  readonly members: readonly GroupMemberDescription[];
}

export interface GroupMemberDescription {
  readonly memberId: string;
  /** −1 in classic groups. */
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** What the member asked for and got, in consumer groups; null where that cannot be read. */
  readonly topics: readonly string[] | null;
  readonly assignment: PartitionsByTopic | null;
  /** What the member is to get once others let go of it, in groups of the `consumer` protocol. */
  readonly targetAssignment: PartitionsByTopic | null;
  /** The pattern that the coordinator matches topics against, if it asked for one. */
  readonly subscribedPattern: string | null;
}

/**
 * State and members of groups of all kinds that are described by their members. An unknown one has state `Dead`, with the error
 * GROUP_ID_NOT_FOUND from newer brokers.
 */
export async function describeGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: CallOptions,
): Promise<readonly GroupDescription[]> {
  return await Promise.all(
    groupIds.map(async (groupId) => {
      const classic = await describeClassic(cluster, groupId, options);
      if (classic.state !== "Dead" && classic.error === null) return classic;
      const { versions } = await cluster.coordinator("group", groupId, "admin", options.signal);
      // A coordinator answers for a group of another kind as if it were unknown.
      for (const [api, type] of NEW_KINDS) {
        if (versions.find(api) < 0) continue;
        const described = await describeNew(cluster, groupId, api, type, options);
        if (described.error === null) return described;
      }
      return classic;
    }),
  );
}

const NEW_KINDS = [
  [consumerGroupDescribeApi, "consumer"],
  [shareGroupDescribeApi, "share"],
] as const;

async function describeNew(
  cluster: Cluster,
  groupId: string,
  api: (typeof NEW_KINDS)[number][0],
  type: "consumer" | "share",
  options: CallOptions,
): Promise<GroupDescription> {
  const { groups } = await cluster.callCoordinator(
    "group",
    groupId,
    api,
    { groupIds: [groupId], includeAuthorizedOperations: false },
    ({ groups: answers }) => {
      const error = errorOf(answers[0]?.errorCode ?? -1, `group ${groupId}`);
      if (error?.retriable === true) throw error;
    },
    options,
  );
  const group = groups[0]!;
  return {
    groupId,
    state: group.groupState,
    type,
    protocolType: type,
    protocol: group.assignorName,
    groupEpoch: group.groupEpoch,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      memberEpoch: member.memberEpoch,
      groupInstanceId: "instanceId" in member ? member.instanceId : null,
      clientId: member.clientId,
      clientHost: member.clientHost,
      topics: member.subscribedTopicNames,
      assignment: byName(member.assignment),
      targetAssignment: "targetAssignment" in member ? byName(member.targetAssignment) : null,
      subscribedPattern:
        "subscribedTopicRegex" in member ? member.subscribedTopicRegex || null : null,
    })),
    error: errorOf(group.errorCode, `group ${groupId}`, group.errorMessage),
  };
}

async function describeClassic(
  cluster: Cluster,
  groupId: string,
  options: CallOptions,
): Promise<GroupDescription> {
  const response = await cluster.callCoordinator(
    "group",
    groupId,
    describeGroupsApi,
    { groups: [groupId] },
    ({ groups }) => {
      const error = errorOf(groups[0]?.errorCode ?? -1, `group ${groupId}`);
      if (error?.retriable === true) throw error;
    },
    options,
  );
  const group = response.groups[0]!;
  const isConsumer = group.protocolType === "consumer";
  return {
    groupId: group.groupId,
    state: group.groupState,
    type: "classic",
    protocolType: group.protocolType,
    protocol: group.protocolData,
    groupEpoch: -1,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      memberEpoch: -1,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      topics: isConsumer ? readable(() => decodeSubscription(member.memberMetadata).topics) : null,
      assignment: isConsumer
        ? readable(() => decodeAssignment(member.memberAssignment).partitions)
        : null,
      targetAssignment: null,
      subscribedPattern: null,
    })),
    error: errorOf(group.errorCode, `group ${groupId}`, group.errorMessage),
  };
}

function byName({
  topicPartitions,
}: {
  readonly topicPartitions: readonly {
    readonly topicName: string;
    readonly partitions: readonly number[];
  }[];
}): PartitionsByTopic {
  return new Map(topicPartitions.map(({ topicName, partitions }) => [topicName, partitions]));
}

/** Members may put what they like into these fields; a group is described all the same. */
function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

export interface DeletedGroup extends ItemResult {
  readonly groupId: string;
}

/** Deletes groups without members and their offsets. */
export async function deleteGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  options: CallOptions,
): Promise<readonly DeletedGroup[]> {
  return await Promise.all(
    groupIds.map(async (groupId) => {
      const response = await cluster.callCoordinator(
        "group",
        groupId,
        deleteGroupsApi,
        { groupsNames: [groupId] },
        ({ results }) => {
          const error = errorOf(results[0]?.errorCode ?? -1, `group ${groupId}`);
          if (error?.retriable === true) throw error;
        },
        options,
      );
      return { groupId, error: errorOf(response.results[0]!.errorCode, `group ${groupId}`) };
    }),
  );
}
