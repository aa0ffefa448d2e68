/** Whether the configs of a resource, as they would be after a change, are acceptable; in Kafka's words where it says no. */
import { InvalidConfig } from "../errors.ts";
import { nobodyMayConnect } from "./address-limits.ts";
import type { BrokerConfig } from "./broker-config.ts";
import { overriddenName } from "./broker-configs.ts";
import { CLIENT_METRICS_CONFIGS } from "./client-metrics-configs.ts";
import { type ConfigDefinition, parseConfig } from "./definition.ts";
import { GROUP_CONFIGS } from "./group-configs.ts";
import { topicConfigDefinition, topicConfigText } from "./topic-config.ts";

type Configs = ReadonlyMap<string, string>;
/** As a client sends them: a value may be missing. */
type SentConfigs = ReadonlyMap<string, string | null>;

const GROUP_DEFINITIONS = byName(GROUP_CONFIGS);
const CLIENT_METRICS_DEFINITIONS = byName(CLIENT_METRICS_CONFIGS);

/** May only be changed for one listener. */
const SECURITY_CONFIGS = new Set([
  "ssl.key.password",
  "ssl.keystore.certificate.chain",
  "ssl.keystore.key",
  "ssl.keystore.location",
  "ssl.keystore.password",
  "ssl.keystore.type",
  "ssl.truststore.certificates",
  "ssl.truststore.location",
  "ssl.truststore.password",
  "ssl.truststore.type",
]);

/** The broker's bounds of group configs; a group config and its broker config differ in the prefix `group.`. */
const BOUNDED_GROUP_CONFIGS: readonly {
  readonly name: string;
  readonly min?: string;
  readonly max?: string;
}[] = [
  ...["consumer", "share", "streams"].flatMap((kind) =>
    ["assignment.interval.ms", "heartbeat.interval.ms", "session.timeout.ms"].map((rest) => ({
      name: `${kind}.${rest}`,
      min: `group.${kind}.min.${rest}`,
      max: `group.${kind}.max.${rest}`,
    })),
  ),
  ...["delivery.count.limit", "partition.max.record.locks", "record.lock.duration.ms"].map(
    (rest) => ({
      name: `share.${rest}`,
      min: `group.share.min.${rest}`,
      max: `group.share.max.${rest}`,
    }),
  ),
  { name: "streams.num.standby.replicas", max: "group.streams.max.standby.replicas" },
];

const CLIENT_MATCH_KEYS =
  /^(client_instance_id|client_id|client_software_name|client_software_version|client_source_address|client_source_port)$/;

/** What is wrong with all the overrides of a topic together, or null. */
export function validateTopicConfigs(
  configs: SentConfigs,
  broker: BrokerConfig,
): InvalidConfig | null {
  const missing = [...configs].filter(([, text]) => text === null).map(([name]) => name);
  if (missing.length > 0) {
    return new InvalidConfig(`Null value not supported for topic configs: ${missing.join(",")}`);
  }
  const present = configs as Configs;
  for (const name of present.keys()) {
    if (topicConfigDefinition(name) === null) {
      return new InvalidConfig(`Unknown topic config name: ${name}`);
    }
  }
  return attempt(() => {
    for (const [name, text] of present) {
      parseConfig(topicConfigDefinition(name)!, text);
    }
    const minLag = topicConfigText(broker, present, "min.compaction.lag.ms")!;
    const maxLag = topicConfigText(broker, present, "max.compaction.lag.ms")!;
    if (BigInt(minLag) > BigInt(maxLag)) {
      throw new InvalidConfig(
        `conflict topic config setting min.compaction.lag.ms (${minLag}) > max.compaction.lag.ms (${maxLag})`,
      );
    }
    if (
      topicConfigText(broker, present, "remote.storage.enable") === "true" &&
      !broker.boolean("remote.log.storage.system.enable")
    ) {
      throw new InvalidConfig(
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
      );
    }
  });
}

/**
 * AD5: what is wrong with all dynamic configs of one broker, or of all brokers (`isDefault`), or null. Unknown names are accepted, as Kafka does: plug-ins
 * may know them.
 */
export function validateBrokerConfigs(
  configs: Configs,
  broker: BrokerConfig,
  isDefault: boolean,
): InvalidConfig | null {
  const refuse = (text: string, names: string[]) =>
    names.length === 0 ? null : new InvalidConfig(`${text}: [${names.join(", ")}]`, "request");
  const names = [...configs.keys()];
  const isFixed = (name: string) =>
    overriddenName(name) === null && broker.definition(name)?.updateMode === "read-only";
  return (
    refuse("Cannot update these configs dynamically", names.filter(isFixed)) ??
    refuse(
      "These security configs can be dynamically updated only per-listener using the listener prefix",
      names.filter((name) => SECURITY_CONFIGS.has(name)),
    ) ??
    attempt(() => {
      for (const [name, text] of configs) {
        const definition = broker.definition(name);
        if (definition !== null) {
          parseConfig(definition, text);
        }
      }
      checkConnectionLimits(configs, broker, isDefault);
    }, "request") ??
    refuse(
      "Cannot update these configs at default cluster level, broker id must be specified",
      names.filter((name) => isDefault && broker.definition(name)?.updateMode === "per-broker"),
    )
  );
}

