import { readFile } from "node:fs/promises";
import { type PlannedOffset, parsePlan, planText } from "../../cluster/offset-plan.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { PartitionMap, partitionSelection, selectedPartitions } from "../../cluster/partitions.ts";
import {
  plannedMoves,
  type ResetTarget,
  resetTarget,
  targetOptions,
} from "../../cluster/reset-target.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { argument, flag, repeated } from "../../command-line/option.ts";
import { didYouMean } from "../../command-line/suggest.ts";
import { CommandFailure, UsageFailure } from "../../errors.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

export const resetGroup = defineCommand({
  description:
    "Shows where the group would start; does it with --execute. The group must have no members. Offsets outside the partition are taken to its nearest end.",
  arguments: [argument("GROUP", "Id of the group; a new one is made where there is none")],
  options: {
    topic: repeated(partitionSelection, {
      about: "A topic, a pattern such as orders-*, or some partitions: orders:0,2",
      placeholder: "TOPIC[:PARTITIONS]",
      short: "t",
    }),
    allTopics: flag({ about: "All partitions the group has committed offsets for" }),
    ...targetOptions,
    execute: flag({ about: "Do it" }),
    dryRun: flag({ about: "Only show it, as without --execute" }),
    export: flag({ about: "Print it as a plan for --from-file" }),
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
    {
      about: "Keep where the group is",
      line: "group reset billing --all-topics --to-current --export > plan.csv",
    },
    { about: "Bring it back there", line: "group reset billing --from-file plan.csv --execute" },
  ],
  async run({ arguments: [groupId], options }, context) {
    const target = resetTarget(options, context.clock.now());
    if (options.execute && options.dryRun) {
      throw new UsageFailure("--execute and --dry-run contradict each other");
    }
    if (options.export && options.output === "json") {
      throw new UsageFailure("--export prints lines, not JSON");
    }
    const names = Number(options.allTopics) + Number(options.topic.length > 0);
    if (target.kind === "plan" && names > 0) {
      throw new UsageFailure("--from-file says which partitions by itself");
    }
    if (target.kind !== "plan" && names !== 1) {
      throw new UsageFailure("say which partitions: --topic TOPIC, or --all-topics");
    }
    const planned = await readPlan(target, groupId);
    return await withClient(options, context, async (client) => {
      const { describeAnyGroup, groupOffsets, moveGroup } = await import(
        "../../cluster/group-types.ts"
      );
      const group = await describeAnyGroup(client, groupId);
      const { state } = group;
      if (state !== "Empty" && state !== "Dead") {
        throw new CommandFailure(
          `group "${groupId}" is ${state}: offsets can only be moved while it has no members`,
          { hints: ["Stop its members first."] },
        );
      }
      const committed = await groupOffsets(client, group);
      if (options.allTopics && committed.length === 0) {
        const ids = (await client.admin.listGroups()).map((group) => group.groupId);
        throw new CommandFailure(`group "${groupId}" has committed nothing`, {
          hints: didYouMean(groupId, ids),
        });
      }
      const named = options.allTopics ? committed : planned;
      const moves = await plannedMoves(client, {
        partitions:
          options.topic.length > 0
            ? await selectedPartitions(client, options.topic)
            : named.map(({ topic, partition }) => ({ topic, partition })),
        committed: new PartitionMap(committed.map((each) => [each, each.offset])),
        target,
        planned,
      });
      const offsets = moves.map(({ topic, partition, newOffset: offset }) => ({
        topic,
        partition,
        offset,
      }));
      if (options.execute) await moveGroup(client, group, offsets);
      const result = { groupId, executed: options.execute, partitions: moves };
      await print(context, options.output, result, () =>
        options.export
          ? planText(offsets)
          : table(
              [
                { title: "topic", cell: (row) => row.topic },
                { title: "partition", align: "right", cell: (row) => row.partition },
                { title: "committed", align: "right", cell: (row) => row.committedOffset },
                { title: "new", align: "right", cell: (row) => row.newOffset },
              ],
              moves,
            ),
      );
      if (!options.execute && !options.export && options.output === "text") {
        await context.stderr.write("nothing changed; add --execute to do it\n");
      }
      return undefined;
    });
  },
});

async function readPlan(target: ResetTarget, groupId: string): Promise<readonly PlannedOffset[]> {
  if (target.kind !== "plan") return [];
  try {
    return parsePlan(await readFile(target.path, "utf8"), groupId);
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw new CommandFailure(`cannot read ${target.path}: ${(cause as Error).message}`, { cause });
  }
}
