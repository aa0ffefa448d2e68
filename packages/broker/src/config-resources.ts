/** Resources of DescribeConfigs, AlterConfigs and IncrementalAlterConfigs: their wire numbers, whether they exist, how a change is checked and made. */
import {
  type AlteredConfigs,
  type BrokerConfig,
  type ConfigResource,
  type ConfigResourceType,
  validateBrokerConfigs,
  validateClientMetricsConfigs,
  validateGroupConfigs,
  validateTopicConfigs,
} from "@ottla/metadata";
import { errorMessage } from "@ottla/protocol";
import { RequestError } from "./error-codes.ts";
import type { RequestContext } from "./handler.ts";

export const TOPIC = 2;
export const BROKER = 4;
export const BROKER_LOGGER = 8;
export const CLIENT_METRICS = 16;
export const GROUP = 32;
const TYPES: Readonly<Record<number, ConfigResourceType>> = {
  [TOPIC]: "topic",
  [BROKER]: "broker",
  [CLIENT_METRICS]: "client-metrics",
  [GROUP]: "group",
};

/** Number and name of a resource as requests carry them. */
export interface WireResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** @throws {RequestError} for a type that has no configs. */
export function configResource({ resourceType, resourceName }: WireResource): ConfigResource {
  const type = TYPES[resourceType];
  if (type === undefined) {
    throw new RequestError(
      "INVALID_REQUEST",
      `Unexpected resource type ${resourceType === BROKER_LOGGER ? "BROKER_LOGGER" : "UNKNOWN"}.`,
    );
  }
  return { type, name: resourceName };
}

/** The id in a broker's resource name; null for the empty name, which stands for all brokers. @throws {RequestError} */
export function brokerIdOf(context: RequestContext, name: string): number | null {
  if (name === "") return null;
  const id = Number(name);
  if (!/^-?\d+$/.test(name)) {
    throw new RequestError("INVALID_REQUEST", `Broker id must be an integer, but it is: ${name}`);
  }
  if (context.services.cluster.broker(id) === null) {
    throw new RequestError(
      "INVALID_REQUEST",
      `Unexpected broker id, expected ${context.broker.id} or empty string, but received ${name}`,
    );
  }
  return id;
}

/** Configs set on the resource; changes under way are not among them. @throws {RequestError} when there is no such resource. */
export function currentConfigs(
  context: RequestContext,
  resource: ConfigResource,
): ReadonlyMap<string, string> {
  const { image } = context.services.store;
  if (resource.type === "topic" && image.topic(resource.name) === null) {
    throw new RequestError(
      "UNKNOWN_TOPIC_OR_PARTITION",
      errorMessage("UNKNOWN_TOPIC_OR_PARTITION"),
    );
  }
  if (resource.type === "broker") brokerIdOf(context, resource.name);
  return image.configs(resource);
}

/**
 * Checks a change, makes it durable unless only asked to check, and tells who acts on it. @throws {InvalidConfig} {RequestError}
 *
 * @param change works out what becomes of the configs, which are those behind all changes under way.
 */
export async function alterResource(
  context: RequestContext,
  resource: ConfigResource,
  change: (current: ReadonlyMap<string, string>) => AlteredConfigs,
  validateOnly: boolean,
): Promise<void> {
  const { services } = context;
  const { store, topics } = services;
  const checked = (current: ReadonlyMap<string, string>) => {
    const altered = change(current);
    for (const broker of judgesOf(context, resource)) {
      const problem = validate(resource, altered, broker);
      if (problem !== null) throw problem;
    }
    return altered.changes;
  };
  const current = currentConfigs(context, resource);
  if (validateOnly) {
    checked(current);
    return;
  }
  await store.alterConfigs(resource, checked);
  if (resource.type === "topic") topics.configChanged(resource.name);
  if (resource.type === "broker") services.brokerConfigsChanged();
}

/**
 * The configurations of brokers that a change has to agree with, whichever broker is asked: a broker's own, those of all for their default, and for
 * anything else the controller's. @throws {RequestError}
 */
export function judgesOf(context: RequestContext, { type, name }: ConfigResource): BrokerConfig[] {
  const { cluster, config } = context.services;
  if (type !== "broker") return [config(cluster.controller.id)];
  const id = brokerIdOf(context, name);
  return (id === null ? cluster.brokerIds : [id]).map((judge) => config(judge));
}

function validate(resource: ConfigResource, { after }: AlteredConfigs, broker: BrokerConfig) {
  switch (resource.type) {
    case "topic":
      return validateTopicConfigs(after, broker);
    case "broker":
      return validateBrokerConfigs(after, broker, resource.name === "");
    case "group":
      return validateGroupConfigs(resource.name, after, broker);
    case "client-metrics":
      return validateClientMetricsConfigs(resource.name, after);
  }
}
