/**
 * The configuration of one broker: what was given at start, in order of precedence, below what was changed since by AlterConfigs.
 *
 * AD5: a value changed for this broker wins over one changed for all brokers, over the given ones, over the default.
 */
import { InvalidConfig } from "../errors.ts";
import { nobodyMayConnect } from "./address-limits.ts";
import { BROKER_CONFIGS, brokerSynonyms, overriddenName } from "./broker-configs.ts";
import { type ConfigDefinition, type ConfigValue, parseConfig } from "./definition.ts";

type TextMap = ReadonlyMap<string, string>;

const NO_CONFIGS: TextMap = new Map();
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, minutes: 60_000, hours: 3_600_000 };

export interface BrokerConfigOptions {
  /** What was given at start, strongest first: flags, environment, file. */
  readonly layers: readonly TextMap[];
  /** Defaults that differ from the table's, such as the data directory. */
  readonly defaults?: TextMap;
  /** Configs beyond Kafka's. */
  readonly definitions?: readonly ConfigDefinition[];
}

export class BrokerConfig {
  /** What was given at start, unknown keys included. */
  readonly given: TextMap;
  readonly dynamicBroker: TextMap;
  readonly dynamicDefault: TextMap;
  /** Texts for people about keys that were given and mean nothing here. They do not stop a start. */
  readonly warnings: readonly string[];
  readonly #definitions: ReadonlyMap<string, ConfigDefinition>;
  readonly #defaults: TextMap;
  /** Values by name, parsed once. */
  readonly #values = new Map<string, ConfigValue | null>();

  private constructor(
    definitions: ReadonlyMap<string, ConfigDefinition>,
    defaults: TextMap,
    given: TextMap,
    dynamic: { readonly broker: TextMap; readonly default: TextMap },
  ) {
    this.#definitions = definitions;
    this.#defaults = defaults;
    this.given = given;
    this.dynamicBroker = dynamic.broker;
    this.dynamicDefault = dynamic.default;
    this.warnings = [...given.keys()]
      .filter((name) => this.definition(name) === null)
      .map((name) => `Unknown configuration '${name}' is ignored.`);
  }

  /** @throws {InvalidConfig} when a known key has a value that is not allowed. */
  static resolve(options: BrokerConfigOptions): BrokerConfig {
    const given = new Map<string, string>();
    for (const layer of options.layers.toReversed()) {
      for (const [name, text] of layer) {
        given.set(name, text);
      }
    }
    // Two names of one thing; either may be given.
    const id = given.get("node.id") ?? given.get("broker.id");
    if (id !== undefined) {
      given.set("node.id", id);
      given.set("broker.id", id);
    }
    const definitions = new Map(
      [...BROKER_CONFIGS, ...(options.definitions ?? [])].map((one) => [one.name, one]),
    );
    const config = new BrokerConfig(definitions, options.defaults ?? NO_CONFIGS, given, {
      broker: NO_CONFIGS,
      default: NO_CONFIGS,
    });
    for (const name of given.keys()) {
      if (config.definition(name) !== null) {
        config.value(name);
      }
    }
    const problem = nobodyMayConnect(
      config.text("max.connections.per.ip"),
      config.text("max.connections.per.ip.overrides"),
    );
    if (problem !== null) throw new InvalidConfig(problem);
    return config;
  }

  /** The same broker with other changes since its start. Values that cannot be parsed are left out. */
  withDynamic(broker: TextMap, defaults: TextMap): BrokerConfig {
    return new BrokerConfig(this.#definitions, this.#defaults, this.given, {
      broker: this.#parsable(broker),
      default: this.#parsable(defaults),
    });
  }

  /** All known configs, in order of name. */
  definitions(): Iterable<ConfigDefinition> {
    return this.#definitions.values();
  }

  /** What is known about a key, also where it overrides another for one listener; null for an unknown one. */
  definition(name: string): ConfigDefinition | null {
    return this.#definitions.get(name) ?? this.#definitions.get(overriddenName(name) ?? "") ?? null;
  }

  /** The default's text, or null. Listener overrides have none of their own. */
  defaultText(name: string): string | null {
    return this.#defaults.get(name) ?? this.#definitions.get(name)?.defaultValue ?? null;
  }

  /** The text in force under exactly this name, or null. */
  text(name: string): string | null {
    return (
      this.dynamicBroker.get(name) ??
      this.dynamicDefault.get(name) ??
      this.given.get(name) ??
      this.defaultText(name)
    );
  }

  /** The parsed value in force under exactly this name, or null. @throws {InvalidConfig} */
  value(name: string): ConfigValue | null {
    let value = this.#values.get(name);
    if (value === undefined) {
      const definition = this.definition(name);
      if (definition === null) {
        throw new InvalidConfig(`Unknown configuration '${name}'.`);
      }
      const text = this.text(name);
      value = text === null ? null : parseConfig(definition, text);
      this.#values.set(name, value);
    }
    return value;
  }

  /** The value for one listener (its lower-cased name), or for all when it has none of its own. */
  listenerText(listener: string, name: string): string | null {
    return this.text(`listener.name.${listener.toLowerCase()}.${name}`) ?? this.text(name);
  }

  /** The number for one listener, or for all when it has none of its own. */
  listenerNumber(listener: string, name: string): number {
    const own = this.value(`listener.name.${listener.toLowerCase()}.${name}`);
    return own === null ? this.number(name) : Number(own);
  }

  boolean(name: string): boolean {
    return this.#required(name) === true;
  }

  /** A SHORT, INT, LONG or DOUBLE. */
  number(name: string): number {
    return Number(this.#required(name));
  }

  string(name: string): string {
    return String(this.#required(name));
  }

  /** Entries of a LIST; none when it is not set. */
  list(name: string): readonly string[] {
    return (this.value(name) as readonly string[] | null) ?? [];
  }

  /** A time that may be given in several units, in ms: the strongest unit that is set anywhere. Null when none is. */
  durationMs(name: string): number | null {
    for (const synonym of brokerSynonyms(name)) {
      const value = this.value(synonym);
      if (value !== null) {
        const unit = UNIT_MS[synonym.slice(synonym.lastIndexOf(".") + 1)]!;
        return Number(value) * (Number(value) < 0 ? 1 : unit);
      }
    }
    return null;
  }

  #required(name: string): ConfigValue {
    const value = this.value(name);
    if (value === null) {
      throw new InvalidConfig(
        `Missing required configuration "${name}" which has no default value.`,
      );
    }
    return value;
  }

  #parsable(configs: TextMap): TextMap {
    const kept = new Map<string, string>();
    for (const [name, text] of configs) {
      const definition = this.definition(name);
      try {
        if (definition !== null) {
          parseConfig(definition, text);
        }
        kept.set(name, text);
      } catch (error) {
        if (!(error instanceof InvalidConfig)) {
          throw error;
        }
      }
    }
    return kept;
  }
}
