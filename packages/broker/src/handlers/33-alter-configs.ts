/** Replaces whole configurations. */
import { replaceConfigs } from "@ottla/metadata";
import { alterConfigs } from "@ottla/protocol";
import { alterEach } from "../alter-configs.ts";
import { handler } from "../handler.ts";

export const alterConfigsHandler = handler({
  api: alterConfigs,
  takesTurns: true,

  async handle(context, { resources, validateOnly }) {
    const responses = await alterEach(context, resources, validateOnly, (current, { configs }) =>
      replaceConfigs(current, configs),
    );
    return { responses };
  },
});
