import { clusterOptions, partitionCount, replicationFactor } from "../../cluster/options.ts";
import { awaitLeaders, inOrderOf } from "../../cluster/topics.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, optional, repeated, someArguments } from "../../command-line/option.ts";
import { pair } from "../../command-line/value.ts";
import { print } from "../../output/document.ts";
import { counted } from "../../output/units.ts";

export const createTopic = defineCommand({
  arguments: [someArguments("TOPIC", "Name of a new topic")],
  options: {
    partitions: optional(partitionCount, {
      about: "How many partitions",
      placeholder: "N",
      short: "p",
      defaultText: "the broker's num.partitions",
    }),
    replicationFactor: optional(replicationFactor, {
      about: "How many copies",
      placeholder: "N",
      short: "r",
      defaultText: "the broker's",
    }),
    config: repeated(pair, {
      about: "A setting of the topic",
      placeholder: "KEY=VALUE",
      short: "c",
    }),
    ifNotExists: flag({ about: "A topic that exists already is not a failure" }),
    dryRun: flag({ about: "Let the broker check it all and create nothing" }),
    ...clusterOptions,
  },
  examples: [
    { about: "A topic with three partitions", line: "topic create orders --partitions 3" },
    {
      about: "A compacted topic that keeps tombstones for an hour",
      line: "topic create customers -c cleanup.policy=compact -c delete.retention.ms=3600000",
    },
  ],
  async run({ arguments: [names], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const answers = await client.admin.createTopics(
        names.map((name) => ({
          name,
          ...(options.partitions === null ? {} : { partitions: options.partitions }),
          ...(options.replicationFactor === null
            ? {}
            : { replicationFactor: options.replicationFactor }),
          configs: Object.fromEntries(options.config),
        })),
        { validateOnly: options.dryRun },
      );
      const results = inOrderOf(names, answers);
      const isThere = (error: { readonly error: string } | null) =>
        options.ifNotExists && error?.error === "TOPIC_ALREADY_EXISTS";
      const topics = results
        .filter(({ error }) => error === null || isThere(error))
        .map(({ name, topicId, partitions, replicationFactor, error }) => ({
          name,
          created: error === null && !options.dryRun,
          ...(error === null ? { topicId, partitions, replicationFactor } : {}),
        }));
      const created = topics.flatMap((topic) => (topic.created ? [topic.name] : []));
      if (created.length > 0) await awaitLeaders(client, created, context);
      await print(context, options.output, { dryRun: options.dryRun, topics }, () =>
        topics
          .map(({ name, created: isNew, partitions }) => {
            const size =
              partitions === undefined || partitions < 0
                ? ""
                : ` with ${counted(partitions, "partition")}`;
            if (isNew) return `created ${name}${size}\n`;
            return partitions === undefined
              ? `${name} exists already\n`
              : `would create ${name}${size}\n`;
          })
          .join(""),
      );
      orThrow(results.filter(({ error }) => !isThere(error)));
      return undefined;
    });
  },
});
