import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { someArguments } from "../../command-line/option.ts";
import { print } from "../../output/document.ts";

export const deleteGroups = defineCommand({
  description: "A group that has members is not deleted.",
  arguments: [someArguments("GROUP", "Id of a group")],
  options: clusterOptions,
  examples: [{ about: "Forget where a group was", line: "group delete billing" }],
  async run({ arguments: [groupIds], options }, context) {
    return await withClient(options, context, async (client) => {
      const { orThrow } = await import("@ottla/client");
      const results = await client.admin.deleteGroups([...new Set(groupIds)]);
      const groups = results
        .filter(({ error }) => error === null)
        .map(({ groupId }) => ({ groupId, deleted: true }));
      await print(context, options.output, { groups }, () =>
        groups.map(({ groupId }) => `deleted group ${groupId}\n`).join(""),
      );
      orThrow(results);
      return undefined;
    });
  },
});
