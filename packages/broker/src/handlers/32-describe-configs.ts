/** Describes configurations (AD4). v3: types and, if asked for, documentation. */
import { type ConfigEntry, type ConfigResource, topicNameProblem } from "@ottla/metadata";
import { type DescribeConfigsRequest, describeConfigs, errorCode } from "@ottla/protocol";
import { ConfigDescriptions } from "../config-descriptions.ts";
import { BROKER_LOGGER, brokerIdOf, configResource, TOPIC } from "../config-resources.ts";
import { metadataError, RequestError } from "../error-codes.ts";
import { CloseConnection, handler, type RequestContext } from "../handler.ts";
import { onceEach } from "../once-each.ts";
import { mapInTurns } from "../turns.ts";

const UNKNOWN_TOPIC_OR_PARTITION = errorCode("UNKNOWN_TOPIC_OR_PARTITION");

type Resource = DescribeConfigsRequest["resources"][number];

export const describeConfigsHandler = handler({
  api: describeConfigs,
  takesTurns: true,

  async handle(context, { resources, includeSynonyms, includeDocumentation }) {
    const descriptions = new ConfigDescriptions(context);
    const show = (entry: ConfigEntry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: entry.readOnly,
      configSource: entry.source,
      isSensitive: entry.isSensitive,
      synonyms: includeSynonyms ? entry.synonyms : [],
      configType: entry.type,
      documentation: includeDocumentation ? entry.documentation : null,
    });
    // Resources with the same settings have the same entries.
    const showAll = onceEach(
      (entries: readonly ConfigEntry[]) => entries.map(show),
      (configs) => configs.reduce((sum, { synonyms }) => sum + synonyms.length, configs.length),
    );
    const results = await mapInTurns(resources, (resource) => {
      const { resourceType, resourceName } = resource;
      if (isUnknownTopic(context, resource)) {
        const unknown = { errorCode: UNKNOWN_TOPIC_OR_PARTITION, errorMessage: "", configs: [] };
        return { ...unknown, resourceType, resourceName };
      }
      try {
        const configs = showAll(entriesOf(context, descriptions, resource));
        return { errorCode: 0, errorMessage: "", resourceType, resourceName, configs };
      } catch (cause) {
        if (cause instanceof CloseConnection) throw cause;
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

/** @throws {RequestError} for a name that no such resource can have. */
function checkName({ type, name }: ConfigResource): void {
  const problem = type === "topic" ? topicNameProblem(name) : null;
  if (problem !== null) throw new RequestError("INVALID_TOPIC_EXCEPTION", problem);
  if (name !== "") return;
  if (type === "group") throw new RequestError("INVALID_REQUEST", "Group name must not be empty");
  if (type === "client-metrics") {
    throw new RequestError("INVALID_REQUEST", "Client metrics subscription name must not be empty");
  }
}

/** A topic that could be but is not: an error without words in Kafka. */
function isUnknownTopic(context: RequestContext, resource: Resource): boolean {
  const { resourceType, resourceName } = resource;
  if (resourceType !== TOPIC || topicNameProblem(resourceName) !== null) return false;
  return context.services.store.image.topic(resourceName) === null;
}

function entriesOf(
  context: RequestContext,
  descriptions: ConfigDescriptions,
  resource: Resource,
): readonly ConfigEntry[] {
  const { configurationKeys } = resource;
  const keys = configurationKeys?.length === 0 ? null : configurationKeys;
  if (resource.resourceType === BROKER_LOGGER) {
    brokerIdOf(context, resource.resourceName);
    return [];
  }
  const named = configResource(resource);
  checkName(named);
  return descriptions.entries(named, keys);
}
