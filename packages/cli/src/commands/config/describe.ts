import type { ConfigEntry } from "@ottla/client";
import { configResource, resourceText } from "../../cluster/config-resource.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, repeated, someArguments } from "../../command-line/option.ts";
import { text } from "../../command-line/value.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

export const describeConfigs = defineCommand({
  description: "Shows what was set; with --all also what holds by default.",
  arguments: [
    someArguments("RESOURCE", "topic:orders, broker:1, broker, group:billing", configResource),
  ],
  options: {
    all: flag({ about: "All settings, not only those that differ from the defaults", short: "a" }),
    key: repeated(text, { about: "Only this setting", placeholder: "KEY", short: "k" }),
    synonyms: flag({ about: "Where else each value could come from, strongest first" }),
    documentation: flag({ about: "What each setting means, as far as the broker says" }),
    ...clusterOptions,
  },
  examples: [
    { about: "What was set for a topic", line: "config describe topic:orders" },
    {
      about: "Why a broker has a value",
      line: "config describe broker:1 -k num.io.threads --synonyms",
    },
  ],
  async run({ arguments: [resources], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const answers = orThrow(
        await client.admin.describeConfigs(resources, {
          ...(options.key.length === 0 ? {} : { keys: options.key }),
          includeSynonyms: options.synonyms,
          ...(options.documentation ? { includeDocumentation: true } : {}),
        }),
      );
      const described = answers.map(({ type, name, entries }) => ({
        type,
        name,
        configs: entries
          .filter((entry) => options.all || options.key.length > 0 || isSet(entry))
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map(({ synonyms, documentation, ...entry }) => ({
            ...entry,
            ...(options.synonyms ? { synonyms } : {}),
            ...(options.documentation ? { documentation } : {}),
          })),
      }));
      await print(context, options.output, { resources: described }, () =>
        described.map((each) => `${resourceText(each)}\n${textOf(each.configs)}`).join("\n"),
      );
      return undefined;
    });
  },
});

function isSet({ source }: ConfigEntry): boolean {
  return source !== "default" && source !== "unknown";
}

type Described = Omit<ConfigEntry, "synonyms" | "documentation"> &
  Partial<Pick<ConfigEntry, "synonyms" | "documentation">>;

function textOf(configs: readonly Described[]): string {
  if (configs.length === 0) return "  all by default\n";
  const hasSynonyms = configs.some(({ synonyms }) => synonyms !== undefined);
  const rows = table(
    [
      { title: "  setting", cell: ({ name }) => `  ${name}` },
      { title: "value", cell: ({ value, isSensitive }) => (isSensitive ? "(hidden)" : value) },
      { title: "source", cell: ({ source }) => source },
      ...(hasSynonyms
        ? [
            {
              title: "synonyms",
              cell: ({ synonyms }: Described) =>
                synonyms
                  ?.map(({ source, name, value }) => `${source} ${name}=${value}`)
                  .join(", ") ?? null,
            },
          ]
        : []),
    ],
    configs,
  );
  const texts = configs.flatMap(({ name, documentation }) =>
    documentation ? [`  ${name}: ${documentation}\n`] : [],
  );
  return texts.length === 0 ? rows : `${rows}\n${texts.join("")}`;
}
