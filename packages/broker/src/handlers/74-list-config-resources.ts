/** Lists the resources that have or may have configurations (KIP-1142). v0: only client metrics; v1: of the types asked for, or of all. */
import { errorCode, listConfigResources } from "@ottla/protocol";
import { BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC } from "../config-resources.ts";
import { handler, type RequestContext } from "../handler.ts";

const UNSUPPORTED_VERSION = errorCode("UNSUPPORTED_VERSION");
/** In the order in which they are answered. */
const TYPES: readonly number[] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

export const listConfigResourcesHandler = handler({
  api: listConfigResources,

  handle(context, { resourceTypes }) {
    const asked = context.version === 0 ? [CLIENT_METRICS] : resourceTypes;
    if (asked.some((type) => !TYPES.includes(type))) {
      return { errorCode: UNSUPPORTED_VERSION, configResources: [] };
    }
    const types = asked.length === 0 ? TYPES : TYPES.filter((type) => asked.includes(type));
    const configResources = types.flatMap((resourceType) =>
      Array.from(namesOf(context, resourceType), (resourceName) => ({
        resourceName,
        resourceType,
      })),
    );
    return { errorCode: 0, configResources };
  },
});

function namesOf({ services }: RequestContext, type: number): Iterable<string> {
  const { image } = services.store;
  switch (type) {
    case GROUP:
      return image.configuredResources("group");
    case CLIENT_METRICS:
      return image.configuredResources("client-metrics");
    case TOPIC:
      return Array.from(image.topics(), ({ name }) => name);
    default:
      return services.cluster.brokerIds.map(String);
  }
}
