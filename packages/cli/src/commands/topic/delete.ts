import { clusterOptions } from "../../cluster/options.ts";
import { topicWord } from "../../cluster/topic-pattern.ts";
import { existingTopics, inOrderOf, topicNames } from "../../cluster/topics.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, someArguments } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";

export const deleteTopics = defineCommand({
  arguments: [someArguments("TOPIC", "Name of a topic, or a pattern such as orders-*", topicWord)],
  options: {
    dryRun: flag({ about: "Only say which topics it would be" }),
    ifExists: flag({ about: "A topic that does not exist is not a failure" }),
    ...clusterOptions,
  },
  examples: [
    { about: "Delete two topics", line: "topic delete orders payments" },
    { about: "See which topics a pattern means", line: "topic delete 'test-*' --dry-run" },
  ],
  async run({ arguments: [words], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      if (options.dryRun) {
        const topics = (await existingTopics(client, words)).map(({ name }) => ({
          name,
          deleted: false,
        }));
        await print(context, options.output, { topics }, () =>
          topics.map(({ name }) => `would delete ${name}\n`).join(""),
        );
        return undefined;
      }
      const names = await topicNames(client, words);
      const results = inOrderOf(names, await client.admin.deleteTopics(names));
      const isMissing = (error: { readonly error: string } | null) =>
        options.ifExists && error?.error === "UNKNOWN_TOPIC_OR_PARTITION";
      const topics = results
        .filter(({ error }) => error === null || isMissing(error))
        .map(({ name, error }) => ({ name, deleted: error === null }));
      await print(context, options.output, { topics }, () =>
        topics
          .map(({ name, deleted }) => (deleted ? `deleted ${name}\n` : `${name} does not exist\n`))
          .join(""),
      );
      orThrow(results.filter(({ error }) => !isMissing(error)));
      return undefined;
    });
  },
});
