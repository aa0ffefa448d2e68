import type { Client, GroupMemberDescription, TopicPartition } from "@ottla/client";
import {
  boundsOf,
  committedOffsets,
  describeGroup,
  inOrder,
  missingGroup,
} from "../../cluster/groups.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { PartitionMap } from "../../cluster/partitions.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { someArguments } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";
import { fields, table } from "../../output/table.ts";
import { count } from "../../output/units.ts";

export const describeGroups = defineCommand({
  description:
    "The lag is the number of offsets between what is committed and the end of the partition.",
  arguments: [someArguments("GROUP", "Id of a group")],
  options: clusterOptions,
  examples: [{ about: "How far behind a group is", line: "group describe billing" }],
  async run({ arguments: [groupIds], options }, context) {
    return await withClient(options, context, async (client) => {
      const groups = await Promise.all(
        [...new Set(groupIds)].map((groupId) => describe(client, groupId)),
      );
      await print(context, options.output, { groups }, () => groups.map(textOf).join("\n"));
      return undefined;
    });
  },
});

interface Described {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly clientId: string;
    readonly host: string;
    readonly partitions: readonly TopicPartition[];
  }[];
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    /** Null where nothing is committed. */
    readonly committedOffset: number | null;
    /** Null for a partition that is gone. */
    readonly endOffset: number | null;
    readonly lag: number | null;
    readonly memberId: string | null;
    readonly clientId: string | null;
    readonly host: string | null;
  }[];
}

async function describe(client: Client, groupId: string): Promise<Described> {
  const group = await describeGroup(client, groupId);
  const committed = await committedOffsets(client, groupId);
  if (group.state === "Dead" && committed.length === 0) throw await missingGroup(client, groupId);
  const offsets = new PartitionMap(committed.map((each) => [each, each.offset]));
  const owners = new PartitionMap<GroupMemberDescription>();
  const assigned = group.members.flatMap((member) => {
    const partitions = partitionsOf(member);
    for (const partition of partitions) owners.set(partition, member);
    return partitions;
  });
  const all = [
    ...assigned,
    ...committed.filter((partition) => owners.get(partition) === undefined),
  ].sort(inOrder);
  const bounds = await boundsOf(client, all);
  return {
    groupId,
    state: group.state,
    protocolType: group.protocolType,
    assignor: group.protocol,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: partitionsOf(member),
    })),
    partitions: all.map(({ topic, partition }) => {
      const committedOffset = offsets.get({ topic, partition }) ?? null;
      const endOffset = bounds.get({ topic, partition })?.end ?? null;
      const owner = owners.get({ topic, partition });
      return {
        topic,
        partition,
        committedOffset,
        endOffset,
        lag:
          committedOffset === null || endOffset === null
            ? null
            : Math.max(0, endOffset - committedOffset),
        memberId: owner?.memberId ?? null,
        clientId: owner?.clientId ?? null,
        host: owner?.clientHost ?? null,
      };
    }),
  };
}

function partitionsOf({ assignment }: GroupMemberDescription): TopicPartition[] {
  return [...(assignment ?? [])]
    .flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })))
    .sort(inOrder);
}

function textOf({ groupId, state, assignor, members, partitions }: Described): string {
  const lags = partitions.flatMap(({ lag }) => (lag === null ? [] : [lag]));
  const parts = [
    fields([
      ["Group", groupId],
      ["State", state],
      ["Assignor", assignor || "-"],
      ["Members", members.length],
      ["Lag", lags.length === 0 ? "-" : count(lags.reduce((sum, lag) => sum + lag, 0))],
    ]),
  ];
  if (partitions.length > 0) {
    parts.push(
      table(
        [
          { title: "topic", cell: (row) => row.topic },
          { title: "partition", align: "right", cell: (row) => row.partition },
          { title: "committed", align: "right", cell: (row) => row.committedOffset },
          { title: "end", align: "right", cell: (row) => row.endOffset },
          { title: "lag", align: "right", cell: (row) => row.lag },
          { title: "member", cell: (row) => row.memberId },
        ],
        partitions,
      ),
    );
  }
  if (members.length > 0) {
    parts.push(
      table(
        [
          { title: "member", cell: (row) => row.memberId },
          { title: "instance", cell: (row) => row.instanceId },
          { title: "client", cell: (row) => row.clientId },
          { title: "host", cell: (row) => row.host },
          { title: "partitions", align: "right", cell: (row) => row.partitions.length },
        ],
        members,
      ),
    );
  }
  return parts.join("\n");
}
