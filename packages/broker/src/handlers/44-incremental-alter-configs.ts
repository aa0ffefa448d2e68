/** Changes single configuration entries: set, delete, append, subtract (KIP-339, AD6). */
import { applyConfigChanges, CONFIG_OPERATIONS } from "@ottla/metadata";
import { incrementalAlterConfigs } from "@ottla/protocol";
import { alterEach } from "../alter-configs.ts";
import { judgesOf } from "../config-resources.ts";
import { RequestError } from "../error-codes.ts";
import { handler } from "../handler.ts";

export const incrementalAlterConfigsHandler = handler({
  api: incrementalAlterConfigs,
  takesTurns: true,

  async handle(context, { resources, validateOnly }) {
    const responses = await alterEach(
      context,
      resources,
      validateOnly,
      (current, { configs }, resource) => {
        const changes = configs.map(({ name, configOperation, value }) => {
          const operation = CONFIG_OPERATIONS[configOperation];
          if (operation === undefined) {
            throw new RequestError(
              "UNKNOWN_SERVER_ERROR",
              `Unknown operation type ${configOperation}.`,
            );
          }
          return { name, operation, value };
        });
        const [broker] = judgesOf(context, resource);
        return applyConfigChanges(resource.type, current, changes, broker!);
      },
    );
    return { responses };
  },
});
