/**
 * The configs of a topic: its own overrides above the broker's values of the same settings, which have other names there and sometimes other units.
 */
import type { LogConfig } from "@ottla/log";
import type { BrokerConfig } from "./broker-config.ts";
import { brokerSynonyms } from "./broker-configs.ts";
import { type ConfigDefinition, canonicalText, parseConfig } from "./definition.ts";
import { TOPIC_CONFIGS } from "./topic-configs.ts";

/** Kafka's numbers for where a value comes from, as DescribeConfigs sends them. */
export const CONFIG_SOURCE = {
  topic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  brokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const;

/** One place a value could come from. */
export interface ConfigSynonym {
  readonly name: string;
  /** Null when it is a secret. */
  readonly value: string | null;
  readonly source: number;
}

export interface ResolvedConfig {
  readonly definition: ConfigDefinition;
  readonly value: string | null;
  readonly source: number;
  /** Strongest first (AD4). */
  readonly synonyms: readonly ConfigSynonym[];
}

/** The broker config behind each topic config. */
const BROKER_NAME = new Map([
  ["cleanup.policy", "log.cleanup.policy"],
  ["compression.gzip.level", "compression.gzip.level"],
  ["compression.lz4.level", "compression.lz4.level"],
  ["compression.type", "compression.type"],
  ["compression.zstd.level", "compression.zstd.level"],
  ["delete.retention.ms", "log.cleaner.delete.retention.ms"],
  ["file.delete.delay.ms", "log.segment.delete.delay.ms"],
  ["flush.messages", "log.flush.interval.messages"],
  ["flush.ms", "log.flush.interval.ms"],
  ["index.interval.bytes", "log.index.interval.bytes"],
  ["local.retention.bytes", "log.local.retention.bytes"],
  ["local.retention.ms", "log.local.retention.ms"],
  ["max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"],
  ["max.message.bytes", "message.max.bytes"],
  ["message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"],
  ["message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"],
  ["message.timestamp.type", "log.message.timestamp.type"],
  ["min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"],
  ["min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"],
  ["min.insync.replicas", "min.insync.replicas"],
  ["preallocate", "log.preallocate"],
  ["retention.bytes", "log.retention.bytes"],
  ["retention.ms", "log.retention.ms"],
  ["segment.bytes", "log.segment.bytes"],
  ["segment.index.bytes", "log.index.size.max.bytes"],
  ["segment.jitter.ms", "log.roll.jitter.ms"],
  ["segment.ms", "log.roll.ms"],
  ["unclean.leader.election.enable", "unclean.leader.election.enable"],
]);

const DEFINITIONS = new Map(TOPIC_CONFIGS.map((definition) => [definition.name, definition]));

/** Log configs of topics without overrides, one for each state of the broker's configs. */
const withoutOverrides = new WeakMap<BrokerConfig, LogConfig>();

export function topicConfigDefinition(name: string): ConfigDefinition | null {
  return DEFINITIONS.get(name) ?? null;
}

/** The canonical text of one config of a topic, or null when it is not set anywhere. */
export function topicConfigText(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
  name: string,
): string | null {
  const definition = DEFINITIONS.get(name)!;
  const override = overrides.get(name);
  if (override !== undefined) {
    return canonicalText(definition, override);
  }
  const brokerName = BROKER_NAME.get(name);
  const text =
    brokerName === undefined
      ? definition.defaultValue
      : brokerName.endsWith(".ms")
        ? durationText(broker, brokerName)
        : broker.text(brokerName);
  return text === null ? null : canonicalText(definition, text);
}

/** Every described config of a topic, with where its value comes from (AD4). Overrides are valid ones. */
export function resolveTopicConfig(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
): ResolvedConfig[] {
  return TOPIC_CONFIGS.filter(({ name, isInternal }) => !isInternal || overrides.has(name)).map(
    (definition) => {
      const { name } = definition;
      const value = topicConfigText(broker, overrides, name);
      const brokerName = BROKER_NAME.get(name);
      const synonyms = brokerName === undefined ? [] : configSynonyms(broker, brokerName, false);
      if (overrides.has(name)) {
        synonyms.unshift({ name, value, source: CONFIG_SOURCE.topic });
      }
      const source = synonyms[0]?.source ?? CONFIG_SOURCE.default;
      return { definition, value, source, synonyms };
    },
  );
}

/**
 * Where a broker config is set, strongest first. Like Kafka's, the list begins with the first entry of exactly this name, so
 * that it is empty for log.retention.ms as long as only hours are set.
 */
export function configSynonyms(
  broker: BrokerConfig,
  name: string,
  isSecret: boolean,
): ConfigSynonym[] {
  const found: ConfigSynonym[] = [];
  const names = brokerSynonyms(name);
  const collect = (source: number, textOf: (synonym: string) => string | null | undefined) => {
    for (const synonym of names) {
      const text = textOf(synonym);
      if (text !== null && text !== undefined) {
        found.push({ name: synonym, value: isSecret ? null : text, source });
      }
    }
  };
  collect(CONFIG_SOURCE.dynamicBroker, (synonym) => broker.dynamicBroker.get(synonym));
  collect(CONFIG_SOURCE.dynamicDefaultBroker, (synonym) => broker.dynamicDefault.get(synonym));
  collect(CONFIG_SOURCE.staticBroker, (synonym) => broker.given.get(synonym));
  // A key that Kafka gives no default has ours only as long as nobody set it.
  const isSet = found.length > 0;
  collect(CONFIG_SOURCE.default, (synonym) =>
    isSet && broker.definition(synonym)?.defaultValue === null ? null : broker.defaultText(synonym),
  );
  const first = found.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : found.slice(first);
}

/** The configs that the log acts on. Topics without overrides share one object per state of the broker's configs. */
export function toLogConfig(
  broker: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
): LogConfig {
  if (overrides.size > 0) {
    return buildLogConfig(broker, overrides);
  }
  let config = withoutOverrides.get(broker);
  if (config === undefined) {
    config = buildLogConfig(broker, overrides);
    withoutOverrides.set(broker, config);
  }
  return config;
}

function buildLogConfig(broker: BrokerConfig, overrides: ReadonlyMap<string, string>): LogConfig {
  const value = (name: string) =>
    parseConfig(DEFINITIONS.get(name)!, topicConfigText(broker, overrides, name)!);
  const number = (name: string) => {
    const parsed = Number(value(name));
    return parsed > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : parsed;
  };
  const policies = value("cleanup.policy") as readonly string[];
  return {
    cleanupPolicy: { delete: policies.includes("delete"), compact: policies.includes("compact") },
    compressionType: value("compression.type") as LogConfig["compressionType"],
    compressionLevels: {
      gzip: number("compression.gzip.level"),
      lz4: number("compression.lz4.level"),
      zstd: number("compression.zstd.level"),
    },
    maxMessageBytes: number("max.message.bytes"),
    timestampType: value("message.timestamp.type") as LogConfig["timestampType"],
    timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    minInsyncReplicas: number("min.insync.replicas"),
    segmentBytes: overrides.has("internal.segment.bytes")
      ? number("internal.segment.bytes")
      : number("segment.bytes"),
    segmentMs: number("segment.ms"),
    segmentJitterMs: number("segment.jitter.ms"),
    segmentIndexBytes: number("segment.index.bytes"),
    indexIntervalBytes: number("index.interval.bytes"),
    retentionMs: number("retention.ms"),
    retentionBytes: number("retention.bytes"),
    fileDeleteDelayMs: number("file.delete.delay.ms"),
    flushMessages: number("flush.messages"),
    flushMs: number("flush.ms"),
    deleteRetentionMs: number("delete.retention.ms"),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs: number("max.compaction.lag.ms"),
    minCleanableDirtyRatio: number("min.cleanable.dirty.ratio"),
    preallocate: value("preallocate") === true,
  };
}

/** The text of a time in ms. Given as such it stays exact; a larger unit is converted; negative retention is −1. */
function durationText(broker: BrokerConfig, name: string): string | null {
  const exact = broker.text(name);
  if (exact !== null) {
    return name === "log.retention.ms" && Number(exact) < 0 ? "-1" : exact;
  }
  const last = brokerSynonyms(name).at(-1)!;
  if (last === "log.flush.scheduler.interval.ms") {
    return broker.text(last); // Kept apart: 2^63 − 1 would not survive as a number.
  }
  const durationMs = broker.durationMs(name);
  return durationMs === null ? null : String(durationMs);
}
