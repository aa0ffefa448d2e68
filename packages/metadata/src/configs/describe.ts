/** AD4: what DescribeConfigs answers for each kind of resource. Keys that were asked for and do not exist are left out. */
import type { BrokerConfig } from "./broker-config.ts";
import { CLIENT_METRICS_CONFIGS } from "./client-metrics-configs.ts";
import { type ConfigType, canonicalText, isSensitive } from "./definition.ts";
import {
  brokerDocumentation,
  clientMetricsDocumentation,
  groupDocumentation,
  topicDocumentation,
} from "./documentation.ts";
import { GROUP_CONFIGS } from "./group-configs.ts";
import {
  CONFIG_SOURCE,
  type ConfigSynonym,
  configSynonyms,
  resolveTopicConfig,
} from "./topic-config.ts";

/** One config as the wire wants it; see DescribeConfigs in the protocol guide. */
export interface ConfigEntry {
  readonly name: string;
  /** Null when it is not set or a secret. */
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly source: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  /** Kafka's number of the type. */
  readonly type: number;
  /** What the setting does; null when nothing is known of it. */
  readonly documentation: string | null;
}

/** Names to describe; null means all. */
type Keys = readonly string[] | null;
type Configs = ReadonlyMap<string, string>;

const TYPE_UNKNOWN = 0;
const TYPE_NUMBERS: Readonly<Record<ConfigType, number>> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

export function describeTopicConfigs(
  broker: BrokerConfig,
  overrides: Configs,
  keys: Keys = null,
): ConfigEntry[] {
  const entries = resolveTopicConfig(broker, overrides).map(
    ({ definition, value, source, synonyms }) => ({
      name: definition.name,
      value,
      readOnly: false,
      source,
      isSensitive: false,
      synonyms,
      type: TYPE_NUMBERS[definition.type],
      documentation: topicDocumentation(definition.name),
    }),
  );
  return selected(entries, keys);
}

/** All configs of this broker: known ones, and unknown ones that were given, whose values are not shown. */
export function describeBrokerConfigs(broker: BrokerConfig, keys: Keys = null): ConfigEntry[] {
  const set = [
    ...broker.given.keys(),
    ...broker.dynamicDefault.keys(),
    ...broker.dynamicBroker.keys(),
  ];
  const names = new Set([...visibleNames(broker), ...set]);
  return selected(
    [...names].map((name) => brokerEntry(broker, name)),
    keys,
  );
}

/** What was changed for all brokers at once. */
export function describeBrokerDefaults(broker: BrokerConfig, keys: Keys = null): ConfigEntry[] {
  const entries = [...broker.dynamicDefault.keys()].map((name) => {
    const entry = brokerEntry(broker, name);
    const synonyms = entry.synonyms.filter(
      (synonym) => synonym.source === CONFIG_SOURCE.dynamicDefaultBroker,
    );
    const value = synonyms[0]?.value ?? null;
    return { ...entry, value, source: CONFIG_SOURCE.dynamicDefaultBroker, synonyms };
  });
  return selected(entries, keys);
}

export function describeGroupConfigs(
  broker: BrokerConfig,
  overrides: Configs,
  keys: Keys = null,
): ConfigEntry[] {
  const entries = GROUP_CONFIGS.map((definition) => {
    const { name, type } = definition;
    const brokerName = `group.${name}`;
    const synonyms =
      broker.definition(brokerName) === null
        ? [{ name, value: definition.defaultValue, source: CONFIG_SOURCE.default as number }]
        : configSynonyms(broker, brokerName, false);
    const override = overrides.get(name);
    if (override !== undefined) {
      const value = canonicalText(definition, override);
      synonyms.unshift({ name, value, source: CONFIG_SOURCE.group });
    }
    const strongest = synonyms[0]!;
    return {
      name,
      value: strongest.value,
      readOnly: false,
      source: strongest.source,
      isSensitive: false,
      synonyms,
      type: TYPE_NUMBERS[type],
      documentation: groupDocumentation(name),
    };
  });
  return selected(entries, keys);
}

export function describeClientMetricsConfigs(overrides: Configs, keys: Keys = null): ConfigEntry[] {
  const entries = CLIENT_METRICS_CONFIGS.map(({ name, type, defaultValue }) => {
    const override = overrides.get(name);
    const source = override === undefined ? CONFIG_SOURCE.default : CONFIG_SOURCE.clientMetrics;
    return {
      name,
      value: override ?? defaultValue,
      readOnly: false,
      source,
      isSensitive: false,
      synonyms: override === undefined ? [] : [{ name, value: override, source }],
      type: TYPE_NUMBERS[type],
      documentation: clientMetricsDocumentation(name),
    };
  });
  return selected(entries, keys);
}

function brokerEntry(broker: BrokerConfig, name: string): ConfigEntry {
  const definition = broker.definition(name);
  // A key that nobody knows may be a plug-in's password.
  const isSecret = definition === null || isSensitive(definition.type);
  const text = broker.text(name);
  const synonyms = configSynonyms(broker, name, isSecret);
  return {
    name,
    value: isSecret || text === null ? null : canonicalText(definition, text),
    // Listener overrides are reported as read-only although they can be changed, as in Kafka.
    readOnly: definition?.name !== name || definition.updateMode === "read-only",
    source: synonyms[0]?.source ?? CONFIG_SOURCE.default,
    isSensitive: isSecret,
    synonyms,
    type: definition === null ? TYPE_UNKNOWN : TYPE_NUMBERS[definition.type],
    documentation: brokerDocumentation(definition?.name ?? name, definition !== null),
  };
}

function visibleNames(broker: BrokerConfig): string[] {
  return [...broker.definitions()]
    .filter((definition) => !definition.isInternal)
    .map((definition) => definition.name);
}

function selected(entries: ConfigEntry[], keys: Keys): ConfigEntry[] {
  if (keys === null) {
    return entries;
  }
  const wanted = new Set(keys);
  return entries.filter((entry) => wanted.has(entry.name));
}