/** A dynamic change must not lock everybody out: who would take it back? @throws {InvalidConfig} */
function checkConnectionLimits(configs: Configs, broker: BrokerConfig, isDefault: boolean): void {
  const { dynamicBroker, dynamicDefault } = broker;
  // Also what the change takes away: what it hid is in force again.
  const after = isDefault
    ? broker.withDynamic(dynamicBroker, configs)
    : broker.withDynamic(configs, dynamicDefault);
  const closes = (inForce: (config: BrokerConfig) => string | null) =>
    Number(inForce(after)) === 0 && Number(inForce(broker)) !== 0;
  for (const limit of ["max.connections", "max.connection.creation.rate"]) {
    // It holds beside a listener's own; a rate of 0 is only slow.
    if (limit === "max.connections" && closes((config) => config.text(limit))) {
      throw new InvalidConfig(`Invalid ${limit} 0`);
    }
    for (const listener of broker.list("listeners")) {
      const name = listener.split("://")[0]!;
      if (closes((config) => config.listenerText(name, limit))) {
        throw new InvalidConfig(`Invalid ${limit} 0`);
      }
    }
  }
  const problem = (config: BrokerConfig) =>
    nobodyMayConnect(
      config.text("max.connections.per.ip"),
      config.text("max.connections.per.ip.overrides"),
    );
  const locked = problem(after);
  if (locked !== null && problem(broker) === null) throw new InvalidConfig(locked);
}

/** What is wrong with all configs of a group together, or null. */
export function validateGroupConfigs(
  group: string,
  configs: Configs,
  broker: BrokerConfig,
): InvalidConfig | null {
  if (group === "") {
    return new InvalidConfig("Default group resources are not allowed.", "request");
  }
  for (const name of configs.keys()) {
    if (!GROUP_DEFINITIONS.has(name)) {
      return new InvalidConfig(`Unknown group config name: ${name}`);
    }
  }
  return attempt(() => {
    const inForce = (name: string) => {
      const text = configs.get(name);
      return text === undefined
        ? broker.number(`group.${name}`)
        : Number(parseConfig(GROUP_DEFINITIONS.get(name)!, text));
    };
    for (const [name, text] of configs) {
      parseConfig(GROUP_DEFINITIONS.get(name)!, text);
    }
    for (const { name, min, max } of BOUNDED_GROUP_CONFIGS) {
      if (configs.has(name) && min !== undefined && inForce(name) < broker.number(min)) {
        throw new InvalidConfig(`${name} must be greater than or equal to ${min}`);
      }
      if (configs.has(name) && max !== undefined && inForce(name) > broker.number(max)) {
        throw new InvalidConfig(`${name} must be less than or equal to ${max}`);
      }
    }
    for (const kind of ["consumer", "share", "streams"]) {
      const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`];
      if (inForce(session) <= inForce(heartbeat)) {
        throw new InvalidConfig(`${session} must be greater than ${heartbeat}`);
      }
    }
  });
}

/** What is wrong with all configs of a client-metrics subscription together, or null (KIP-714). */
export function validateClientMetricsConfigs(
  subscription: string,
  configs: Configs,
): InvalidConfig | null {
  if (subscription === "") {
    return new InvalidConfig("Subscription name can't be empty", "request");
  }
  for (const name of configs.keys()) {
    if (!CLIENT_METRICS_DEFINITIONS.has(name)) {
      return new InvalidConfig(`Unknown client metrics configuration: ${name}`, "request");
    }
  }
  return attempt(() => {
    for (const [name, text] of configs) {
      const value = parseConfig(CLIENT_METRICS_DEFINITIONS.get(name)!, text);
      if (name === "interval.ms" && (Number(value) < 100 || Number(value) > 3_600_000)) {
        throw new InvalidConfig(
          `Invalid value ${value} for interval.ms, interval must be between 100 and 3600000 (1 hour)`,
          "request",
        );
      }
      if (name === "match") {
        (value as readonly string[]).forEach(checkClientMatch);
      }
    }
  });
}

function checkClientMatch(pattern: string): void {
  const parts = pattern.split("=");
  if (parts.length !== 2 || !CLIENT_MATCH_KEYS.test(parts[0]!.trim())) {
    throw new InvalidConfig(`Illegal client matching pattern: ${pattern}`);
  }
  try {
    new RegExp(parts[1]!.trim());
  } catch {
    throw new InvalidConfig(`Illegal client matching pattern: ${pattern}`);
  }
}

function byName(definitions: readonly ConfigDefinition[]): ReadonlyMap<string, ConfigDefinition> {
  return new Map(definitions.map((definition) => [definition.name, definition]));
}

function attempt(check: () => void, kind?: InvalidConfig["kind"]): InvalidConfig | null {
  try {
    check();
    return null;
  } catch (error) {
    if (!(error instanceof InvalidConfig)) {
      throw error;
    }
    return kind === undefined ? error : new InvalidConfig(error.message, kind);
  }
}
