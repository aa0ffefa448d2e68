import {
  type Api,
  alterConfigs as alterConfigsApi,
  describeConfigs as describeConfigsApi,
  incrementalAlterConfigs as incrementalAlterConfigsApi,
  listConfigResources as listConfigResourcesApi,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { ItemResult } from "./results.ts";
import { type ChangeOptions, errorOf } from "./topics.ts";

const RESOURCE_TYPES = {
  topic: 2,
  broker: 4,
  "broker-logger": 8,
  "client-metrics": 16,
  group: 32,
} as const;

export type ConfigResourceType = keyof typeof RESOURCE_TYPES;

/** What has configuration: a topic by name, a broker by its id as text ("" means the default of all brokers), a group. */
export interface ConfigResource {
  readonly type: ConfigResourceType;
  readonly name: string;
}

const SOURCES = [
  "unknown",
  "topic",
  "dynamic-broker",
  "dynamic-default-broker",
  "static-broker",
  "default",
  "dynamic-broker-logger",
  "client-metrics",
  "group",
] as const;

const TYPES = [
  "unknown",
  "boolean",
  "string",
  "int",
  "short",
  "long",
  "double",
  "list",
  "class",
  "password",
] as const;

export type ConfigSource = (typeof SOURCES)[number];
export type ConfigType = (typeof TYPES)[number];

export interface ConfigEntry {
  readonly name: string;
  /** Null for sensitive values. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly type: ConfigType;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** Where the value would come from, strongest first; when asked for. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly documentation: string | null;
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

export interface ResourceConfigs extends ConfigResource, ItemResult {
  readonly entries: readonly ConfigEntry[];
}

export interface DescribeConfigsOptions extends CallOptions {
  /** Only these keys. */
  readonly keys?: readonly string[];
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

export async function describeConfigs(
  cluster: Cluster,
  resources: readonly ConfigResource[],
  options: DescribeConfigsOptions,
): Promise<readonly ResourceConfigs[]> {
  const { includeDocumentation } = options;
  const groups = byBroker(resources);
  const answers = await Promise.all(
    [...groups].map(([broker, own]) =>
      callResource(
        cluster,
        broker,
        describeConfigsApi,
        {
          resources: own.map(({ type, name }) => ({
            resourceType: RESOURCE_TYPES[type],
            resourceName: name,
            configurationKeys: options.keys ?? null,
          })),
          includeSynonyms: options.includeSynonyms ?? false,
          ...(includeDocumentation === undefined ? {} : { includeDocumentation }),
        },
        options,
      ),
    ),
  );
  return answers.flatMap(({ results }) =>
    results.map((result) => ({
      type: typeOf(result.resourceType),
      name: result.resourceName,
      entries: result.configs.map((config) => ({
        name: config.name,
        value: config.value,
        source: SOURCES[config.configSource] ?? "unknown",
        type: TYPES[config.configType] ?? "unknown",
        isReadOnly: config.readOnly,
        isSensitive: config.isSensitive,
        synonyms: config.synonyms.map(({ name, value, source }) => ({
          name,
          value,
          source: SOURCES[source] ?? "unknown",
        })),
        documentation: config.documentation,
      })),
      error: errorOf(result.errorCode, `configs of ${result.resourceName}`, result.errorMessage),
    })),
  );
}

export interface AlteredConfigs extends ConfigResource, ItemResult {}

const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export interface ConfigChange {
  readonly name: string;
  /** `append` and `subtract` are for lists. Default: `set`. */
  readonly operation?: keyof typeof OPERATIONS;
  /** Left out for `delete`. */
  readonly value?: string | null;
}

export interface ResourceChanges extends ConfigResource {
  readonly changes: readonly ConfigChange[];
}

/** Changes the named keys and leaves all others alone. */
export async function incrementalAlterConfigs(
  cluster: Cluster,
  resources: readonly ResourceChanges[],
  options: ChangeOptions,
): Promise<readonly AlteredConfigs[]> {
  const answers = await Promise.all(
    [...byBroker(resources)].map(([broker, own]) =>
      callResource(
        cluster,
        broker,
        incrementalAlterConfigsApi,
        {
          resources: own.map(({ type, name, changes }) => ({
            resourceType: RESOURCE_TYPES[type],
            resourceName: name,
            configs: changes.map((change) => ({
              name: change.name,
              configOperation: OPERATIONS[change.operation ?? "set"],
              value: change.value ?? null,
            })),
          })),
          validateOnly: options.validateOnly ?? false,
        },
        options,
      ),
    ),
  );
  return answers.flatMap(({ responses }) => responses.map(altered));
}

export interface FullConfigs extends ConfigResource {
  readonly configs: Readonly<Record<string, string | null>>;
}

/** Replaces all configuration of the resources: keys not named go back to their defaults. */
export async function alterConfigs(
  cluster: Cluster,
  resources: readonly FullConfigs[],
  options: ChangeOptions,
): Promise<readonly AlteredConfigs[]> {
  const answers = await Promise.all(
    [...byBroker(resources)].map(([broker, own]) =>
      callResource(
        cluster,
        broker,
        alterConfigsApi,
        {
          resources: own.map(({ type, name, configs }) => ({
            resourceType: RESOURCE_TYPES[type],
            resourceName: name,
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
          })),
          validateOnly: options.validateOnly ?? false,
        },
        options,
      ),
    ),
  );
  return answers.flatMap(({ responses }) => responses.map(altered));
}

interface AlterAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

function altered(answer: AlterAnswer): AlteredConfigs {
  return {
    type: typeOf(answer.resourceType),
    name: answer.resourceName,
    error: errorOf(
      answer.errorCode,
      `alter configs of ${answer.resourceName}`,
      answer.errorMessage,
    ),
  };
}

/** What has configuration of its own, of some kinds or of all the broker knows (KIP-1142). */
export async function listConfigResources(
  cluster: Cluster,
  types: readonly ConfigResourceType[],
  options: CallOptions,
): Promise<readonly ConfigResource[]> {
  const { configResources } = await cluster.callAny(
    listConfigResourcesApi,
    types.length === 0 ? {} : { resourceTypes: types.map((type) => RESOURCE_TYPES[type]) },
    ({ errorCode }) => throwIfError(errorCode, "ListConfigResources"),
    options,
  );
  return configResources.map(({ resourceType, resourceName }) => ({
    type: typeOf(resourceType),
    name: resourceName,
  }));
}

function typeOf(code: number): ConfigResourceType {
  const entry = Object.entries(RESOURCE_TYPES).find(([, value]) => value === code);
  return (entry?.[0] ?? "topic") as ConfigResourceType;
}

/** A broker's own configuration is asked of that broker; the rest of any (−1). */
function byBroker<R extends ConfigResource>(resources: readonly R[]): Map<number, R[]> {
  const groups = new Map<number, R[]>();
  for (const resource of resources) {
    const isOne =
      (resource.type === "broker" || resource.type === "broker-logger") && resource.name !== "";
    const broker = isOne ? Number(resource.name) : -1;
    const own = groups.get(broker);
    if (own === undefined) groups.set(broker, [resource]);
    else own.push(resource);
  }
  return groups;
}

function callResource<A extends Api>(
  cluster: Cluster,
  broker: number,
  api: A,
  body: RequestInput<A>,
  options: CallOptions,
): Promise<ResponseOf<A>> {
  return broker < 0
    ? cluster.callAny(api, body, () => {}, options)
    : cluster.callBroker(broker, api, body, () => {}, options);
}
