/** What AlterConfigs and IncrementalAlterConfigs share: each resource stands and fails alone, and may appear only once. */
import type { AlteredConfigs, ConfigResource } from "@ottla/metadata";
import { errorCode } from "@ottla/protocol";
import { alterResource, configResource, type WireResource } from "./config-resources.ts";
import { metadataError, RequestError } from "./error-codes.ts";
import type { RequestContext } from "./handler.ts";
import { repeated } from "./repeated.ts";
import { mapInTurns } from "./turns.ts";

/** @param change works out what a resource's request makes of its current configs. */
export async function alterEach<R extends WireResource>(
  context: RequestContext,
  resources: readonly R[],
  validateOnly: boolean,
  change: (
    current: ReadonlyMap<string, string>,
    resource: R,
    named: ConfigResource,
  ) => AlteredConfigs,
) {
  const duplicates = repeated(resources.map(keyOf));
  return await mapInTurns(resources, async (resource) => {
    const { resourceType, resourceName } = resource;
    try {
      if (duplicates.has(keyOf(resource))) {
        throw new RequestError("INVALID_REQUEST", "Each resource must appear at most once.");
      }
      const named = configResource(resource);
      const changed = (current: ReadonlyMap<string, string>) => change(current, resource, named);
      await alterResource(context, named, changed, validateOnly);
      return { errorCode: 0, errorMessage: null, resourceType, resourceName };
    } catch (cause) {
      const { error, message } = metadataError(cause);
      return {
        errorCode: errorCode(error),
        // What nobody foresaw is told by its code alone.
        errorMessage: error === "UNKNOWN_SERVER_ERROR" ? null : message,
        resourceType,
        resourceName,
      };
    }
  });
}

function keyOf({ resourceType, resourceName }: WireResource): string {
  return `${resourceType}:${resourceName}`;
}
