import { clusterOptions } from "../../cluster/options.ts";
import { withClient } from "../../cluster/with-client.ts";
import { defineCommand } from "../../command-line/command.ts";
import { repeated } from "../../command-line/option.ts";
import { oneOf, text } from "../../command-line/value.ts";
import { print } from "../../output/document.ts";
import { table } from "../../output/table.ts";

export const listGroups = defineCommand({
  arguments: [],
  options: {
    state: repeated(text, {
      about: "Only groups in this state, such as Stable or Empty",
      placeholder: "STATE",
    }),
    type: repeated(oneOf("classic", "consumer", "share", "streams"), {
      about: "Only groups of this type: classic, consumer, share or streams",
      placeholder: "TYPE",
    }),
    ...clusterOptions,
  },
  examples: [{ about: "Groups without members", line: "group list --state Empty" }],
  async run({ options }, context) {
    return await withClient(options, context, async (client) => {
      const groups = await client.admin.listGroups({
        ...(options.state.length === 0 ? {} : { states: options.state }),
        ...(options.type.length === 0 ? {} : { types: options.type }),
      });
      await print(context, options.output, { groups }, () =>
        groups.length === 0
          ? ""
          : table(
              [
                { title: "group", cell: ({ groupId }) => groupId },
                { title: "state", cell: ({ state }) => state || null },
                { title: "type", cell: ({ type }) => type || null },
                { title: "protocol", cell: ({ protocolType }) => protocolType || null },
              ],
              groups,
            ),
      );
      if (groups.length === 0 && options.output === "text") {
        await context.stderr.write("no groups\n");
      }
      return undefined;
    });
  },
});
