/** Describes configurations (AD4). v3: types and documentation, of which we have none. */
import {
  type ConfigEntry,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeClientMetricsConfigs,
  describeGroupConfigs,
  describeTopicConfigs,
} from "@ottla/metadata";
import { type DescribeConfigsRequest, describeConfigs, errorCode } from "@ottla/protocol";
import { BROKER_LOGGER, brokerIdOf, configResource, currentConfigs } from "../config-resources.ts";
import { metadataError } from "../error-codes.ts";
import { handler, type RequestContext } from "../handler.ts";

type Resource = DescribeConfigsRequest["resources"][number];

export const describeConfigsHandler = handler({
  api: describeConfigs,

  handle(context, { resources, includeSynonyms }) {
    const results = resources.map((resource) => {
      const { resourceType, resourceName } = resource;
      try {
        const configs = entriesOf(context, resource).map((entry) => ({
          name: entry.name,
          value: entry.value,
          readOnly: entry.readOnly,
          configSource: entry.source,
          isSensitive: entry.isSensitive,
          synonyms: includeSynonyms ? entry.synonyms : [],
          configType: entry.type,
          documentation: null,
        }));
        return { errorCode: 0, errorMessage: "", resourceType, resourceName, configs };
      } catch (cause) {
        const { error, message } = metadataError(cause);
        return {
          errorCode: errorCode(error),
          errorMessage: message,
          resourceType,
          resourceName,
          configs: [],
        };
      }
    });
    return { results };
  },
});

function entriesOf(context: RequestContext, resource: Resource): readonly ConfigEntry[] {
  const { config } = context.services;
  const keys = resource.configurationKeys;
  if (resource.resourceType === BROKER_LOGGER) {
    brokerIdOf(context, resource.resourceName);
    return [];
  }
  const named = configResource(resource);
  const current = currentConfigs(context, named);
  const broker = config(context.broker.id);
  switch (named.type) {
    case "topic":
      return describeTopicConfigs(broker, current, keys);
    case "broker": {
      const id = brokerIdOf(context, named.name);
      return id === null
        ? describeBrokerDefaults(broker, keys)
        : describeBrokerConfigs(config(id), keys);
    }
    case "group":
      return describeGroupConfigs(broker, current, keys);
    case "client-metrics":
      return describeClientMetricsConfigs(current, keys);
  }
}
