import type { Client } from "@ottla/client";
import { clusterOptions, partitionCount } from "../../cluster/options.ts";
import { topicWord } from "../../cluster/topic-pattern.ts";
import { awaitLeaders, existingTopics } from "../../cluster/topics.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, optional, repeated, someArguments } from "../../command-line/option.ts";
import { pair, text } from "../../command-line/value.ts";
import { UsageFailure } from "../../errors.ts";
import { print } from "../../output/document.ts";
import { counted } from "../../output/units.ts";

export const alterTopic = defineCommand({
  description: "The broker checks all changes before the first one is made.",
  arguments: [someArguments("TOPIC", "Name of a topic, or a pattern such as orders-*", topicWord)],
  options: {
    partitions: optional(partitionCount, {
      about: "How many partitions there shall be; more than now",
      placeholder: "N",
      short: "p",
    }),
    config: repeated(pair, {
      about: "A setting to change",
      placeholder: "KEY=VALUE",
      short: "c",
    }),
    deleteConfig: repeated(text, {
      about: "A setting to take back to its default",
      placeholder: "KEY",
    }),
    dryRun: flag({ about: "Let the broker check it all and change nothing" }),
    ...clusterOptions,
  },
  examples: [
    { about: "Keep records for a day", line: "topic alter orders -c retention.ms=86400000" },
    { about: "Grow to twelve partitions", line: "topic alter orders --partitions 12" },
  ],
  async run({ arguments: [words], options }, context) {
    const { partitions } = options;
    const changes = [
      ...options.config.map(([name, value]) => ({ name, value, operation: "set" as const })),
      ...options.deleteConfig.map((name) => ({ name, operation: "delete" as const })),
    ];
    if (partitions === null && changes.length === 0) {
      throw new UsageFailure("nothing to change", [
        "Give --partitions, --config or --delete-config.",
      ]);
    }
    return await withClient(options, context, async (client) => {
      const topics = await existingTopics(client, words);
      const wanted = topics.map(({ name }) => ({ name, partitions, changes }));
      await apply(client, wanted, true);
      if (!options.dryRun) {
        await apply(client, wanted, false);
        if (partitions !== null) {
          await awaitLeaders(
            client,
            topics.map(({ name }) => name),
            context,
          );
        }
      }
      const result = {
        dryRun: options.dryRun,
        topics: wanted.map(({ name }) => ({
          name,
          ...(partitions === null ? {} : { partitions }),
          configs: Object.fromEntries(
            changes.map((change) => [change.name, "value" in change ? change.value : null]),
          ),
        })),
      };
      await print(context, options.output, result, () => {
        const what = [
          ...(partitions === null ? [] : [counted(partitions, "partition")]),
          ...changes.map((change) =>
            "value" in change ? `${change.name}=${change.value}` : `${change.name} by default`,
          ),
        ].join(", ");
        const verb = options.dryRun ? "would alter" : "altered";
        return topics.map(({ name }) => `${verb} ${name}: ${what}\n`).join("");
      });
      return undefined;
    });
  },
});

interface Wanted {
  readonly name: string;
  readonly partitions: number | null;
  readonly changes: readonly {
    readonly name: string;
    readonly value?: string;
    readonly operation: "set" | "delete";
  }[];
}

async function apply(
  { admin }: Client,
  wanted: readonly Wanted[],
  validateOnly: boolean,
): Promise<void> {
  const { orThrow } = await import("@ottla/client");
  const altered = wanted.filter(({ changes }) => changes.length > 0);
  if (altered.length > 0) {
    const resources = altered.map(({ name, changes }) => ({
      type: "topic" as const,
      name,
      changes,
    }));
    orThrow(await admin.incrementalAlterConfigs(resources, { validateOnly }));
  }
  const grown = wanted.flatMap(({ name, partitions }) =>
    partitions === null ? [] : [{ name, count: partitions }],
  );
  if (grown.length > 0) orThrow(await admin.createPartitions(grown, { validateOnly }));
}
