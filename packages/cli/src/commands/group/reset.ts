import type { Client, TopicPartition } from "@ottla/client";
import {
  type Bounds,
  boundsOf,
  committedOffsets,
  describeGroup,
  inOrder,
} from "../../cluster/groups.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { PartitionMap, partitionSelection, selectedPartitions } from "../../cluster/partitions.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { argument, flag, optional, repeated, type ValuesOf } from "../../command-line/option.ts";
import { didYouMean } from "../../command-line/suggest.ts";
import { instant, integer } from "../../command-line/value.ts";
import { CommandFailure, UsageFailure } from "../../errors.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

const targetOptions = {
  toEarliest: flag({ about: "To the first record there is" }),
  toLatest: flag({ about: "To the end: skip everything there is" }),
  toOffset: optional(integer({ min: 0 }), { about: "To this offset", placeholder: "OFFSET" }),
  toDatetime: optional(instant, {
    about: "To the first record at or after a time such as 2026-01-31T10:00:00Z",
    placeholder: "TIME",
  }),
  shiftBy: optional(integer(), {
    about: "Forward by N from where it is, or back with -N",
    placeholder: "N",
  }),
};

export const resetGroup = defineCommand({
  description:
    "Shows where the group would start; does it with --execute. The group must have no members. Offsets outside the partition are taken to its nearest end.",
  arguments: [argument("GROUP", "Id of the group; a new one is made where there is none")],
  options: {
    topic: repeated(partitionSelection, {
      about: "A topic, or some of its partitions: orders:0,2",
      placeholder: "TOPIC[:PARTITIONS]",
      short: "t",
    }),
    allTopics: flag({ about: "All partitions the group has committed offsets for" }),
    ...targetOptions,
    execute: flag({ about: "Do it" }),
    dryRun: flag({ about: "Only show it, as without --execute" }),
    ...clusterOptions,
  },
  examples: [
    {
      about: "See what reading everything again would mean",
      line: "group reset billing --topic orders --to-earliest",
    },
    {
      about: "Go back ten records in two partitions",
      line: "group reset billing --topic orders:0,2 --shift-by -10 --execute",
    },
  ],
  async run({ arguments: [groupId], options }, context) {
    const target = targetOf(options);
    if (options.execute && options.dryRun) {
      throw new UsageFailure("--execute and --dry-run contradict each other");
    }
    if (options.allTopics === options.topic.length > 0) {
      throw new UsageFailure("say which partitions: --topic TOPIC, or --all-topics");
    }
    return await withClient(options, context, async (client) => {
      const { state } = await describeGroup(client, groupId);
      if (state !== "Empty" && state !== "Dead") {
        throw new CommandFailure(
          `group "${groupId}" is ${state}: offsets can only be moved while it has no members`,
          { hints: ["Stop its members first."] },
        );
      }
      const committed = await committedOffsets(client, groupId);
      if (options.allTopics && committed.length === 0) {
        const ids = (await client.admin.listGroups()).map((group) => group.groupId);
        throw new CommandFailure(`group "${groupId}" has committed nothing`, {
          hints: didYouMean(groupId, ids),
        });
      }
      const partitions = options.allTopics
        ? committed.map(({ topic, partition }) => ({ topic, partition }))
        : await selectedPartitions(client, options.topic);
      const current = new PartitionMap(committed.map((each) => [each, each.offset]));
      const moves = await plan(client, partitions, current, target);
      if (options.execute) {
        const { orThrow } = await import("@ottla/client");
        orThrow(
          await client.admin.alterGroupOffsets(
            groupId,
            moves.map(({ topic, partition, newOffset }) => ({
              topic,
              partition,
              offset: newOffset,
            })),
          ),
        );
      }
      await print(
        context,
        options.output,
        { groupId, executed: options.execute, partitions: moves },
        () =>
          table(
            [
              { title: "topic", cell: (row) => row.topic },
              { title: "partition", align: "right", cell: (row) => row.partition },
              { title: "committed", align: "right", cell: (row) => row.committedOffset },
              { title: "new", align: "right", cell: (row) => row.newOffset },
            ],
            moves,
          ),
      );
      if (!options.execute && options.output === "text") {
        await context.stderr.write("nothing changed; add --execute to do it\n");
      }
      return undefined;
    });
  },
});

type Target =
  | { readonly kind: "earliest" }
  | { readonly kind: "latest" }
  | { readonly kind: "offset"; readonly offset: number }
  | { readonly kind: "time"; readonly timestampMs: number }
  | { readonly kind: "shift"; readonly by: number };

function targetOf(options: ValuesOf<typeof targetOptions>): Target {
  const { toEarliest, toLatest, toOffset, toDatetime, shiftBy } = options;
  const targets: Target[] = [
    ...(toEarliest ? [{ kind: "earliest" } as const] : []),
    ...(toLatest ? [{ kind: "latest" } as const] : []),
    ...(toOffset === null ? [] : [{ kind: "offset", offset: toOffset } as const]),
    ...(toDatetime === null ? [] : [{ kind: "time", timestampMs: toDatetime } as const]),
    ...(shiftBy === null ? [] : [{ kind: "shift", by: shiftBy } as const]),
  ];
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  throw new UsageFailure(
    "say where to, once: --to-earliest, --to-latest, --to-offset, --to-datetime or --shift-by",
  );
}

interface Move extends TopicPartition {
  readonly committedOffset: number | null;
  readonly newOffset: number;
}

async function plan(
  client: Client,
  partitions: readonly TopicPartition[],
  current: PartitionMap<number>,
  target: Target,
): Promise<readonly Move[]> {
  const bounds = await boundsOf(client, partitions);
  const found = await offsetsAtTime(client, partitions, target);
  return [...partitions].sort(inOrder).map(({ topic, partition }) => {
    const own = bounds.get({ topic, partition });
    if (own === undefined) {
      throw new CommandFailure(`${topic}[${partition}] cannot be asked for its offsets`, {
        hints: ["If it is gone, name the topics that are there with --topic."],
      });
    }
    const committedOffset = current.get({ topic, partition }) ?? null;
    if (target.kind === "shift" && committedOffset === null) {
      throw new CommandFailure(
        `cannot shift ${topic}[${partition}]: the group has committed nothing there`,
      );
    }
    const wanted = wantedOffset(target, own, committedOffset, found.get({ topic, partition }));
    const newOffset = Math.min(Math.max(wanted, own.start), own.end);
    return { topic, partition, committedOffset, newOffset };
  });
}

function wantedOffset(
  target: Target,
  { start, end }: Bounds,
  committed: number | null,
  atTime: number | undefined,
): number {
  switch (target.kind) {
    case "earliest":
      return start;
    case "latest":
      return end;
    case "offset":
      return target.offset;
    case "time":
      return atTime ?? end;
    case "shift":
      return (committed ?? start) + target.by;
  }
}

/** The first offsets at or after the time; none where nothing is that late. */
async function offsetsAtTime(
  { admin }: Client,
  partitions: readonly TopicPartition[],
  target: Target,
): Promise<PartitionMap<number>> {
  if (target.kind !== "time") return new PartitionMap();
  const { orThrow } = await import("@ottla/client");
  const at = target.timestampMs;
  const listed = orThrow(
    await admin.listOffsets(partitions.map(({ topic, partition }) => ({ topic, partition, at }))),
  );
  return new PartitionMap(
    listed.filter(({ offset }) => offset >= 0).map((each) => [each, each.offset]),
  );
}
