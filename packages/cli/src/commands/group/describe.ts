import type { Client, TopicPartition } from "@ottla/client";
import type { AnyGroup, AnyMember } from "../../cluster/group-types.ts";
import { boundsOf, inOrder, missingGroup } from "../../cluster/groups.ts";
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
    "Groups of any type. The lag is the number of offsets between what is committed and the end of the partition; share groups count what is not done.",
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

interface Described extends Omit<AnyGroup, "epoch"> {
  /** Null for classic groups. */
  readonly groupEpoch: number | null;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    /** Null where nothing is committed; of share groups the first offset that is not done. */
    readonly committedOffset: number | null;
    /** Null for a partition that is gone. */
    readonly endOffset: number | null;
    readonly lag: number | null;
    /** The members that have it: more than one in share groups alone. */
    readonly memberIds: readonly string[];
    readonly memberId: string | null;
    readonly clientId: string | null;
    readonly host: string | null;
  }[];
}

async function describe(client: Client, groupId: string): Promise<Described> {
  const { describeAnyGroup, groupOffsets } = await import("../../cluster/group-types.ts");
  const { epoch, ...group } = await describeAnyGroup(client, groupId);
  const committed = await groupOffsets(client, group);
  if (group.state === "Dead" && committed.length === 0) throw await missingGroup(client, groupId);
  const offsets = new PartitionMap(committed.map((each) => [each, each]));
  const owners = new PartitionMap<AnyMember[]>();
  const all: TopicPartition[] = [];
  for (const member of group.members) {
    for (const place of member.partitions) {
      const own = owners.get(place);
      if (own === undefined) {
        owners.set(place, [member]);
        all.push(place);
      } else own.push(member);
    }
  }
  all.push(...committed.filter((place) => owners.get(place) === undefined));
  all.sort(inOrder);
  const bounds = await boundsOf(client, all);
  return {
    ...group,
    groupEpoch: epoch,
    partitions: all.map(({ topic, partition }) => {
      const place = { topic, partition };
      const own = offsets.get(place);
      const endOffset = bounds.get(place)?.end ?? null;
      const members = owners.get(place) ?? [];
      const owner = members.length === 1 ? members[0]! : null;
      return {
        ...place,
        committedOffset: own?.offset ?? null,
        endOffset,
        lag:
          own === undefined || endOffset === null
            ? null
            : (own.lag ?? Math.max(0, endOffset - own.offset)),
        memberIds: members.map(({ memberId }) => memberId),
        memberId: owner?.memberId ?? null,
        clientId: owner?.clientId ?? null,
        host: owner?.host ?? null,
      };
    }),
  };
}

function textOf(described: Described): string {
  const { groupId, type, state, assignor, groupEpoch, members, partitions } = described;
  const isClassic = type === "classic";
  const lags = partitions.flatMap(({ lag }) => (lag === null ? [] : [lag]));
  const parts = [
    fields([
      ["Group", groupId],
      ["Type", type],
      ["State", state],
      ...(groupEpoch === null ? [] : [["Epoch", groupEpoch] as const]),
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
          {
            title: "member",
            cell: ({ memberId, memberIds }) =>
              memberIds.length > 1 ? `${memberIds.length} members` : memberId,
          },
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
          ...(isClassic
            ? []
            : [{ title: "epoch", align: "right", cell: (row: AnyMember) => row.epoch } as const]),
          { title: "partitions", align: "right", cell: (row) => row.partitions.length },
          // A member that gives partitions up or waits for others to do so is on its way.
          ...(members.every(({ targetPartitions }) => targetPartitions === null)
            ? []
            : [
                {
                  title: "target",
                  align: "right",
                  cell: (row: AnyMember) => row.targetPartitions?.length ?? null,
                } as const,
              ]),
        ],
        members,
      ),
    );
  }
  return parts.join("\n");
}
