import { clusterOptions } from "../../cluster/options.ts";
import { combinedPattern, topicWord } from "../../cluster/topic-pattern.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { anyArguments, flag } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

export const listTopics = defineCommand({
  arguments: [anyArguments("PATTERN", "Only topics like orders-* or /orders-(eu|us)/", topicWord)],
  options: {
    internal: flag({ about: "Also those that brokers keep for themselves" }),
    ...clusterOptions,
  },
  examples: [
    { about: "All topics of a cluster", line: "topic list -b broker.example:9092" },
    { about: "Some of them", line: "topic list 'orders-*'" },
  ],
  async run({ arguments: [patterns], options }, context) {
    const wanted = patterns.length === 0 ? null : combinedPattern(patterns);
    return await withClient(options, context, async (client) => {
      const all = await client.admin.listTopics();
      const topics = all
        .filter(({ isInternal }) => options.internal || !isInternal)
        .filter(({ name }) => wanted?.test(name) ?? true)
        .map(({ name, topicId, isInternal, partitionCount }) => ({
          name,
          topicId,
          internal: isInternal,
          partitions: partitionCount,
        }));
      await print(context, options.output, { topics }, () =>
        topics.length === 0
          ? ""
          : table(
              [
                { title: "topic", cell: ({ name }) => name },
                { title: "partitions", align: "right", cell: ({ partitions }) => partitions },
                { title: "id", cell: ({ topicId }) => topicId },
              ],
              topics,
            ),
      );
      if (topics.length === 0 && options.output === "text") {
        await context.stderr.write(
          all.length === 0
            ? `no topics yet; "${context.program} topic create NAME" makes one\n`
            : "no such topics\n",
        );
      }
      return undefined;
    });
  },
});
