import type { ConfigChange } from "@ottla/client";
import { configResource, resourceText } from "../../cluster/config-resource.ts";
import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { flag, repeated, someArguments } from "../../command-line/option.ts";
import { pair, text } from "../../command-line/value.ts";
import { UsageFailure } from "../../errors.ts";
import { print } from "../../output/document.ts";

const WORDS = { set: "=", append: "+=", subtract: "-=", delete: " by default" } as const;

export const alterConfigs = defineCommand({
  description:
    "Changes these settings and leaves all others alone. The broker checks all changes first.",
  arguments: [
    someArguments("RESOURCE", "topic:orders, broker:1, broker, group:billing", configResource),
  ],
  options: {
    config: repeated(pair, { about: "Set a value", placeholder: "KEY=VALUE", short: "c" }),
    append: repeated(pair, { about: "Add to a list", placeholder: "KEY=VALUE" }),
    subtract: repeated(pair, { about: "Take out of a list", placeholder: "KEY=VALUE" }),
    deleteConfig: repeated(text, {
      about: "A setting to take back to its default",
      placeholder: "KEY",
    }),
    dryRun: flag({ about: "Let the broker check it all and change nothing" }),
    ...clusterOptions,
  },
  examples: [
    { about: "Keep records for a day", line: "config alter topic:orders -c retention.ms=86400000" },
    { about: "A default of all brokers", line: "config alter broker -c log.cleaner.threads=2" },
  ],
  async run({ arguments: [resources], options }, context) {
    const of =
      (operation: "set" | "append" | "subtract") =>
      ([name, value]: readonly [string, string]) => ({ name, value, operation });
    const changes: Required<Pick<ConfigChange, "name" | "operation">>[] = [
      ...options.config.map(of("set")),
      ...options.append.map(of("append")),
      ...options.subtract.map(of("subtract")),
      ...options.deleteConfig.map((name) => ({ name, operation: "delete" as const })),
    ];
    if (changes.length === 0) {
      throw new UsageFailure("nothing to change", [
        "Give --config, --append, --subtract or --delete-config.",
      ]);
    }
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const wanted = resources.map((resource) => ({ ...resource, changes }));
      const { admin } = client;
      orThrow(await admin.incrementalAlterConfigs(wanted, { validateOnly: true }));
      if (!options.dryRun) orThrow(await admin.incrementalAlterConfigs(wanted));
      const result = { dryRun: options.dryRun, resources: wanted };
      await print(context, options.output, result, () => {
        const verb = options.dryRun ? "would alter" : "altered";
        const what = (changes as readonly ConfigChange[])
          .map(({ name, operation, value }) => `${name}${WORDS[operation ?? "set"]}${value ?? ""}`)
          .join(", ");
        return resources.map((each) => `${verb} ${resourceText(each)}: ${what}\n`).join("");
      });
      return undefined;
    });
  },
});
