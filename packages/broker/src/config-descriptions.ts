/**
 * What DescribeConfigs answers of resources (AD4). A request may name a resource any number of times and is answered as often, as in Kafka; so
 * what resources of a type with the same settings have in common is worked out once a request.
 */
import {
  type ConfigEntry,
  type ConfigResource,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeClientMetricsConfigs,
  describeGroupConfigs,
  describeTopicConfigs,
} from "@ottla/metadata";
import { brokerIdOf, currentConfigs } from "./config-resources.ts";
import type { RequestContext } from "./handler.ts";

/** All entries of a resource in their order, and the place of each by its name. */
interface Described {
  readonly entries: readonly ConfigEntry[];
  readonly places: ReadonlyMap<string, number>;
}

export class ConfigDescriptions {
  readonly #context: RequestContext;
  /** By kind of resource, then by the settings. */
  readonly #described = new Map<string, Map<object, Described>>();

  /** For one request. What is changed while it is answered may be seen or not. */
  constructor(context: RequestContext) {
    this.#context = context;
  }

  /** @param keys names to describe; null means all. @throws {RequestError} when there is no such resource. */
  entries(resource: ConfigResource, keys: readonly string[] | null): readonly ConfigEntry[] {
    const { entries, places } = this.#describe(resource);
    if (keys === null) return entries;
    const wanted = new Set<number>();
    for (const key of keys) {
      const place = places.get(key);
      if (place !== undefined) wanted.add(place);
    }
    return [...wanted].sort((a, b) => a - b).map((place) => entries[place]!);
  }

  #describe(resource: ConfigResource): Described {
    const { config } = this.#context.services;
    const { type, name } = resource;
    const current = currentConfigs(this.#context, resource);
    const broker = config(this.#context.broker.id);
    switch (type) {
      case "topic":
        return this.#once(type, current, () => describeTopicConfigs(broker, current));
      case "broker": {
        const id = brokerIdOf(this.#context, name);
        if (id === null) return this.#once("", broker, () => describeBrokerDefaults(broker));
        const asked = config(id);
        return this.#once(type, asked, () => describeBrokerConfigs(asked));
      }
      case "group":
        return this.#once(type, current, () => describeGroupConfigs(broker, current));
      case "client-metrics":
        return this.#once(type, current, () => describeClientMetricsConfigs(current));
    }
  }

  #once(kind: string, settings: object, describe: () => readonly ConfigEntry[]): Described {
    let ofKind = this.#described.get(kind);
    if (ofKind === undefined) {
      ofKind = new Map();
      this.#described.set(kind, ofKind);
    }
    let described = ofKind.get(settings);
    if (described === undefined) {
      const entries = describe();
      described = { entries, places: new Map(entries.map(({ name }, place) => [name, place])) };
      ofKind.set(settings, described);
    }
    return described;
  }
}
