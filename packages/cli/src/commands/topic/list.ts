import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

export const listTopics = defineCommand({
  arguments: [],
  options: {
    internal: flag({ about: "Also those that brokers keep for themselves" }),
    ...clusterOptions,
  },
  examples: [{ about: "All topics of a cluster", line: "topic list -b broker.example:9092" }],
  async run({ options }, context) {
    return await withClient(options, context, async (client) => {
      const all = await client.admin.listTopics();
      const topics = all
        .filter(({ isInternal }) => options.internal || !isInternal)
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
          `no topics yet; "${context.program} topic create NAME" makes one\n`,
        );
      }
      return undefined;
    });
  },
});
